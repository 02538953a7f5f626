// One layer at a time: the ranking is that of the divergences, each as if it were measured alone.
#include "evaluation/sensitivity.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "checkpoint/model_folder.h"
#include "core/error_of.h"
#include "core/temporary_folder.h"
#include "data/write_token_file.h"
#include "evaluation/divergence.h"
#include "model/golden.h"
#include "quantization/plan.h"
#include "quantization/quantize_layers.h"

namespace slm {
namespace {

class SensitivityOfAGolden : public testing::Test {
 protected:
  SensitivityOfAGolden() {
    std::vector<int32_t> ids;
    for (int32_t i = 0; i < 200; ++i) ids.push_back(i * i * 31 % 128);
    write_token_file(folder_ / "tokens.bin", ids, 128);
    tokens_ = std::make_unique<TokenStream>(TokenStream({{folder_ / "tokens.bin"}}, 128));
  }

  Sensitivity measure(const QuantizationSettings& settings, bool by_input = false) const {
    return measure_sensitivity({.model = *loaded_.model,
                                .settings = settings,
                                .calibration = none_,
                                .tokens = *tokens_,
                                .sequence_length = 16,
                                .evaluation = {.batch_size = 4},
                                .by_input = by_input});
  }

  TemporaryFolder folder_;
  LoadedModel loaded_ = read_model_folder(golden_path("models/llama_tiny"));
  std::unique_ptr<TokenStream> tokens_;
  std::vector<TokenBatch> none_;
  QuantizationSettings settings_{.scheme = {4, QuantizationType::kWeightOnly, Granularity::kPerTensor, 0}};
};

TEST_F(SensitivityOfAGolden, EveryEntryIsWhatItsLayerAloneCosts) {
  const auto result = measure(settings_);
  const auto plan = plan_quantization(*loaded_.model, settings_);
  ASSERT_EQ(result.entries.size(), plan.size());
  EXPECT_TRUE(std::is_sorted(result.entries.begin(), result.entries.end(),
                             [](auto& a, auto& b) { return a.kl_divergence > b.kl_divergence; }));
  EXPECT_EQ(result.tokens, 192);
  const auto& third = result.entries[2];
  auto only = plan;
  for (auto& layer : only) {
    if (layer.name != third.layers[0]) layer.scheme.reset();
  }
  const auto twin = loaded_.model->share();
  quantize_layers(*twin, only, settings_, {});
  const auto expected = compare_predictions(*loaded_.model, *twin, *tokens_, 16, {.batch_size = 4});
  EXPECT_EQ(third.kl_divergence, expected.kl_divergence);
  EXPECT_EQ(third.loss_increase, expected.loss_difference());
  EXPECT_EQ(result.loss, expected.loss_first);
  EXPECT_GT(result.all.kl_divergence, result.without_excluded.kl_divergence);
  EXPECT_LT(result.without_excluded.bytes_saved, result.all.bytes_saved);
  EXPECT_EQ(result.without_excluded.layers.size() + result.exclude.size(), plan.size());
}

TEST_F(SensitivityOfAGolden, LayersOfOneInputAreTakenTogetherAndExcludedOnesNotAtAll) {
  settings_.exclude = {"model.layers.0.*"};
  const auto result = measure(settings_, /*by_input=*/true);
  size_t layers = 0;
  for (const auto& entry : result.entries) {
    layers += entry.layers.size();
    for (const auto& name : entry.layers) EXPECT_FALSE(name.starts_with("model.layers.0.")) << name;
    if (entry.layers[0].ends_with("q_proj")) {
      EXPECT_EQ(entry.layers.size(), 3u);
    }
    if (entry.layers[0].ends_with("gate_proj")) {
      EXPECT_EQ(entry.layers.size(), 2u);
    }
    if (entry.layers[0] == "lm_head") {
      EXPECT_EQ(entry.layers.size(), 1u);
    }
  }
  EXPECT_EQ(layers, plan_quantization(*loaded_.model, {.scheme = settings_.scheme}).size() - 7);
}

}  // namespace
}  // namespace slm
