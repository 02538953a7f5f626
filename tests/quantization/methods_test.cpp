// The ways to choose scales and codes: clip search, GPTQ, migration of scales. Goldens: tests/golden/README.md,
// "quantization/".
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/error.h"
#include "kernels/pivoted_cholesky.h"
#include "kernels/plain.h"
#include "model/golden.h"
#include "quantization/clip_search.h"
#include "quantization/gptq.h"
#include "quantization/smooth.h"

namespace slm {
namespace {

constexpr auto kPerTensor = Granularity::kPerTensor, kPerChannel = Granularity::kPerChannel,
               kPerGroup = Granularity::kPerGroup;

at::Tensor random(at::IntArrayRef sizes, uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randn(sizes, generator);
}

// Inputs (M, K) in which a few directions carry most of the energy, as in a real layer.
at::Tensor correlated_inputs(int64_t samples, int64_t columns, uint64_t seed) {
  const auto energy = at::arange(1, columns + 1).to(at::kFloat).rsqrt();
  return random({samples, columns}, seed).matmul((random({columns, columns}, seed + 1) * energy).t());
}

at::Tensor hessian_of(const at::Tensor& inputs) { return inputs.to(at::kDouble).t().matmul(inputs.to(at::kDouble)); }

// |X (W - W^)^T|^2 / |X W^T|^2
double output_error(const at::Tensor& weight, const at::Tensor& approximation, const at::Tensor& hessian) {
  const auto energy = [&](const at::Tensor& w) { return w.matmul(hessian).mul(w).sum().item<double>(); };
  const auto exact = weight.to(at::kDouble);
  return energy(exact - approximation.to(at::kDouble)) / energy(exact);
}

QuantizedWeight run_gptq(const at::Tensor& weight, const Scheme& scheme, const at::Tensor& inputs,
                         const GptqSettings& settings = {}, bool clip_by_mse = true) {
  Hessian hessian(inputs.size(1));
  hessian.add(inputs);
  return gptq(weight, scheme, gptq_columns(std::move(hessian), "input", settings), clip_by_mse);
}

// The same from one thread as from two.
template <class Make>
void expect_same_bits_on_two_threads(const Make& make) {
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = make();
  at::set_num_threads(2);
  const auto two = make();
  at::set_num_threads(before);
  EXPECT_TRUE(at::equal(one, two));
}

TEST(ClipSearch, ErrorsAndBestClipMatchTheGolden) {
  const Golden golden("quantization/observers.safetensors");
  for (const std::string name : {"normal", "heavy_tail", "positive", "negative", "growing", "zeros_first"}) {
    const auto flat = golden[name + ".batches"].reshape({1, -1});
    for (const int bits : {8, 4}) {
      const auto expected = golden[fmt::format("{}.mse.int{}.errors", name, bits)];
      const auto best = golden[fmt::format("{}.mse.int{}.best", name, bits)].item<int64_t>();
      const Scheme scheme{.bits = bits, .granularity = kPerTensor};
      const auto amax = largest_magnitude(flat, true, flat.size(1));
      const auto scale_of = [&](int64_t i) {
        return symmetric_scales(amax * static_cast<float>(static_cast<double>(i) / 100), scheme.codes());
      };
      for (int64_t i = 1; i <= 100; ++i) {
        const auto error = squared_errors(flat, scale_of(i), flat.size(1), scheme.codes()).item<double>();
        const auto wanted = expected[i - 1].item<double>();
        EXPECT_TRUE(std::abs(error - wanted) <= 1e-12 * wanted) << name << " int" << bits << " clip " << i;
      }
      EXPECT_TRUE(at::equal(mse_scales(flat, scheme), scale_of(best))) << name << " int" << bits;
    }
  }
}

TEST(ClipSearch, SquaredErrorsEqualThePlainDefinition) {
  for (const int64_t columns : {1, 15, 64, 100, 257}) {
    const auto x = random({9, columns}, 5);
    for (const int64_t group : {columns, int64_t{7}, int64_t{64}}) {
      const auto scales = symmetric_scales(largest_magnitude(x, false, group) * 0.7f, kInt4Codes);
      const auto expected = plain::squared_errors(x, scales, group, kInt4Codes);
      EXPECT_TRUE(close(squared_errors(x, scales, group, kInt4Codes), expected, 1e-13 * expected.max().item<double>()));
    }
    const auto one = symmetric_scales(largest_magnitude(x, true, columns) * 0.7f, kInt4Codes);
    const auto expected = plain::squared_errors(x, one, columns, kInt4Codes);
    EXPECT_TRUE(close(squared_errors(x, one, columns, kInt4Codes), expected, 1e-13 * expected.item<double>()));
  }
}

TEST(ClipSearch, EveryRowAndGroupIsSearchedByItself) {
  const auto weight = random({5, 150}, 11) * at::arange(1, 6).view({5, 1}).to(at::kFloat);
  const Scheme alone{.bits = 4, .granularity = kPerTensor};
  const auto rows = mse_scales(weight, {.bits = 4, .granularity = kPerChannel});
  const auto groups = mse_scales(weight, {.bits = 4, .granularity = kPerGroup, .group_size = 64});
  ASSERT_EQ(rows.sizes(), (std::vector<int64_t>{5, 1}));
  ASSERT_EQ(groups.sizes(), (std::vector<int64_t>{5, 3}));
  for (int64_t row = 0; row < 5; ++row) {
    const auto whole = weight.narrow(0, row, 1);
    EXPECT_TRUE(at::equal(rows[row], mse_scales(whole, alone)));
    for (int64_t group = 0; group < 3; ++group) {
      const auto part = whole.narrow(1, group * 64, std::min<int64_t>(64, 150 - group * 64));
      EXPECT_TRUE(at::equal(groups[row][group].view(1), mse_scales(part, alone)));
    }
  }
}

TEST(ClipSearch, ClipsAnOutlierThatTheOthersPayForAndNothingElse) {
  auto weight = at::ones({1, 64});
  weight[0][0] = 7;  // every weight is on a code already
  EXPECT_EQ(mse_scales(weight, {.bits = 4}).item<float>(), 1.0f);
  EXPECT_EQ(mse_scales(at::zeros({1, 64}), {.bits = 4}).item<float>(), 1.0f);
  const auto outlier = at::cat({random({1, 4096}, 3), at::full({1, 1}, 8.0f)}, 1);
  EXPECT_LT(mse_scales(outlier, {.bits = 4}).item<float>(), 0.6f * 8 / 7);
}

TEST(ClipSearch, GivesTheSameBitsOnOneAndTwoThreads) {
  const auto weight = random({2500, 130}, 2);  // in several parts
  for (const auto granularity : {kPerTensor, kPerChannel, kPerGroup}) {
    const Scheme scheme{.bits = 4, .granularity = granularity, .group_size = 64};
    expect_same_bits_on_two_threads([&] { return mse_scales(weight, scheme); });
  }
}

TEST(PivotedCholesky, EqualsLapackInAGivenOrder) {
  for (const int64_t n : {1, 3, 16, 64, 65, 130, 333}) {
    auto matrix = hessian_of(correlated_inputs(2 * n, n, 21));
    matrix.diagonal().add_(matrix.diagonal().mean() * 0.01);
    auto generator = at::detail::createCPUGenerator(4);
    const auto order = at::randperm(n, generator, at::kLong);
    const auto expected = at::linalg_cholesky(matrix.index_select(0, order).index_select(1, order)).t();
    const auto result = pivoted_cholesky(matrix.clone(), order);
    EXPECT_TRUE(at::equal(result.order, order));
    EXPECT_TRUE(close(result.factor.triu(), expected, 1e-13 * static_cast<double>(n) * expected.max().item<double>()));
  }
}

TEST(PivotedCholesky, TakesTheLeastPivotThatIsLeft) {
  const int64_t n = 90;
  auto matrix = hessian_of(correlated_inputs(2 * n, n, 22));
  const auto result = pivoted_cholesky(matrix.clone());
  const auto factor = result.factor.triu();
  const auto permuted = matrix.index_select(0, result.order).index_select(1, result.order);
  EXPECT_TRUE(close(factor.t().matmul(factor), permuted, 1e-13 * n * matrix.max().item<double>()));
  for (int64_t i = 0; i < n; ++i) {
    const auto above = factor.narrow(0, 0, i);
    const auto left = (permuted.diagonal() - above.square().sum(0)).narrow(0, i, n - i);
    const auto pivot = factor[i][i].square().item<double>();
    EXPECT_TRUE(pivot <= left.min().item<double>() * (1 + 1e-9)) << "place " << i;
  }
}

TEST(PivotedCholesky, GivesTheSameBitsOnOneAndTwoThreads) {
  const auto matrix = hessian_of(correlated_inputs(400, 300, 23));
  expect_same_bits_on_two_threads([&] { return pivoted_cholesky(matrix.clone()).factor; });
}

TEST(Hessian, IsTheSumOfAllProductsInFloat64) {
  const auto x = random({3, 700, 300}, 31);  // more than one part of rows and of columns
  Hessian hessian(300);
  hessian.add(x);
  hessian.add(x.to(at::kBFloat16));
  const auto expected = hessian_of(x.view({-1, 300})) + hessian_of(x.to(at::kBFloat16).view({-1, 300}));
  EXPECT_TRUE(close(hessian.sum(), expected, 1e-12 * expected.max().item<double>()));
  EXPECT_TRUE(at::equal(hessian.sum(), hessian.sum().t()));
}

const std::vector<std::string> kGptqCases{"int4", "int4_short_group", "int4_dead_inputs", "int4_few_samples", "int8"};

Scheme golden_scheme(const std::string& name) {
  return {.bits = name == "int8" ? 8 : 4, .granularity = kPerGroup, .group_size = 64};
}

TEST(Gptq, CodesFromLeftToRightEqualTheGolden) {
  const Golden golden("quantization/gptq.safetensors");
  for (const auto& name : kGptqCases) {
    const auto weight = golden[name + ".weight"], inputs = golden[name + ".inputs"];
    const auto result =
        run_gptq(weight, golden_scheme(name), inputs, {.order = GptqOrder::kNatural}, /*clip_by_mse=*/false);
    EXPECT_TRUE(at::equal(result.scales, golden[name + ".scales"])) << name;
    EXPECT_TRUE(at::equal(result.codes, golden[name + ".codes"])) << name;
    const auto expected = golden[name + ".error"].item<double>();
    const auto error = output_error(weight, dequantize(result), hessian_of(inputs));
    EXPECT_TRUE(std::abs(error - expected) <= 1e-5 * expected) << name << ": " << error << ", golden " << expected;
  }
}

TEST(Gptq, OtherOrdersLoseNoMoreOnAverageAndAlwaysLessThanRounding) {
  const Golden golden("quantization/gptq.safetensors");
  for (const auto order : {GptqOrder::kCurvature, GptqOrder::kLeastPivot}) {
    double ratios = 0;
    for (const auto& name : kGptqCases) {
      const auto weight = golden[name + ".weight"], inputs = golden[name + ".inputs"];
      const auto result = run_gptq(weight, golden_scheme(name), inputs, {.order = order}, /*clip_by_mse=*/false);
      const auto error = output_error(weight, dequantize(result), hessian_of(inputs));
      EXPECT_TRUE(error <= golden[name + ".round_to_nearest_error"].item<double>()) << name;
      ratios += error / golden[name + ".error"].item<double>();
    }
    EXPECT_TRUE(ratios <= static_cast<double>(kGptqCases.size())) << ratios;
  }
}

TEST(Gptq, IsRoundingWhereInputsAreIndependent) {
  const auto weight = random({37, 100}, 41) * 0.05f;
  const auto inputs = at::diag(at::arange(1, 101).to(at::kFloat));
  for (const auto granularity : {kPerTensor, kPerChannel, kPerGroup}) {
    const Scheme scheme{.bits = 4, .granularity = granularity, .group_size = 64};
    const auto scales = mse_scales(weight, scheme);
    const auto result = run_gptq(weight, scheme, inputs);
    EXPECT_TRUE(at::equal(result.scales, scales));
    EXPECT_TRUE(at::equal(result.codes, round_to_nearest(weight, scheme, scales).codes)) << describe(scheme);
  }
}

// Of the columns in order, H = U^T U: the last is rounded as it is, each other with what makes up for the errors of
// those after it, sum_j U_ij e_j / U_ii (Chen et al. 2025).
TEST(Gptq, SaysWhichNumbersItRounded) {
  const auto weight = random({37, 100}, 43) * 0.05f;
  Hessian hessian(100);
  hessian.add(correlated_inputs(300, 100, 44));
  const auto columns = gptq_columns(std::move(hessian), "input");
  for (const auto granularity : {kPerTensor, kPerChannel, kPerGroup}) {
    const Scheme scheme{.bits = 4, .granularity = granularity, .group_size = 64};
    at::Tensor rounded;
    const auto result = gptq(weight, scheme, columns, /*clip_by_mse=*/true, &rounded);
    EXPECT_TRUE(at::equal(round_to_nearest(rounded, scheme, result.scales).codes, result.codes)) << describe(scheme);
    const auto errors = (weight.to(at::kDouble) - dequantize(result)).index_select(1, columns.order);
    const auto strict = at::triu(columns.factor, 1);
    const auto change = errors.matmul(strict.t()) / columns.factor.diagonal();
    const auto expected = (weight.index_select(1, columns.order) + change).to(at::kFloat);
    const auto difference = (rounded.index_select(1, columns.order) - expected).abs().max().item<double>();
    EXPECT_LE(difference, 1e-7) << describe(scheme);
    EXPECT_GT((rounded - weight).abs().max().item<double>(), 1e-3);
    EXPECT_TRUE(at::equal(gptq(weight, scheme, columns).codes, result.codes));
  }
}

TEST(Gptq, LosesLessThanRoundingInEverySchemeAndShape) {
  const std::vector<std::pair<int64_t, int64_t>> shapes{{1, 40}, {16, 64}, {37, 101}, {50, 203}};
  for (const auto& [rows, columns] : shapes) {
    const auto weight = random({rows, columns}, 51) * 0.05f;
    const auto inputs = correlated_inputs(300, columns, 52), hessian = hessian_of(inputs);
    for (const int bits : {8, 4}) {
      for (const auto granularity : {kPerTensor, kPerChannel, kPerGroup}) {
        const Scheme scheme{.bits = bits, .granularity = granularity, .group_size = 64};
        const auto nearest = round_to_nearest(weight, scheme, mse_scales(weight, scheme));
        for (const auto order : {GptqOrder::kNatural, GptqOrder::kCurvature, GptqOrder::kLeastPivot}) {
          const auto result = run_gptq(weight, scheme, inputs, {.order = order});
          EXPECT_LE(at::abs(result.codes).max().item<int>(), scheme.codes().max);
          EXPECT_TRUE(output_error(weight, dequantize(result), hessian) <=
                      output_error(weight, dequantize(nearest), hessian))
              << describe(scheme) << " " << rows << " x " << columns << " order " << static_cast<int>(order);
        }
      }
    }
  }
}

TEST(Gptq, GivesTheSameBitsOnOneAndTwoThreads) {
  const auto weight = random({100, 200}, 61), inputs = correlated_inputs(500, 200, 62);
  expect_same_bits_on_two_threads([&] {
    Hessian copy(200);
    copy.add(inputs);
    const auto columns = gptq_columns(std::move(copy), "input");
    return gptq(weight, {.bits = 4, .granularity = kPerGroup, .group_size = 64}, columns).codes;
  });
}

TEST(Gptq, InputsThatWereAlwaysZeroGetZeros) {
  auto inputs = correlated_inputs(100, 70, 71);
  inputs.narrow(1, 3, 2).zero_();
  const auto weight = random({20, 70}, 72);
  const auto result = run_gptq(weight, {.bits = 4}, inputs);
  EXPECT_EQ(at::abs(result.codes.narrow(1, 3, 2)).max().item<int>(), 0);
  EXPECT_GT(at::abs(result.codes).max().item<int>(), 0);
  const auto nothing = run_gptq(weight, {.bits = 4}, at::zeros({8, 70}));
  EXPECT_EQ(at::abs(nothing.codes).max().item<int>(), 0);
}

TEST(Gptq, OneSampleIsEnough) {
  const auto weight = random({8, 200}, 81), inputs = random({1, 200}, 82) * 1e3f;
  const auto result = run_gptq(weight, {.bits = 4}, inputs, {.damp = 1e-6});
  const auto error = output_error(weight, dequantize(result), hessian_of(inputs));
  EXPECT_TRUE(error <= 1e-3) << error;
}

TEST(Gptq, NamesTheInputThatIsNotFinite) {
  auto inputs = random({10, 8}, 91);
  inputs[4][5] = std::numeric_limits<float>::quiet_NaN();
  Hessian hessian(8);
  hessian.add(inputs);
  try {
    gptq_columns(std::move(hessian), "model.layers.2.mlp.input");
    FAIL() << "a NaN went through";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kData);
    EXPECT_TRUE(std::string(error.what()).starts_with("model.layers.2.mlp.input: ")) << error.what();
    EXPECT_NE(std::string(error.what()).find("channel 5"), std::string::npos) << error.what();
  }
}

// Inputs as layers before have changed them, and as they were.
struct DriftedInputs {
  at::Tensor exact = correlated_inputs(400, 150, 111);
  at::Tensor now = exact + 0.1f * correlated_inputs(400, 150, 113) + 0.05f * exact.roll(1, 1);
};

// T = W (E^T X + D) (X^T X + D)^-1, D the damping: where |X T^T - E W^T|^2 + D |T - W|^2 is least, in float64.
at::Tensor best_weight(const at::Tensor& weight, const DriftedInputs& inputs, double damp) {
  const auto x = inputs.now.to(at::kDouble), hessian = hessian_of(inputs.now);
  const auto damping = at::eye(150, at::kDouble) * (hessian.diagonal().mean() * damp);
  const auto cross = inputs.exact.to(at::kDouble).t().matmul(x) + damping;
  return at::linalg_solve(hessian + damping, weight.to(at::kDouble).matmul(cross).t()).t();
}

TEST(Gptq, AimsAtTheWeightThatMakesUpForChangedInputs) {
  const DriftedInputs inputs;
  const auto weight = random({300, 150}, 114);
  Hessian hessian(150);
  hessian.add(inputs.now.narrow(0, 0, 250), inputs.exact.narrow(0, 0, 250));
  hessian.add(inputs.now.narrow(0, 250, 150), inputs.exact.narrow(0, 250, 150));
  const auto columns = gptq_columns(std::move(hessian), "input", {.damp = 0.01});
  // The drift is summed in float32: 400 products of a relative error of 2^-24 each, and H^-1 enlarges it by at most
  // 1 / damp.
  EXPECT_TRUE(close(weight_for_inputs(weight, columns), best_weight(weight, inputs, 0.01), 400 * 0x1p-24 / 0.01));
}

TEST(Gptq, ComesNearerToTheOutputsOfTheExactInputs) {
  const DriftedInputs inputs;
  const auto weight = random({40, 150}, 115);
  const auto wanted = inputs.exact.matmul(weight.t());
  const auto distance = [&](bool knows_exact) {
    Hessian hessian(150);
    knows_exact ? hessian.add(inputs.now, inputs.exact) : hessian.add(inputs.now);
    const auto result = gptq(weight, {.bits = 4}, gptq_columns(std::move(hessian), "input"));
    return (inputs.now.matmul(dequantize(result).t()) - wanted).square().sum().item<double>();
  };
  EXPECT_LT(distance(true), distance(false));
}

TEST(Smoothing, FactorsFollowThePapersFormula) {
  const auto largest = at::tensor({4.0f, 9.0f, 0.0f, 16.0f});
  const auto first = at::tensor({1.0f, -4.0f, 2.0f, 0.0f}).view({1, 4});
  const auto second = at::tensor({0.5f, 1.0f, 1.0f, 0.0f}).view({1, 4});
  EXPECT_TRUE(at::equal(smoothing_factors(largest, {first, second}, 0.5), at::tensor({2.0f, 1.5f, 1.0f, 1.0f})));
  EXPECT_TRUE(at::equal(smoothing_factors(largest, {second, first}, 1), at::tensor({4.0f, 9.0f, 1.0f, 1.0f})));
  EXPECT_TRUE(at::equal(smoothing_factors(largest, {first}, 0), at::tensor({1.0f, 0.25f, 1.0f, 1.0f})));
}

TEST(Smoothing, ProductsStayTheSame) {
  const auto x = correlated_inputs(50, 60, 101), weight = random({30, 60}, 102);
  const auto factors = smoothing_factors(at::amax(at::abs(x), 0), {weight}, 0.5);
  const auto exact = x.to(at::kDouble).matmul(weight.to(at::kDouble).t());
  const auto smoothed = (x / factors).to(at::kDouble).matmul((weight * factors).to(at::kDouble).t());
  // Each of the K products is rounded twice, by half a unit of 2^-23 each.
  const auto bound = at::abs(x).matmul(at::abs(weight).t()).max().item<double>() * std::ldexp(1.0, -23);
  EXPECT_TRUE(close(smoothed, exact, bound));
  EXPECT_FALSE(at::equal(x / factors, x));
}

TEST(Smoothing, FactorsArePositiveAndFiniteWhateverTheRange) {
  const auto largest = at::tensor({1e-44f, 3e38f, 1.0f, 1.0f, 1e-30f});
  const auto weight = at::tensor({1.0f, 1e-40f, 3e38f, 1e-44f, 1e-30f}).view({1, 5});
  for (const double alpha : {0.0, 0.5, 1.0}) {
    const auto factors = smoothing_factors(largest, {weight}, alpha);
    EXPECT_TRUE(factors.min().item<float>() >= 1e-5f && factors.max().item<float>() <= 1e5f) << factors;
  }
}

}  // namespace
}  // namespace slm
