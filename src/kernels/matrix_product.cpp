#include "kernels/matrix_product.h"

#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>

#include <algorithm>

#include "core/cpu_features.h"

namespace slm {
namespace {

constexpr int64_t kFewRows = 8;  // below, a product only reads its weight, and MKL's path is shorter

// LibTorch's operator of oneDNN's matrix product, x w^T + bias; it has no C++ declaration.
at::Tensor onednn_linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  using Signature = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view,
                               c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);
  static const auto linear =
      c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "").typed<Signature>();
  return linear.call(x, w, bias.defined() ? std::optional(bias) : std::nullopt, "none",
                     c10::List<std::optional<at::Scalar>>(), std::nullopt);
}

bool by_onednn(const at::Tensor& x, MatrixLibrary library) { return library == MatrixLibrary::kOneDnn && x.is_cpu(); }

}  // namespace

MatrixLibrary matrix_library() {
  return has_avx512() && !made_by_intel() ? MatrixLibrary::kOneDnn : MatrixLibrary::kMkl;
}

at::Tensor product_with_transposed(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                                   MatrixLibrary library) {
  if (!by_onednn(x, library) || x.size(0) < kFewRows) return at::linear(x, w, bias);
  return onednn_linear(x, w, bias);
}

at::Tensor product(const at::Tensor& y, const at::Tensor& w, MatrixLibrary library) {
  if (!by_onednn(y, library) || y.size(0) < kFewRows) return at::mm(y, w);
  return onednn_linear(y, w.t(), {});
}

void add_transposed_product(const at::Tensor& sum, const at::Tensor& y, const at::Tensor& x, MatrixLibrary library) {
  if (!by_onednn(y, library) && y.scalar_type() == at::kFloat) {
    sum.addmm_(y.t(), x);
    return;
  }
  // oneDNN's operator has no output to add to: piece by piece, so that what is made first is never large.
  const int64_t rows = sum.size(0), piece = std::max<int64_t>(64, kGradientPieceElements / sum.size(1));
  const auto columns = x.t();  // (K, M)
  for (int64_t row = 0; row < rows; row += piece) {
    const int64_t count = std::min(piece, rows - row);
    sum.narrow(0, row, count).add_(product_with_transposed(y.narrow(1, row, count).t(), columns, {}, library));
  }
}

}  // namespace slm
