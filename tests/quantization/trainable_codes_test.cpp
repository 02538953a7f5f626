// Codes that are trained: rounding by chance, residuals, and the layer's gradients.
#include "quantization/trainable_codes.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/rng.h"
#include "kernels/plain.h"
#include "kernels/stochastic_round.h"
#include "model/golden.h"
#include "quantization/same_bits.h"
#include "quantization/trainable_packed_linear.h"

namespace slm {
namespace {

struct CodesCase {
  const char* name;
  Scheme scheme;
  int residual_bits;
};

const std::vector<CodesCase>& cases() {
  using enum Granularity;
  static const std::vector<CodesCase> all{{"int8", {.bits = 8, .granularity = kPerChannel}, 0},
                                          {"int8_r4", {.bits = 8, .granularity = kPerChannel}, 4},
                                          {"int8_tensor", {.bits = 8, .granularity = kPerTensor}, 0},
                                          {"int4", {.bits = 4, .granularity = kPerGroup, .group_size = 16}, 0},
                                          {"int4_r2", {.bits = 4, .granularity = kPerGroup, .group_size = 16}, 2},
                                          {"int4_r4", {.bits = 4, .granularity = kPerGroup, .group_size = 16}, 4},
                                          {"int4_r8", {.bits = 4, .granularity = kPerChannel}, 8},
                                          {"int4_tensor_r4", {.bits = 4, .granularity = kPerTensor}, 4}};
  return all;
}

QuantizedWeight quantized(const at::Tensor& weight, const Scheme& scheme) {
  return round_to_nearest(weight, scheme, amax_scales(weight, scheme));
}

class Codes : public testing::TestWithParam<CodesCase> {
 protected:
  Codes() { at::manual_seed(11); }

  at::Tensor weight_ = [] {
    at::manual_seed(10);
    return at::randn({24, 40}) * 0.05;
  }();
  QuantizedWeight start_ = quantized(weight_, GetParam().scheme);
  TrainableCodes codes_{start_, GetParam().residual_bits};
};

TEST_P(Codes, BeginWithTheValuesOfTheCheckpoint) {
  EXPECT_TRUE(at::equal(codes_.weight().codes, start_.codes));
  EXPECT_TRUE(same_bits(codes_.values(at::kFloat), dequantize(start_)));
  EXPECT_EQ(at::count_nonzero(codes_.residual()).item<int64_t>(), 0);
}

TEST_P(Codes, AnUpdateThatChangesNothingChangesNothing) {
  const auto before = codes_.stored().clone();
  for (uint64_t key = 1; key <= 50; ++key) {
    codes_.update(ScalePolicy::kFixed, key, [](const at::Tensor&, int64_t) {});
    ASSERT_TRUE(at::equal(codes_.stored(), before)) << key;
  }
}

// A push of a twentieth of a step moves one stored number in twenty; nothing is lost on average.
TEST_P(Codes, SmallUpdatesAddUp) {
  const double parts = 1 << GetParam().residual_bits;
  const auto step = dequantize({start_.scheme, at::ones_like(start_.codes), start_.scales}) / parts;
  const auto before = codes_.stored().to(at::kDouble);
  const int updates = 40;
  for (int i = 0; i < updates; ++i) {
    codes_.update(ScalePolicy::kFixed, derive_key(7, std::to_string(i)), [&](const at::Tensor& values, int64_t row) {
      values.sub_(step.narrow(0, row, values.size(0)) * at::sign(before.narrow(0, row, values.size(0))).to(at::kFloat),
                  0.05);
    });
  }
  // Numbers far enough from 0 move by 2 of their units towards it; each move is a coin, so the mean of n of them has a
  // standard deviation of sqrt(2 / n).
  const auto far = before.abs() > 6;
  const auto moved = ((before - codes_.stored().to(at::kDouble)) * at::sign(before)).masked_select(far);
  if (moved.numel() < 50) GTEST_SKIP() << "too few codes lie far from 0";
  EXPECT_NEAR(moved.mean().item<double>(), updates * 0.05, 5 * std::sqrt(2.0 / static_cast<double>(moved.numel())));
}

TEST_P(Codes, ResidualsAndCodesTogetherAreTheState) {
  codes_.update(ScalePolicy::kFixed, 5,
                [&](const at::Tensor& values, int64_t) { values.add_(at::randn_like(values), 0.01); });
  TrainableCodes again(codes_.weight(), GetParam().residual_bits);
  again.set_residual(codes_.residual());
  EXPECT_TRUE(at::equal(again.stored(), codes_.stored()));
}

TEST_P(Codes, RefreshedScalesFollowTheWeights) {
  codes_.update(ScalePolicy::kRefresh, 5, [](const at::Tensor& values, int64_t) { values.mul_(3); });
  EXPECT_TRUE(at::allclose(codes_.scales(), 3 * start_.scales, 1e-6, 0));
  const auto furthest = (codes_.values(at::kFloat) - 3 * dequantize(start_)).abs().max().item<float>();
  EXPECT_LE(furthest, 1.01 * codes_.scales().max().item<float>());
}

TEST_P(Codes, WithoutAKeyEachValueGoesToTheNearestNumberHalvesToEven) {
  const auto& scheme = GetParam().scheme;
  const int parts = 1 << GetParam().residual_bits, most = scheme.codes().max * parts;
  const auto step = dequantize({scheme, at::ones_like(start_.codes), start_.scales}) / parts;
  const auto stored = codes_.stored().to(at::kDouble);
  const auto push = at::randn({24, 40}) * 0.4;
  codes_.update(ScalePolicy::kFixed, std::nullopt, [&](const at::Tensor& values, int64_t row) {
    values.add_(step.narrow(0, row, values.size(0)) * push.narrow(0, row, values.size(0)));
  });
  const auto exact = stored + push.to(at::kDouble);
  const auto nearest = at::round(exact).clamp(-most, most), off = (codes_.stored().to(at::kDouble) - nearest).abs();
  const auto tie = (exact - at::floor(exact) - 0.5).abs() < 1e-2;  // where float32 decides
  EXPECT_EQ(at::count_nonzero(off.masked_select(tie.logical_not())).item<int64_t>(), 0);
  EXPECT_LE(off.max().item<double>(), 1);
  // Halves, exactly: of a scale that is a power of two.
  TrainableCodes halves({scheme, at::zeros({1, 4}, at::kChar), at::full(scheme.scales_shape(1, 4), 0.25f)},
                        GetParam().residual_bits);
  halves.update(ScalePolicy::kFixed, std::nullopt, [&](const at::Tensor& values, int64_t) {
    values.copy_(at::tensor({0.5f, 1.5f, -0.5f, -1.5f}).view({1, 4}) * (0.25f / static_cast<float>(parts)));
  });
  EXPECT_TRUE(at::equal(halves.stored().to(at::kLong), at::tensor({0, 2, 0, -2}, at::kLong).view({1, 4})));
}

TEST_P(Codes, RoundingEqualsThePlainDefinition) {
  const auto& scheme = GetParam().scheme;
  const auto x = at::randn({24, 40}) * 0.1;
  const auto stored = at::empty_like(codes_.stored());
  const StochasticGrid grid{.group_size = scheme.run_length(40),
                            .parts = 1 << GetParam().residual_bits,
                            .max = scheme.codes().max << GetParam().residual_bits,
                            .key = 99,
                            .first = 1000};
  stochastic_round(x, start_.scales, grid, stored);
  EXPECT_TRUE(at::equal(stored.to(at::kShort), plain::stochastic_round(x, start_.scales, grid)));
}

INSTANTIATE_TEST_SUITE_P(All, Codes, testing::ValuesIn(cases()),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST(StochasticUniforms, DoNotDependOnWhereTheDrawingBegins) {
  const auto all = stochastic_uniforms(3, 0, 1000);
  EXPECT_TRUE(at::equal(stochastic_uniforms(3, 137, 500), all.narrow(0, 137, 500)));
  EXPECT_GE(all.min().item<float>(), 0);
  EXPECT_LT(all.max().item<float>(), 1);
  EXPECT_NEAR(all.mean().item<double>(), 0.5, 5 * std::sqrt(1 / 12.0 / 1000));
}

struct LayerCase {
  const char* name;
  QuantizationType type;
  int bits;
};

class TrainablePacked : public testing::TestWithParam<LayerCase> {};

// Against autograd through at::linear over the same values; activations by LibTorch's own operator where static.
TEST_P(TrainablePacked, OutputsAndGradientsEqualAutogradsOverTheSameValues) {
  at::manual_seed(12);
  const auto& [name, type, bits] = GetParam();
  const Scheme scheme{.bits = bits, .type = type, .granularity = Granularity::kPerChannel};
  const auto weight = quantized(at::randn({6, 10}) * 0.1, scheme);
  const auto scale = affine_scale(-1, 1.5);
  const bool is_static = type == QuantizationType::kStatic;
  auto bias = at::randn({6}), their_bias = bias.clone().set_requires_grad(true);
  const auto gradient = at::full({6, 10}, 0.25);
  const PackedLinear packed(weight, bias, is_static ? std::optional(scale) : std::nullopt);
  bias.set_requires_grad(true);
  TrainablePackedLinear layer(packed, bits == 4 ? 4 : 0, gradient);
  auto x = at::randn({3, 4, 10}).set_requires_grad(true), their_x = x.detach().clone().set_requires_grad(true);
  const auto slope = at::randn({3, 4, 6});

  auto values = dequantize(weight).set_requires_grad(true);
  at::Tensor quantized_x = their_x;
  if (is_static) quantized_x = at::fake_quantize_per_tensor_affine(their_x, scale.scale, scale.zero_point, 0, 255);
  if (type == QuantizationType::kDynamic) {
    quantized_x = their_x + (plain::fake_quantize_rows(their_x.detach()) - their_x).detach();
  }
  const auto expected = at::linear(quantized_x, values, their_bias);
  torch::autograd::backward({(expected * slope).sum()}, {});

  const auto y = layer.forward(x);
  torch::autograd::backward({(y * slope).sum()}, {});
  EXPECT_TRUE(close(y, expected, 1e-6));
  EXPECT_TRUE(close(x.grad(), their_x.grad(), 1e-6));
  EXPECT_TRUE(close(gradient - 0.25, values.grad(), 1e-5));  // sums of 12 terms below 10
  EXPECT_TRUE(close(bias.grad(), their_bias.grad(), 1e-5));
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(close(layer.forward(x), expected, 1e-6));
  EXPECT_TRUE(close(layer.packed().plain_forward(x), expected, 1e-6));
}

// The layer is linear in its input, so a difference quotient is exact but for rounding.
TEST_P(TrainablePacked, TheGradientOfTheInputIsTheDifferenceQuotient) {
  at::manual_seed(13);
  const auto& [name, type, bits] = GetParam();
  if (type != QuantizationType::kWeightOnly) GTEST_SKIP() << "steps have no difference quotient";
  const Scheme scheme{.bits = bits, .type = type, .granularity = Granularity::kPerTensor};
  TrainablePackedLinear layer(PackedLinear(quantized(at::randn({5, 8}) * 0.1, scheme), {}, {}), 0, at::zeros({5, 8}));
  auto x = at::randn({2, 8}).set_requires_grad(true);
  const auto slope = at::randn({2, 5});
  torch::autograd::backward({(layer.forward(x) * slope).sum()}, {});
  const at::NoGradGuard no_grad;
  for (int64_t i = 0; i < x.numel(); ++i) {
    auto up = x.detach().clone(), down = x.detach().clone();
    up.view({-1})[i] += 0.5;
    down.view({-1})[i] -= 0.5;
    const auto quotient = ((layer.forward(up) - layer.forward(down)) * slope).sum().item<float>();
    EXPECT_NEAR(quotient, x.grad().view({-1})[i].item<float>(), 2e-6) << i;
  }
}

TEST(TrainablePackedLinear, FrozenCodesPassGradientsOn) {
  const Scheme scheme{.bits = 8, .granularity = Granularity::kPerChannel};
  const auto weight = quantized(at::randn({6, 10}), scheme);
  TrainablePackedLinear layer(PackedLinear(weight, {}, {}), 0, {});
  auto x = at::randn({3, 10}).set_requires_grad(true);
  torch::autograd::backward({layer.forward(x).sum()}, {});
  EXPECT_TRUE(close(x.grad(), dequantize(weight).sum(0).expand({3, 10}), 1e-5));
}

INSTANTIATE_TEST_SUITE_P(All, TrainablePacked,
                         testing::Values(LayerCase{"int8_static", QuantizationType::kStatic, 8},
                                         LayerCase{"int8_dynamic", QuantizationType::kDynamic, 8},
                                         LayerCase{"int8", QuantizationType::kWeightOnly, 8},
                                         LayerCase{"int4", QuantizationType::kWeightOnly, 4}),
                         [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace slm
