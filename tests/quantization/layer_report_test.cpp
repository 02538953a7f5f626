// What is said of a layer, against goldens that PyTorch made, LibTorch's own counts and matrices made by hand; and the
// errors through the depth of a small model.
#include "quantization/layer_report.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "model/golden.h"
#include "quantization/output_error.h"
#include "quantization/packed_linear.h"
#include "quantization/plan.h"
#include "quantization/quantize_layers.h"

namespace slm {
namespace {

struct GoldenCase {
  std::string name, prefix;  // prefix: of its tensors
  Scheme scheme;
};

std::vector<GoldenCase> golden_cases() {
  std::vector<GoldenCase> cases;
  for (const char* name : {"all_zero", "even", "group_and_one", "group_less_one", "one_by_one", "outliers",
                           "short_group", "ties", "zero_rows"}) {
    for (const int bits : {8, 4}) {
      for (const auto each : {Granularity::kPerTensor, Granularity::kPerChannel, Granularity::kPerGroup}) {
        const Scheme scheme{bits, QuantizationType::kWeightOnly, each, each == Granularity::kPerGroup ? 64 : 0};
        cases.push_back({name, fmt::format("{}.int{}.{}.", name, bits, name_of(each)), scheme});
      }
    }
  }
  return cases;
}

QuantizedLayerInfo info_of(const at::Tensor& weight, const Scheme& scheme) {
  return {.name = "x", .out_features = weight.size(0), .in_features = weight.size(1), .scheme = scheme};
}

TEST(LayerReport, ErrorsAreThoseOfTheGoldens) {
  const Golden golden("quantization/weights.safetensors");
  for (const auto& [name, prefix, scheme] : golden_cases()) {
    const auto weight = golden[name + ".weight"];
    auto scales = golden[prefix + "scales"];
    if (scheme.granularity == Granularity::kPerChannel) scales = scales.unsqueeze(1);
    const auto report =
        report_quantized_layer(info_of(weight, scheme), {scheme, golden[prefix + "codes"], scales}, weight);
    ASSERT_TRUE(report.error);
    EXPECT_EQ(report.error->max_abs_error, golden[prefix + "max_abs_error"].item<double>()) << prefix;
    if (!golden.file().find(prefix + "sqnr_db")) continue;  // of an all-zero matrix
    const double expected = golden[prefix + "sqnr_db"].item<double>();
    if (std::isinf(expected)) {
      EXPECT_EQ(report.error->sqnr_db, expected) << prefix;
      continue;
    }
    // Two sums of at most 10^5 terms in float64, and a logarithm.
    EXPECT_LE(std::abs(report.error->sqnr_db - expected), 1e-9 * std::abs(expected)) << prefix;
  }
}

TEST(LayerReport, CountsOfCodesEqualLibTorchsBincount) {
  const Golden golden("quantization/weights.safetensors");
  for (const auto& [name, prefix, scheme] : golden_cases()) {
    const auto codes = golden[prefix + "codes"];
    const auto range = scheme.codes();
    const auto expected = at::bincount(codes.view({-1}).to(at::kLong) - range.min, {}, range.max - range.min + 1);
    const auto counts = count_codes({scheme, codes, {}});
    EXPECT_EQ(counts.first, range.min);
    EXPECT_TRUE(at::equal(at::tensor(counts.counts, at::kLong), expected)) << prefix;
    EXPECT_EQ(static_cast<int64_t>(counts.unused().size()), (expected == 0).sum().item<int64_t>()) << prefix;
    EXPECT_EQ(counts.total(), codes.numel());
  }
}

TEST(LayerReport, TheWorstRowsAreThoseWithTheLowestSqnr) {
  at::Tensor weight = at::ones({8, 4}), values = weight.clone();
  for (int64_t row = 1; row < 8; ++row) values[row][row % 4] -= 0.01 * static_cast<double>(row * row % 7 + 1);
  weight[2].zero_();
  values[2].zero_();  // says nothing
  const auto rows = worst_rows(weight, values);
  const auto noise = (weight - values).to(at::kDouble).square().sum(1);
  ASSERT_EQ(rows.size(), kMostListed);
  std::set<int64_t> listed;
  for (const auto& row : rows) {
    listed.insert(row.row);
    const double expected = 10 * std::log10(4 / noise[row.row].item<double>());
    EXPECT_LE(std::abs(row.sqnr_db - expected), 1e-12 * expected) << row.row;
    EXPECT_EQ(row.largest, 1);
    EXPECT_LE(std::abs(row.max_abs_error - std::sqrt(noise[row.row].item<double>())), 1e-15);
  }
  for (int64_t row = 0; row < 8; ++row) {
    if (row == 2 || listed.contains(row)) continue;
    EXPECT_LE(noise[row].item<double>(), noise[rows.back().row].item<double>()) << row;
  }
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.sqnr_db < b.sqnr_db; }));
}

TEST(LayerReport, ScalesAndChannelsFarAboveTheMedianAreOutliers) {
  at::Tensor scales = at::ones({4, 3});
  scales[2][1] = 8.0f;
  scales[3][0] = 3.0f;  // just not
  scales[0][2] = 4.0f;
  const auto statistics = scale_statistics(scales);
  EXPECT_EQ(statistics.count, 12);
  EXPECT_EQ(statistics.median, 1);
  EXPECT_EQ(statistics.largest, 8);
  ASSERT_EQ(statistics.outlier_count, 2);
  EXPECT_EQ(statistics.outliers[0].row, 2);
  EXPECT_EQ(statistics.outliers[0].group, 1);
  EXPECT_EQ(statistics.outliers[0].times, 8);
  EXPECT_EQ(statistics.outliers[1].row, 0);
  EXPECT_EQ(statistics.outliers[1].group, 2);

  at::Tensor weight = at::full({5, 6}, 0.5f);
  weight[3][4] = -2.0f;
  const auto report = report_float_layer("x", weight);
  ASSERT_EQ(report.outlier_channel_count, 1);
  EXPECT_EQ(report.outlier_channels[0].channel, 4);
  EXPECT_EQ(report.outlier_channels[0].largest, 2);
  EXPECT_EQ(report.outlier_channels[0].times, 4);
  EXPECT_FALSE(report.scheme);
  EXPECT_EQ(report.bytes_after, 5 * 6 * 4);
}

TEST(LayerReport, AFloatLayerWithValuesThatAreNotFiniteIsShownAllTheSame) {
  at::Tensor weight = at::ones({3, 3});
  weight[1][1] = NAN;
  weight[0][2] = INFINITY;
  const auto report = report_float_layer("x", weight);
  EXPECT_EQ(report.values.not_finite, 2);
  EXPECT_EQ(report.values.mean, 1);
}

TEST(LayerReport, WithoutTheWeightItTellsOfTheCodesValuesAndTheErrorsThatWereStored) {
  const Scheme scheme{4, QuantizationType::kStatic, Granularity::kPerGroup, 2};
  const auto codes = at::tensor({-7, 0, 7, 1, 1, 1}, at::kChar).view({2, 3});
  const auto scales = at::tensor({0.5f, 1.0f, 2.0f, 0.25f}).view({2, 2});
  QuantizedLayerInfo info{.name = "x", .out_features = 2, .in_features = 3, .scheme = scheme};
  info.activation = AffineScale{0.5f, 10};
  info.error = {.sqnr_db = 20, .max_abs_error = 0.125};
  info.clipped = 0.25;
  const auto report = report_quantized_layer(info, {scheme, codes, scales}, {});
  EXPECT_TRUE(report.values_of_codes);
  EXPECT_EQ(report.error->sqnr_db, 20);
  EXPECT_EQ(report.error->clipped, 0.25);
  EXPECT_FALSE(report.error->cosine);
  EXPECT_EQ(report.values.smallest, -3.5);
  EXPECT_EQ(report.values.largest, 7);
  EXPECT_EQ(report.corner.values, (std::vector<float>{-3.5f, 0, 7, 2, 2, 0.25f}));
  EXPECT_EQ(report.corner.codes, (std::vector<int>{-7, 0, 7, 1, 1, 1}));
  EXPECT_TRUE(report.corner.weights.empty());
  EXPECT_TRUE(report.worst_rows.empty());
  EXPECT_EQ(report.activation->low(), -5);
  EXPECT_EQ(report.activation->high(), 122.5);
  EXPECT_EQ(report.bytes_after, 2 * 4 + 4 * 4);  // a word a row, four scales
}

class OutputErrorOfASmallModel : public testing::Test {
 protected:
  OutputErrorOfASmallModel() {
    initialize_parameters(config_, arena_, 7);
    model_->fuse_projections();
    at::manual_seed(3);
    for (int i = 0; i < 2; ++i) batches_.push_back({at::randint(0, config_.vocab_size, {2, 16}, at::kLong)});
  }

  std::shared_ptr<Transformer> quantized(const QuantizationSettings& settings) {
    const auto twin = model_->share();
    quantize_layers(*twin, plan_quantization(*model_, settings), settings, {});
    return twin;
  }

  TransformerConfig config_{.vocab_size = 50,
                            .max_sequence_length = 16,
                            .n_layers = 3,
                            .n_heads = 2,
                            .n_kv_heads = 1,
                            .head_dim = 16,
                            .d_model = 32,
                            .d_ff = 64};
  std::shared_ptr<Transformer> model_ = std::make_shared<Transformer>(config_);
  ParameterArena arena_{*model_, {}};
  std::vector<TokenBatch> batches_;
};

const QuantizationSettings kInt4{.scheme = {4, QuantizationType::kWeightOnly, Granularity::kPerGroup, 32}};

TEST_F(OutputErrorOfASmallModel, ALayersOwnErrorIsItsOutputOnTheFloatModelsInput) {
  const auto twin = quantized(kInt4);
  const auto errors = measure_output_errors(*model_, *twin, batches_, true);
  ASSERT_EQ(errors.layers.size(), 22u);
  ASSERT_EQ(errors.blocks.size(), 3u);
  EXPECT_EQ(errors.tokens, 64);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(errors.layers[static_cast<size_t>(i)].local, errors.layers[static_cast<size_t>(i)].cumulative)
        << "nothing is quantized before it";
  }
  EXPECT_LT(errors.layers[7].local, errors.layers[7].cumulative);
  EXPECT_EQ(errors.layers[21].name, "lm_head");
  // down_proj of block 1, by hand: both products in float64, over both batches.
  double signal = 0, local = 0, cumulative = 0;
  at::Tensor weight, packed;
  model_->visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    if (name == "model.layers.1.mlp.down_proj") weight = dynamic_cast<DenseLinear&>(*layer).weight().to(at::kDouble);
  });
  twin->visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    if (name == errors.layers[13].name)
      packed = dequantize(dynamic_cast<PackedLinear&>(*layer).weight()).to(at::kDouble);
  });
  ASSERT_EQ(errors.layers[13].name, "model.layers.1.mlp.down_proj");
  const at::NoGradGuard no_grad;
  for (const auto& [ids, starts] : batches_) {
    at::Tensor x, moved;
    const auto hear = [](at::Tensor& into) {
      return Tap([&into](std::string_view name, const at::Tensor& value) {
        if (name == "model.layers.1.mlp.down_proj.input") into = value.to(at::kDouble);
      });
    };
    const Tap first = hear(x), second = hear(moved);
    model_->hidden(ids, nullptr, &first);
    twin->hidden(ids, nullptr, &second);
    const auto y = at::matmul(x, weight.t());
    signal += y.square().sum().item<double>();
    local += (y - at::matmul(x, packed.t())).square().sum().item<double>();
    cumulative += (y - at::matmul(moved, packed.t())).square().sum().item<double>();
  }
  // Ours are float32 products of 64 terms: an error of about 64 * 2^-24 of the output beside one of some percent.
  EXPECT_LE(std::abs(errors.layers[13].local - std::sqrt(local / signal)), 1e-5);
  EXPECT_LE(std::abs(errors.layers[13].cumulative - std::sqrt(cumulative / signal)), 1e-5);
}

TEST_F(OutputErrorOfASmallModel, TheFirstBlocksErrorIsAllItsOwnAndLaterOnesAddToIt) {
  const auto errors = measure_output_errors(*model_, *quantized(kInt4), batches_, false);
  EXPECT_TRUE(errors.layers.empty());
  EXPECT_EQ(errors.blocks[0].local, errors.blocks[0].cumulative);
  EXPECT_GT(errors.blocks[0].local, 0);
  EXPECT_LT(errors.blocks[2].local, errors.blocks[2].cumulative);
}

TEST_F(OutputErrorOfASmallModel, ALayerThatStaysFloatHasNoErrorOfItsOwn) {
  auto settings = kInt4;
  settings.exclude = {"model.layers.0.*", "model.layers.2.*", "lm_head"};
  const auto errors = measure_output_errors(*model_, *quantized(settings), batches_, true);
  EXPECT_EQ(errors.layers.size(), 7u);
  EXPECT_EQ(errors.blocks[0].cumulative, 0);
  EXPECT_GT(errors.blocks[1].local, 0);
  EXPECT_EQ(errors.blocks[2].local, 0);
  EXPECT_GT(errors.blocks[2].cumulative, 0);
}

}  // namespace
}  // namespace slm
