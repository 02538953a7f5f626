#include "kernels/matrix_product.h"

#include <ATen/ATen.h>

#include "model/golden.h"

namespace slm {
namespace {

struct Sizes {
  int64_t m, k, n;
};

class MatrixProduct : public testing::TestWithParam<MatrixLibrary> {};

TEST_P(MatrixProduct, EqualsFloat64) {
  at::manual_seed(4);
  for (const auto& [m, k, n] : std::vector<Sizes>{{1, 5, 3}, {33, 65, 17}, {96, 128, 384}, {10, 700, 1600}}) {
    const auto x = at::randn({m, k}), w = at::randn({n, k}), y = at::randn({m, n}), bias = at::randn({n});
    const auto wide = [](const at::Tensor& t) { return t.to(at::kDouble); };
    // A sum of K products of normal numbers, rounded K times: well inside 2^-24 K^(3/2).
    const auto tolerance = [](int64_t terms) { return 0x1p-24 * std::pow(static_cast<double>(terms), 1.5) + 1e-5; };
    const auto expected = wide(x).mm(wide(w).t()) + wide(bias);
    EXPECT_TRUE(close(product_with_transposed(x, w, bias, GetParam()), expected, tolerance(k)));
    EXPECT_TRUE(close(product_with_transposed(x, w, {}, GetParam()), expected - wide(bias), tolerance(k)));
    EXPECT_TRUE(close(product(y, w, GetParam()), wide(y).mm(wide(w)), tolerance(n)));
    const auto start = at::randn({n, k}), sum = start.clone();
    add_transposed_product(sum, y, x, GetParam());
    EXPECT_TRUE(close(sum, wide(start) + wide(y).t().mm(wide(x)), tolerance(m)));
  }
}

TEST_P(MatrixProduct, TheSameInputGivesTheSameBits) {
  const auto x = at::randn({96, 128}), y = at::randn({96, 384});
  const auto once = [&] {
    const auto sum = at::zeros({384, 128});
    add_transposed_product(sum, y, x, GetParam());
    return sum;
  };
  EXPECT_TRUE(at::equal(once(), once()));
}

INSTANTIATE_TEST_SUITE_P(Libraries, MatrixProduct, testing::Values(MatrixLibrary::kMkl, MatrixLibrary::kOneDnn),
                         [](const auto& parameter) {
                           return parameter.param == MatrixLibrary::kMkl ? "Mkl" : "OneDnn";
                         });

}  // namespace
}  // namespace slm
