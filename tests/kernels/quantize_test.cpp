// The quantizer against LibTorch's fake quantization, and the CPU's loops against the plain definition: equal in bits.
#include "kernels/quantize.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "kernels/plain.h"
#include "model/golden.h"
#include "quantization/same_bits.h"

namespace slm {
namespace {

const Golden& golden() {
  static const Golden file("quantization/fake_quant.safetensors");
  return file;
}

constexpr std::array kClasses = {"random",   "ties",       "near_ties", "extreme",
                                 "denormal", "tiny_scale", "nonfinite", "zeros"};

class SymmetricGolden : public testing::TestWithParam<std::pair<const char*, CodeRange>> {};

TEST_P(SymmetricGolden, CodesAndValuesEqualPyTorchInEveryClass) {
  const auto& [scheme, range] = GetParam();
  for (const std::string name : kClasses) {
    const auto prefix = std::string(scheme) + "." + name + ".";
    const auto x = golden()[prefix + "x"].view({1, -1}), scale = golden()[prefix + "scale"].view(1);
    const auto codes = quantize(x, scale, x.size(1), range);
    EXPECT_TRUE(at::equal(codes.to(at::kInt), golden()[prefix + "codes"].view({1, -1}))) << prefix;
    EXPECT_TRUE(same_bits(dequantize(codes, scale, x.size(1)), golden()[prefix + "y"].view({1, -1}))) << prefix;
    EXPECT_TRUE(same_bits(fake_quantize(x, scale, x.size(1), range), golden()[prefix + "y"].view({1, -1}))) << prefix;
  }
}

TEST_P(SymmetricGolden, PerChannelEqualsTheFormulaAndPyTorchWhereThatIsDefined) {
  const auto& [scheme, range] = GetParam();
  for (const std::string axis : {"0", "1"}) {
    const auto prefix = std::string(scheme) + ".per_channel_" + axis + ".";
    const auto rows = [&, axis = axis](const char* name) {  // the channels as rows
      const auto tensor = golden()[prefix + name];
      return axis == "1" ? tensor.t() : tensor;
    };
    const auto x = rows("x"), scales = golden()[prefix + "scale"].view({-1, 1}), defined = rows("defined");
    const auto codes = quantize(x, scales, x.size(1), range), y = fake_quantize(x, scales, x.size(1), range);
    EXPECT_TRUE(at::equal(codes.to(at::kInt), rows("codes"))) << prefix;
    EXPECT_TRUE(same_bits(y, rows("y_formula"))) << prefix;
    EXPECT_TRUE(same_bits(y.masked_select(defined), rows("y").masked_select(defined))) << prefix;
    EXPECT_TRUE(same_bits(dequantize(codes, scales, x.size(1)), y)) << prefix;
  }
}

INSTANTIATE_TEST_SUITE_P(Quantize, SymmetricGolden,
                         testing::Values(std::pair("int8", kInt8Codes), std::pair("int4", kInt4Codes)),
                         [](const auto& instance) { return std::string(instance.param.first); });

AffineScale affine_of(const at::Tensor& scale, const at::Tensor& zero_point) {
  return {scale.item<float>(), zero_point.item<int32_t>()};
}

TEST(AffineGolden, CodesAndValuesEqualPyTorchInEveryClass) {
  for (const std::string name : kClasses) {
    const auto prefix = "uint8." + name + ".";
    const auto scale = affine_of(golden()[prefix + "scale"], golden()[prefix + "zero_point"]);
    const auto codes = quantize_affine(golden()[prefix + "x"], scale);
    EXPECT_TRUE(at::equal(codes.to(at::kInt), golden()[prefix + "codes"])) << prefix;
    EXPECT_TRUE(same_bits(dequantize_affine(codes, scale), golden()[prefix + "y"])) << prefix;
  }
}

TEST(AffineGolden, EveryChannelEqualsTheFormula) {
  for (const int64_t axis : {0, 1}) {
    const auto prefix = "uint8.per_channel_" + std::to_string(axis) + ".";
    const auto scales = golden()[prefix + "scale"], zero_points = golden()[prefix + "zero_point"];
    for (int64_t channel = 0; channel < scales.size(0); ++channel) {
      const auto scale = affine_of(scales[channel], zero_points[channel]);
      const auto codes = quantize_affine(golden()[prefix + "x"].select(axis, channel), scale);
      EXPECT_TRUE(at::equal(codes.to(at::kInt), golden()[prefix + "codes"].select(axis, channel))) << prefix << channel;
      EXPECT_TRUE(same_bits(dequantize_affine(codes, scale), golden()[prefix + "y_formula"].select(axis, channel)))
          << prefix << channel;
    }
  }
}

// How many values go through the comparisons with LibTorch; a label of its own runs them with 10^8.
int64_t values_to_compare() {
  const char* wanted = std::getenv("SLM_TEST_VALUES");
  return wanted ? std::atoll(wanted) : 1'000'000;
}

// Any float at all, NaNs and infinities of every kind included.
at::Tensor any_bits(int64_t size) {
  return at::randint(std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max(), {size}, at::kLong)
      .to(at::kInt)
      .view(at::kFloat);
}

// Values in which quantizers differ, `size` of each kind.
at::Tensor hard_values(int64_t size, float scale, int32_t zero_point) {
  const auto halves = (at::randint(-300, 300, {size}, at::kFloat) + 0.5f - zero_point) * scale;
  const auto ulps = at::randint(-3, 4, {size}, at::kInt);
  const auto near_halves = (halves.view(at::kInt) + ulps).view(at::kFloat);
  const auto denormal = (any_bits(size).view(at::kInt).bitwise_and(static_cast<int32_t>(0x807fffff))).view(at::kFloat);
  const auto extreme = at::rand({size}).mul(8).exp2().mul(at::randn({size}).sign()).mul(0x1p120f);
  const auto multiples = at::randint(-300, 300, {size}, at::kFloat) * scale;
  return at::cat({100 * scale * at::randn({size}), halves, near_halves, any_bits(size), denormal, extreme, multiples});
}

// A power of two (halves are ties), the smallest scale that there is, or any.
float some_scale(int64_t round) {
  if (round % 3 == 0) return std::ldexp(1.0f, static_cast<int>(at::randint(-126, 100, {1}).item<int64_t>()));
  if (round % 31 == 1) return std::numeric_limits<float>::min();
  return std::exp2(at::rand({1}).item<float>() * 60 - 40);
}

constexpr int64_t kOfEachKind = 2'048;

// `compare` takes the round's number and gives how many values it compared.
template <class Compare>
void for_hard_values(const Compare& compare) {
  at::manual_seed(1);
  int64_t compared = 0;
  for (int64_t round = 0; compared < values_to_compare() && !testing::Test::HasFailure(); ++round) {
    compared += compare(round);
  }
  testing::Test::RecordProperty("values", std::to_string(compared));
  EXPECT_GE(compared, values_to_compare());
}

TEST(QuantizeAtScale, SymmetricEqualsLibTorchBitForBit) {
  for_hard_values([](int64_t round) {
    const float scale = some_scale(round);
    const auto range = round % 2 == 0 ? kInt8Codes : kInt4Codes;
    const auto x = hard_values(kOfEachKind, scale, 0);
    const auto expected = at::fake_quantize_per_tensor_affine(x, scale, 0, range.min, range.max).view({1, -1});
    const auto matrix = x.view({1, -1}), scales = at::full({1}, scale);
    const auto codes = quantize(matrix, scales, x.numel(), range);
    EXPECT_TRUE(same_bits(fake_quantize(matrix, scales, x.numel(), range), expected)) << "scale " << scale;
    EXPECT_TRUE(same_bits(dequantize(codes, scales, x.numel()), expected)) << "scale " << scale;
    EXPECT_TRUE(at::equal(codes, plain::quantize(matrix, scales, x.numel(), range))) << "scale " << scale;
    return x.numel();
  });
}

TEST(QuantizeAtScale, AffineEqualsLibTorchBitForBit) {
  for_hard_values([](int64_t round) {
    const AffineScale scale{std::max(some_scale(round), std::numeric_limits<float>::epsilon()),
                            static_cast<int32_t>(at::randint(0, 256, {1}).item<int64_t>())};
    const auto x = hard_values(kOfEachKind, scale.scale, scale.zero_point);
    const auto codes = quantize_affine(x, scale);
    EXPECT_TRUE(same_bits(dequantize_affine(codes, scale),
                          at::fake_quantize_per_tensor_affine(x, scale.scale, scale.zero_point, 0, 255)))
        << "scale " << scale.scale << ", zero point " << scale.zero_point;
    EXPECT_TRUE(at::equal(codes, plain::quantize_affine(x, scale)));
    return x.numel();
  });
}

struct Shape {
  int64_t rows, columns, group_size;  // group_size 0: one scale for all
};

std::ostream& operator<<(std::ostream& stream, const Shape& shape) {
  return stream << shape.rows << " x " << shape.columns << ", groups of " << shape.group_size;
}

const std::vector<Shape> kShapes = {{1, 1, 0},   {1, 1, 1},    {3, 7, 7},    {5, 130, 64}, {0, 9, 9},     {0, 9, 4},
                                    {9, 65, 64}, {4, 33, 100}, {300, 77, 0}, {257, 64, 1}, {129, 515, 32}};

at::Tensor scales_of(const at::Tensor& x, const Shape& shape) {
  if (x.numel() == 0) return at::ones({0, (shape.columns + shape.group_size - 1) / shape.group_size});
  return symmetric_scales(largest_magnitude(x, shape.group_size == 0, shape.group_size), kInt8Codes);
}

TEST(Quantize, TheKernelsEqualThePlainDefinitionInEveryShape) {
  at::manual_seed(2);
  for (const auto& shape : kShapes) {
    const auto x = at::randn({shape.rows, shape.columns}), scales = scales_of(x, shape) * 0.9;
    const auto codes = quantize(x, scales, shape.group_size, kInt8Codes);
    EXPECT_TRUE(at::equal(codes, plain::quantize(x, scales, shape.group_size, kInt8Codes))) << shape;
    const auto values = plain::dequantize(codes, scales, shape.group_size);
    EXPECT_TRUE(same_bits(dequantize(codes, scales, shape.group_size), values)) << shape;
    EXPECT_TRUE(same_bits(fake_quantize(x, scales, shape.group_size, kInt8Codes), values)) << shape;
  }
}

TEST(Quantize, PerChannelEqualsLibTorchsOperator) {
  at::manual_seed(3);
  const auto x = at::randn({37, 129}), scales = symmetric_scales(largest_magnitude(x, false, 129), kInt8Codes);
  const auto zeros = at::zeros({37}, at::kInt);
  EXPECT_TRUE(same_bits(fake_quantize(x, scales, 129, kInt8Codes),
                        at::fake_quantize_per_channel_affine(x, scales.view(37), zeros, 0, -127, 127)));
}

TEST(Quantize, NeitherThreadsNorStridesChangeABit) {
  at::manual_seed(4);
  const auto x = at::randn({515, 129}), strided = x.t().contiguous().t();
  const auto scales = scales_of(x, {515, 129, 32});
  ASSERT_FALSE(strided.is_contiguous());
  const auto all = [&](const at::Tensor& input) {
    const auto codes = quantize(input, scales, 32, kInt8Codes);
    const auto rows = quantize_rows(input);
    return std::vector{codes,
                       dequantize(codes.t().contiguous().t(), scales, 32),
                       fake_quantize(input, scales, 32, kInt8Codes),
                       rows.codes,
                       rows.scales,
                       quantize_affine(input, {0.01f, 100}),
                       scales_of(input, {515, 129, 0})};
  };
  const auto expected = all(x), of_strides = all(strided);
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  const auto of_threads = all(x);
  at::set_num_threads(threads);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(same_bits(of_strides[i], expected[i])) << i;
    EXPECT_TRUE(same_bits(of_threads[i], expected[i])) << i;
  }
}

TEST(Scales, AreOneForZerosAndNeverSoSmallThatTheInverseIsInfinite) {
  constexpr float kSmallest = std::numeric_limits<float>::denorm_min(), kNormal = std::numeric_limits<float>::min();
  const auto amax = at::tensor({0.0f, kSmallest, 100 * kSmallest, kNormal, 127 * kNormal, 254.0f});
  const auto scales = symmetric_scales(amax, kInt8Codes);
  EXPECT_TRUE(same_bits(scales, at::tensor({1.0f, kNormal, kNormal, kNormal, kNormal, 2.0f})));
  EXPECT_TRUE(at::isfinite(1.0f / scales).all().item<bool>());
}

TEST(Scales, ValuesUpToTheLargestFloatStayFinite) {
  const float below = std::nextafter(std::numeric_limits<float>::max(), 0.0f);
  for (const auto range : {kInt8Codes, kInt4Codes}) {
    const auto x = at::tensor({below, -below, 0.5f * below, 1.0f}).view({1, 4});
    const auto scales = symmetric_scales(largest_magnitude(x, false, 4), range);
    const auto codes = quantize(x, scales, 4, range);
    EXPECT_EQ(codes[0][0].item<int>(), range.max);
    EXPECT_EQ(codes[0][1].item<int>(), range.min);
    EXPECT_TRUE(at::isfinite(dequantize(codes, scales, 4)).all().item<bool>());
  }
}

TEST(Scales, LargestMagnitudeIsThatOfEachGroupAShortLastOneIncluded) {
  const auto x = at::tensor({1.0f, -9.0f, 2.0f, 3.0f, 0.5f, -0.25f, -4.0f, 5.0f, 6.0f, -8.0f}).view({2, 5});
  EXPECT_TRUE(same_bits(largest_magnitude(x, true, 2), at::tensor({9.0f})));
  EXPECT_TRUE(same_bits(largest_magnitude(x, false, 5), at::tensor({9.0f, 8.0f}).view({2, 1})));
  EXPECT_TRUE(same_bits(largest_magnitude(x, false, 2), at::tensor({9.0f, 3.0f, 0.5f, 4.0f, 6.0f, 8.0f}).view({2, 3})));
}

TEST(AffineScaleOf, HoldsZeroAndIsNeverDegenerate) {
  EXPECT_EQ(affine_scale(1.0f, 15.9375f), (AffineScale{0x1p-4f, 0}));      // low becomes 0
  EXPECT_EQ(affine_scale(-15.9375f, -1.0f), (AffineScale{0x1p-4f, 255}));  // high becomes 0
  EXPECT_EQ(affine_scale(0.0f, 0.0f), (AffineScale{0x1p-23f, 0}));
  EXPECT_EQ(affine_scale(-1e-30f, 1e-30f), (AffineScale{0x1p-23f, 0}));
}

TEST(QuantizeRows, EachRowHasTheScaleOfItsLargestValue) {
  at::manual_seed(5);
  const auto x = at::randn({4, 3, 65});
  const auto rows = quantize_rows(x);
  EXPECT_EQ(rows.codes.sizes(), (std::vector<int64_t>{12, 65}));
  EXPECT_TRUE(same_bits(rows.scales, x.abs().amax(-1).view({12, 1}) / 127));
  EXPECT_TRUE(at::equal(rows.codes.abs().amax(1), at::full({12}, 127, at::kChar)));
}

TEST(QuantizeRows, ANaNOrAnInfinitySpoilsItsOwnRowAndNoOther) {
  at::manual_seed(6);
  const auto x = at::randn({5, 40});
  auto broken = x.clone();
  broken[1][7] = std::numeric_limits<float>::quiet_NaN();
  broken[3][39] = -std::numeric_limits<float>::infinity();
  const auto whole = quantize_rows(x), rows = quantize_rows(broken);
  const auto values = dequantize(rows.codes, rows.scales, 40);
  EXPECT_TRUE(values[1].isnan().all().item<bool>());
  for (const int64_t row : {1, 3}) EXPECT_FALSE(at::isfinite(values[row]).any().item<bool>()) << row;
  for (const int64_t row : {0, 2, 4}) {
    EXPECT_TRUE(at::equal(rows.codes[row], whole.codes[row])) << row;
    EXPECT_TRUE(same_bits(rows.scales[row], whole.scales[row])) << row;
  }
}

TEST(QuantizeRows, TakesBfloat16AsTheFloatsThatItHolds) {
  at::manual_seed(7);
  const auto x = at::randn({6, 33}).to(at::kBFloat16);
  const auto rows = quantize_rows(x), expected = quantize_rows(x.to(at::kFloat));
  EXPECT_TRUE(at::equal(rows.codes, expected.codes));
  EXPECT_TRUE(same_bits(rows.scales, expected.scales));
  EXPECT_TRUE(at::equal(quantize_affine(x, {0.02f, 9}), quantize_affine(x.to(at::kFloat), {0.02f, 9})));
}

TEST(QuantizeRows, NoRowsGiveNoCodes) {
  const auto rows = quantize_rows(at::empty({0, 3, 8}));
  EXPECT_EQ(rows.codes.sizes(), (std::vector<int64_t>{0, 8}));
  EXPECT_EQ(rows.scales.sizes(), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(quantize_affine(at::empty({0, 8}), {1, 0}).sizes(), (std::vector<int64_t>{0, 8}));
}

}  // namespace
}  // namespace slm
