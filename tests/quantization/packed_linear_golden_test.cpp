// Packed linear layers against integer arithmetic in PyTorch.
//
// y = x^ W^^T + b of K terms in float32 differs from the exact sum by at most 2^-24 (K + 4) (|x^| |W^|^T + |b|) to
// first order: one rounding for each factor's value, one for the product, K - 1 for the sum, one for the bias and one
// more for the order of two scales. Integers that are summed exactly and scaled at the end lie well inside.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include "kernels/quantize.h"
#include "model/golden.h"
#include "quantization/packed_linear.h"
#include "quantization/same_bits.h"

namespace slm {
namespace {

const std::vector<std::string> kStaticCases = {"one",  "odd",   "odd_large", "group_and_one",
                                               "even", "token", "zero_row",  "saturated"};

// |y - expected| as a share of what rounding may do; x^, W^ and b as above.
testing::AssertionResult within_rounding(const at::Tensor& y, const at::Tensor& expected, const at::Tensor& values,
                                         const at::Tensor& weight, const at::Tensor& bias) {
  const auto wide = [](const at::Tensor& t) { return t.to(at::kDouble).abs(); };
  const auto size = wide(values).mm(wide(weight).t()) + wide(bias);
  const auto tolerance = 0x1p-24 * static_cast<double>(weight.size(1) + 4) * size;
  const auto error = (y.to(at::kDouble) - expected.to(at::kDouble)).abs() / tolerance.clamp_min(1e-300);
  return close(error, at::zeros_like(error), 1.0);
}

TEST(PackedLinearGolden, StaticEqualsIntegerArithmetic) {
  const Golden golden("quantization/linear_static.safetensors");
  for (const auto& name : kStaticCases) {
    const auto x = golden[name + ".x"], bias = golden[name + ".bias"];
    const AffineScale activation{golden[name + ".x_scale"].item<float>(), golden[name + ".x_zero_point"].item<int>()};
    const auto codes = quantize_affine(x, activation);
    EXPECT_TRUE(at::equal(codes, golden[name + ".x_codes"])) << name;
    for (const auto granularity : {Granularity::kPerTensor, Granularity::kPerChannel}) {
      const auto prefix = fmt::format("{}.{}.", name, name_of(granularity));
      const Scheme scheme{.type = QuantizationType::kStatic, .granularity = granularity};
      const auto scales = golden[prefix + "weight_scale"];
      const QuantizedWeight weight{scheme, golden[prefix + "weight_codes"],
                                   scheme.per_tensor() ? scales : scales.view({-1, 1})};
      const auto ours =
          round_to_nearest(golden[name + ".weight"], scheme, amax_scales(golden[name + ".weight"], scheme));
      EXPECT_TRUE(at::equal(ours.codes, weight.codes)) << prefix;
      EXPECT_TRUE(same_bits(ours.scales, weight.scales)) << prefix;
      const auto y = PackedLinear(weight, bias, activation).forward(x);
      EXPECT_TRUE(
          within_rounding(y, golden[prefix + "y_f64"], dequantize_affine(codes, activation), dequantize(weight), bias))
          << prefix;
    }
  }
}

struct Dynamic {
  const char* prefix;
  Scheme scheme;
};

const std::vector<Dynamic> kDynamic = {
    {"int8", {.bits = 8, .type = QuantizationType::kDynamic, .granularity = Granularity::kPerChannel}},
    {"int4", {.bits = 4, .type = QuantizationType::kDynamic, .granularity = Granularity::kPerGroup, .group_size = 64}}};

TEST(PackedLinearGolden, DynamicEqualsIntegerArithmetic) {
  const Golden golden("quantization/linear_dynamic.safetensors");
  for (const auto& name : kStaticCases) {
    const auto x = golden[name + ".x"], bias = golden[name + ".bias"];
    const auto rows = quantize_rows(x);
    EXPECT_TRUE(at::equal(rows.codes, golden[name + ".x_codes"])) << name;
    EXPECT_TRUE(same_bits(rows.scales.flatten(), golden[name + ".x_scale"])) << name;
    for (const auto& [bits, scheme] : kDynamic) {
      const auto prefix = name + "." + bits + ".";
      const QuantizedWeight weight{scheme, golden[prefix + "weight_codes"],
                                   golden[prefix + "weight_scale"].view({bias.size(0), -1})};
      const auto y = PackedLinear(weight, bias, std::nullopt).forward(x);
      EXPECT_TRUE(within_rounding(y, golden[prefix + "y_f64"], dequantize(rows.codes, rows.scales, x.size(1)),
                                  dequantize(weight), bias))
          << prefix;
    }
  }
}

TEST(PackedLinearGolden, WeightOnlyEqualsFloat64) {
  const Golden golden("quantization/linear_dynamic.safetensors");
  for (const auto& name : kStaticCases) {
    const auto x = golden[name + ".x"], bias = golden[name + ".bias"];
    auto scheme = kDynamic[1].scheme;
    scheme.type = QuantizationType::kWeightOnly;
    const QuantizedWeight weight{scheme, golden[name + ".int4.weight_codes"], golden[name + ".int4.weight_scale"]};
    const auto y = PackedLinear(weight, bias, std::nullopt).forward(x);
    EXPECT_TRUE(within_rounding(y, golden[name + ".int4.weight_only.y_f64"], x, dequantize(weight), bias)) << name;
  }
}

class EveryType : public testing::TestWithParam<QuantizationType> {
 protected:
  // (33 -> 7), groups of 16, with a bias.
  PackedLinear layer() const {
    at::manual_seed(1);
    const Scheme scheme{.bits = 4, .type = GetParam(), .granularity = Granularity::kPerGroup, .group_size = 16};
    const auto weight = at::randn({7, 33});
    std::optional<AffineScale> activation;
    if (GetParam() == QuantizationType::kStatic) activation = AffineScale{0.03f, 110};
    return {round_to_nearest(weight, scheme, amax_scales(weight, scheme)), at::randn({7}), activation};
  }
};

TEST_P(EveryType, KeepsShapeAndTypeOfItsInputNoRowsAndBfloat16Included) {
  auto packed = layer();
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    for (const auto& shape : std::vector<std::vector<int64_t>>{{33}, {4, 33}, {2, 3, 33}, {0, 33}, {2, 0, 33}}) {
      auto expected = shape;
      expected.back() = 7;
      const auto y = packed.forward(at::randn(shape).to(dtype));
      EXPECT_EQ(y.sizes(), at::IntArrayRef(expected));
      EXPECT_EQ(y.scalar_type(), dtype);
    }
  }
}

TEST_P(EveryType, StridesOfTheInputAndBfloat16ChangeNothingButTheRoundingOfTheResult) {
  auto packed = layer();
  const auto x = at::randn({5, 33}).to(at::kBFloat16).to(at::kFloat);
  const auto y = packed.forward(x);
  EXPECT_TRUE(same_bits(packed.forward(x.t().contiguous().t()), y));
  EXPECT_TRUE(at::equal(packed.forward(x.to(at::kBFloat16)), y.to(at::kBFloat16)));
}

INSTANTIATE_TEST_SUITE_P(PackedLinear, EveryType,
                         testing::Values(QuantizationType::kStatic, QuantizationType::kDynamic,
                                         QuantizationType::kWeightOnly),
                         [](const auto& instance) { return std::string(name_of(instance.param)); });

TEST(PackedLinear, ANaNInDynamicActivationsSpoilsItsOwnRowAndNoOther) {
  at::manual_seed(2);
  const Scheme scheme{.type = QuantizationType::kDynamic};
  const auto weight = at::randn({7, 33}), x = at::randn({3, 33});
  PackedLinear packed(round_to_nearest(weight, scheme, amax_scales(weight, scheme)), {}, std::nullopt);
  auto broken = x.clone();
  broken[1][4] = std::numeric_limits<float>::quiet_NaN();
  const auto y = packed.forward(x), of_broken = packed.forward(broken);
  EXPECT_TRUE(of_broken[1].isnan().all().item<bool>());
  for (const int64_t row : {0, 2}) EXPECT_TRUE(same_bits(of_broken[row], y[row])) << row;
}

}  // namespace
}  // namespace slm
