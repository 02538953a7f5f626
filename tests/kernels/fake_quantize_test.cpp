// Fake quantization while training: gradients against PyTorch's goldens and LibTorch's operators, the CPU's loops
// against the plain definition.
#include "kernels/fake_quantize.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "kernels/plain.h"
#include "model/golden.h"
#include "quantization/same_bits.h"

namespace slm {
namespace {

const Golden& golden() {
  static const Golden file("quantization/lsq.safetensors");
  return file;
}

struct LsqCase {
  const char* scheme;
  CodeRange range;
  const char* granularity;
};

class LsqGolden : public testing::TestWithParam<LsqCase> {};

TEST_P(LsqGolden, GradientsOfWeightAndScaleEqualPyTorch) {
  const auto& [scheme, range, granularity] = GetParam();
  for (const std::string factor : {"factor_one", "factor_lsq"}) {
    const auto prefix = std::string(scheme) + "." + granularity + "." + factor + ".";
    const auto x = golden()[prefix + "x"], gradient = golden()[prefix + "grad_y"].clone();
    const bool one_scale = std::string(granularity) == "per_tensor";
    const auto scales = one_scale ? golden()[prefix + "scale"] : golden()[prefix + "scale"].view({-1, 1});
    EXPECT_TRUE(same_bits(fake_quantize(x, scales, x.size(1), range), golden()[prefix + "y"])) << prefix;
    auto of_scales = fake_quantize_backward(x, scales, x.size(1), range, gradient);
    if (factor == "factor_lsq") of_scales *= 1 / std::sqrt(static_cast<double>(x.numel()) * range.max);
    EXPECT_TRUE(at::equal(gradient, golden()[prefix + "grad_x"])) << prefix;
    const auto expected = golden()[prefix + "grad_scale_f64"].view(of_scales.sizes());
    EXPECT_TRUE(close(of_scales, expected, 2e-6 * expected.abs().max().item<double>())) << prefix;
  }
}

INSTANTIATE_TEST_SUITE_P(
    FakeQuantize, LsqGolden,
    testing::Values(LsqCase{"int8", kInt8Codes, "per_tensor"}, LsqCase{"int8", kInt8Codes, "per_channel"},
                    LsqCase{"int4", kInt4Codes, "per_tensor"}, LsqCase{"int4", kInt4Codes, "per_channel"}),
    [](const auto& instance) { return std::string(instance.param.scheme) + "_" + instance.param.granularity; });

// Weights of which some are clipped, whatever the shape of the scales.
struct Example {
  at::Tensor x, gradient, scales;
};

Example example(int64_t rows, int64_t columns, at::IntArrayRef scales_shape) {
  return {at::randn({rows, columns}), at::randn({rows, columns}), at::rand(scales_shape) * 0.02f + 0.005f};
}

TEST(FakeQuantizeBackward, LoopsEqualThePlainDefinitionForEveryGranularity) {
  at::manual_seed(3);
  for (const auto& [shape, group] : std::vector<std::pair<std::vector<int64_t>, int64_t>>{
           {{1}, 100}, {{37, 1}, 100}, {{37, 4}, 32}, {{37, 100}, 1}, {{37, 7}, 16}}) {
    const auto [x, gradient, scales] = example(37, 100, shape);
    const auto ours = gradient.clone(), theirs = gradient.clone();
    const auto of_scales = fake_quantize_backward(x, scales, group, kInt8Codes, ours);
    const auto expected = plain::fake_quantize_backward(x, scales, group, kInt8Codes, theirs);
    EXPECT_TRUE(at::equal(ours, theirs));
    EXPECT_GT(at::count_nonzero(ours == 0).item<int64_t>(), 10);  // something was clipped
    ASSERT_EQ(of_scales.sizes(), scales.sizes());
    EXPECT_TRUE(close(of_scales, expected, 2e-6 * expected.abs().max().item<double>()));
  }
}

TEST(FakeQuantizeBackward, TheNumberOfThreadsDoesNotMatter) {
  at::manual_seed(4);
  const int before = at::get_num_threads();
  for (const auto& shape : std::vector<std::vector<int64_t>>{{1}, {512, 1}, {512, 4}}) {
    const auto [x, gradient, scales] = example(512, 256, shape);
    at::Tensor of_scales[2], of_x[2];
    for (const int threads : {1, 2}) {
      at::set_num_threads(threads);
      of_x[threads - 1] = gradient.clone();
      const int64_t group = 256 / (shape.size() == 2 ? shape[1] : 1);
      of_scales[threads - 1] = fake_quantize_backward(x, scales, group, kInt4Codes, of_x[threads - 1]);
    }
    EXPECT_TRUE(same_bits(of_scales[0], of_scales[1]));
    EXPECT_TRUE(same_bits(of_x[0], of_x[1]));
  }
  at::set_num_threads(before);
}

TEST(FakeQuantizeInto, RoundsTheValuesToTheShadowsType) {
  at::manual_seed(5);
  const auto [x, gradient, scales] = example(9, 70, {9, 5});
  const auto values = fake_quantize(x, scales, 16, kInt4Codes), shadow = at::empty_like(x, at::kBFloat16);
  fake_quantize_into(x, scales, 16, kInt4Codes, shadow);
  EXPECT_TRUE(at::equal(shadow, values.to(at::kBFloat16)));
}

TEST(FakeQuantizeAffine, ValuesAndGradientEqualLibTorchs) {
  at::manual_seed(6);
  const AffineScale scale{0.02f, 121};
  const auto x = at::randn({5, 7, 33}) * 2, slope = at::randn_like(x);
  auto ours = x.clone().set_requires_grad(true), theirs = x.clone().set_requires_grad(true);
  int64_t clipped = 0;
  const auto y = fake_quantize_affine(ours, scale, clipped);
  const auto expected = at::fake_quantize_per_tensor_affine(theirs, scale.scale, scale.zero_point, 0, 255);
  EXPECT_TRUE(same_bits(y.detach(), expected.detach()));
  torch::autograd::backward({(y * slope).sum()}, {});
  torch::autograd::backward({(expected * slope).sum()}, {});
  EXPECT_TRUE(same_bits(ours.grad(), theirs.grad()));
  EXPECT_EQ(clipped, at::count_nonzero(theirs.grad() == 0).item<int64_t>());
  EXPECT_GT(clipped, 0);
}

TEST(FakeQuantizeAffine, WithoutClippingTheGradientGoesThrough) {
  int64_t clipped = 0;
  auto x = at::rand({4, 8}).set_requires_grad(true);
  const auto y = fake_quantize_affine(x, affine_scale(0, 1), clipped);
  torch::autograd::backward({y.sum()}, {});
  EXPECT_EQ(clipped, 0);
  EXPECT_TRUE(at::equal(x.grad(), at::ones_like(x)));
}

TEST(FakeQuantizeRows, EachRowHasAScaleOfItsOwnAndTheGradientGoesThrough) {
  at::manual_seed(7);
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    auto x = (at::randn({3, 5, 40}) * at::rand({3, 5, 1})).to(dtype);
    x[1][2].zero_();
    const auto [codes, scales] = quantize_rows(x);
    x.set_requires_grad(true);
    const auto y = fake_quantize_rows(x);
    EXPECT_TRUE(at::equal(y.detach(), dequantize(codes, scales, 40).view(x.sizes()).to(dtype)));
    EXPECT_TRUE(at::equal(y.detach(), plain::fake_quantize_rows(x.detach())));
    torch::autograd::backward({(y * 3).sum()}, {});
    EXPECT_TRUE(at::equal(x.grad(), at::full_like(x, 3)));
  }
}

TEST(FakeQuantizeAffine, TheLoopEqualsThePlainDefinitionInBfloat16) {
  at::manual_seed(8);
  const auto x = (at::randn({6, 50}) * 3).to(at::kBFloat16);
  int64_t clipped = 0;
  const AffineScale scale{0.015f, 100};
  EXPECT_TRUE(at::equal(fake_quantize_affine(x, scale, clipped), plain::fake_quantize_affine(x, scale)));
}

}  // namespace
}  // namespace slm
