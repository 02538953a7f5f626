// Weights through scales, codes and packing, against PyTorch's numbers and over shapes at random.
#include "quantization/quantized_weight.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <limits>

#include "core/error.h"
#include "kernels/quantize.h"
#include "model/golden.h"
#include "quantization/pack_int4.h"
#include "quantization/same_bits.h"

namespace slm {
namespace {

constexpr int64_t kGoldenGroup = 64;

Scheme scheme_of(int bits, Granularity granularity, int64_t group_size = kGoldenGroup) {
  return {
      .bits = bits, .granularity = granularity, .group_size = granularity == Granularity::kPerGroup ? group_size : 0};
}

std::vector<Scheme> every_scheme(int64_t group_size = kGoldenGroup) {
  std::vector<Scheme> all;
  for (const int bits : {8, 4}) {
    for (const auto granularity : {Granularity::kPerTensor, Granularity::kPerChannel, Granularity::kPerGroup}) {
      all.push_back(scheme_of(bits, granularity, group_size));
    }
  }
  return all;
}

QuantizedWeight nearest(const at::Tensor& weight, const Scheme& scheme) {
  return round_to_nearest(weight, scheme, amax_scales(weight, scheme));
}

// Codes (N, K) as the golden packs them: (N, ceil(K / 2)) bytes.
at::Tensor packed_bytes(const at::Tensor& codes) {
  return pack_int4(codes).view(at::kByte).narrow(1, 0, (codes.size(1) + 1) / 2);
}

class WeightGolden : public testing::TestWithParam<const char*> {};

TEST_P(WeightGolden, ScalesCodesValuesAndErrorsEqualPyTorch) {
  const Golden golden("quantization/weights.safetensors");
  const std::string name = GetParam();
  const auto weight = golden[name + ".weight"];
  for (const auto& scheme : every_scheme()) {
    const auto prefix = fmt::format("{}.int{}.{}.", name, scheme.bits, name_of(scheme.granularity));
    const auto quantized = nearest(weight, scheme);
    EXPECT_TRUE(same_bits(quantized.scales.flatten(), golden[prefix + "scales"].flatten())) << prefix;
    EXPECT_TRUE(at::equal(quantized.codes, golden[prefix + "codes"])) << prefix;
    EXPECT_TRUE(same_bits(dequantize(quantized), golden[prefix + "dequantized"])) << prefix;
    const auto error = quantization_error(weight, dequantize(quantized));
    EXPECT_EQ(error.max_abs_error, golden[prefix + "max_abs_error"].item<double>()) << prefix;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const bool all_zero = !golden.file().find(prefix + "sqnr_db");
    const double sqnr_db = all_zero ? kInfinity : golden[prefix + "sqnr_db"].item<double>();
    if (sqnr_db == kInfinity) {
      EXPECT_EQ(error.sqnr_db, kInfinity) << prefix;
    } else {
      EXPECT_LE(std::abs(error.sqnr_db - sqnr_db), 1e-12 * sqnr_db) << prefix;  // sums in another order
    }
  }
}

TEST_P(WeightGolden, PackedBytesEqualPyTorch) {
  const Golden golden("quantization/weights.safetensors");
  for (const auto* granularity : {"per_tensor", "per_channel", "per_group"}) {
    const auto prefix = fmt::format("{}.int4.{}.", GetParam(), granularity);
    const auto codes = golden[prefix + "codes"];
    auto expected = golden[prefix + "packed"].clone();
    if (codes.size(1) % 2 == 1) expected.select(1, -1).bitwise_and_(15);  // the golden says nothing of that nibble
    EXPECT_TRUE(at::equal(packed_bytes(codes), expected)) << prefix;
  }
}

INSTANTIATE_TEST_SUITE_P(Quantization, WeightGolden,
                         testing::Values("all_zero", "even", "group_and_one", "group_less_one", "one_by_one",
                                         "outliers", "short_group", "ties", "zero_rows"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(PackInt4, TheRestOfARowsLastWordIsZero) {
  at::manual_seed(1);
  for (int64_t columns = 1; columns <= 17; ++columns) {
    const auto codes = at::randint(-8, 8, {5, columns}, at::kChar);
    const auto words = pack_int4(codes);
    ASSERT_EQ(words.sizes(), (std::vector<int64_t>{5, (columns + 7) / 8}));
    EXPECT_TRUE(at::equal(unpack_int4(words, columns), codes)) << columns;
    const auto padding = unpack_int4(words, 8 * words.size(1)).narrow(1, columns, 8 * words.size(1) - columns);
    EXPECT_TRUE(padding.eq(-8).all().item<bool>()) << columns;  // nibbles of 0
  }
}

TEST(PackInt4, TakesAnyStridesAndNoRows) {
  at::manual_seed(2);
  const auto codes = at::randint(-8, 8, {9, 13}, at::kChar), strided = codes.t().contiguous().t();
  EXPECT_TRUE(at::equal(pack_int4(strided), pack_int4(codes)));
  const auto words = pack_int4(codes);
  EXPECT_TRUE(at::equal(unpack_int4(words.t().contiguous().t(), 13), codes));
  EXPECT_EQ(pack_int4(at::empty({0, 13}, at::kChar)).sizes(), (std::vector<int64_t>{0, 2}));
}

// A matrix with rows, groups and single weights of the kinds that go wrong.
at::Tensor some_weight(int64_t rows, int64_t columns, int64_t round) {
  auto weight = at::randn({rows, columns}) * std::exp2(at::rand({1}).item<float>() * 40 - 30);
  if (round % 3 == 0) weight[at::randint(rows, {1}).item<int64_t>()] = 0;
  if (round % 4 == 0) weight.narrow(1, 0, (columns + 1) / 2).zero_();
  if (round % 5 == 0) weight[0] *= 0x1p-120f;  // denormals
  if (round % 7 == 0) weight[rows - 1][columns - 1] = 0x1p100f;
  return weight;
}

TEST(QuantizedWeight, FakeQuantizedEqualsPackedAndUnpackedInEveryShapeAndScheme) {
  at::manual_seed(3);
  for (int64_t round = 0; round < 150; ++round) {
    const auto size = [&](int64_t most) { return at::randint(1, most, {1}).item<int64_t>(); };
    const int64_t rows = size(12), columns = round % 10 == 0 ? 1 : size(200), group = round % 2 ? size(150) : 32;
    const auto weight = some_weight(rows, columns, round);
    for (const auto& scheme : every_scheme(group)) {
      const auto scales = amax_scales(weight, scheme);
      auto quantized = round_to_nearest(weight, scheme, scales);
      if (scheme.bits == 4) quantized.codes = unpack_int4(pack_int4(quantized.codes), columns);
      const auto values = dequantize(quantized);
      ASSERT_TRUE(same_bits(fake_quantize(weight, scales, scheme.run_length(columns), scheme.codes()), values))
          << rows << " x " << columns << ", " << describe(scheme);
      const auto codes = quantized.codes.to(at::kInt);
      ASSERT_LE(codes.abs().max().item<int>(), scheme.codes().max) << describe(scheme);
      // Nothing is clipped: every value lies within half a step, and the rounding of the value itself.
      const auto step = dequantize({scheme, at::ones_like(quantized.codes), scales}).to(at::kDouble);
      const auto error = (weight.to(at::kDouble) - values.to(at::kDouble)).abs();
      ASSERT_TRUE((error <= step * (0.5 + 512 * 0x1p-24)).all().item<bool>()) << describe(scheme);
      ASSERT_EQ(clipped_share(weight, quantized), 0) << describe(scheme);
    }
  }
}

TEST(QuantizedWeight, ThreadsChangeNoBit) {
  at::manual_seed(4);
  const auto weight = at::randn({300, 515});
  for (const auto& scheme : every_scheme(100)) {
    const auto all = [&] {
      const auto quantized = nearest(weight, scheme);
      const auto values = dequantize(quantized);
      const auto error = quantization_error(weight, values);
      return std::vector{quantized.scales, quantized.codes, pack_int4(quantized.codes.clamp(-8, 7)), values,
                         at::tensor({error.sqnr_db, error.cosine, error.max_abs_error})};
    };
    const auto expected = all();
    const int threads = at::get_num_threads();
    at::set_num_threads(threads == 1 ? 2 : 1);
    const auto found = all();
    at::set_num_threads(threads);
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(same_bits(found[i], expected[i])) << describe(scheme) << i;
  }
}

TEST(QuantizationErrorOf, IsWhatItsFormulasSay) {
  const auto x = at::tensor({3.0f, -4.0f, 0.0f}), y = at::tensor({3.0f, -3.0f, 1.0f});
  const auto error = quantization_error(x, y);
  EXPECT_DOUBLE_EQ(error.sqnr_db, 10 * std::log10(25.0 / 2.0));
  EXPECT_DOUBLE_EQ(error.cosine, 21 / std::sqrt(25.0 * 19.0));
  EXPECT_EQ(error.max_abs_error, 1);
}

TEST(QuantizationErrorOf, IsDefinedForZerosAndForWhatBecomesZero) {
  const auto zeros = at::zeros({2, 3}), x = at::ones({2, 3});
  const auto same = quantization_error(zeros, zeros);
  EXPECT_EQ(same.sqnr_db, std::numeric_limits<double>::infinity());
  EXPECT_EQ(same.cosine, 1);
  const auto lost = quantization_error(x, zeros);
  EXPECT_EQ(lost.sqnr_db, 0);
  EXPECT_EQ(lost.cosine, 0);
  EXPECT_EQ(lost.max_abs_error, 1);
}

TEST(ClippedShare, CountsWhatLiesMoreThanHalfAStepBeyondTheOutermostCode) {
  const Scheme scheme{.bits = 4, .granularity = Granularity::kPerChannel};
  const auto weight = at::tensor({7.0f, 7.5f, 7.51f, -7.5f, -7.6f, 0.0f, 100.0f, 15.0f}).view({2, 4});
  const auto scales = at::tensor({1.0f, 2.0f}).view({2, 1});                            // outermost values 7 and 14
  EXPECT_EQ(clipped_share(weight, round_to_nearest(weight, scheme, scales)), 2.0 / 8);  // 7.51 and 100
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kData);
    return error.what();
  }
  return "no error";
}

TEST(CheckFinite, NamesTheLayerThePlaceAndTheValue) {
  auto weight = at::randn({20, 9});
  EXPECT_NO_THROW(check_finite(weight, "lm_head"));
  weight[17][5] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(message_of([&] { check_finite(weight, "lm_head"); }),
            "lm_head: the weight holds -inf at row 17, column 5; it cannot be quantized (the checkpoint's training "
            "diverged; use an earlier one)");
  weight[3][8] = -std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(message_of([&] { check_finite(weight, "lm_head"); }),
            "lm_head: the weight holds a NaN at row 3, column 8; it cannot be quantized (the checkpoint's training "
            "diverged; use an earlier one)");
}

}  // namespace
}  // namespace slm
