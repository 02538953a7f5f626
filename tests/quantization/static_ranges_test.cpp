// Static activations: the range of a layer is what its observer makes of what the layer reads.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "checkpoint/model_folder.h"
#include "model/golden.h"
#include "quantization/quantize_layers.h"

namespace slm {
namespace {

class StaticRanges : public testing::TestWithParam<ObserverKind> {};

TEST_P(StaticRanges, AreThoseOfTheObserverOverEveryBatchOfTheInput) {
  const c10::NoGradGuard no_grad;
  const auto folder = golden_path("models/llama_tiny");
  const auto ids = Golden("models/llama_tiny/case.safetensors")["input_ids"];
  const std::vector<TokenBatch> batches = {{ids.narrow(0, 0, 1)}, {ids.narrow(0, 1, 1).narrow(1, 0, 5)}, {ids}};
  const std::string place = "model.layers.0.self_attn.input";  // no quantized layer comes before it
  const auto observer = make_observer(GetParam());
  const Tap tap = [&](std::string_view name, const at::Tensor& x) {
    if (name == place) observer->observe(x, place);
  };
  const auto original = read_model_folder(folder), loaded = read_model_folder(folder);
  for (const auto& batch : batches) original.model->logits(batch.ids, &tap);
  const auto range = observer->range();

  const QuantizationSettings settings{.scheme = {.type = QuantizationType::kStatic}, .observer = GetParam()};
  const auto layers = quantize_layers(*loaded.model, plan_quantization(*loaded.model, settings), settings, batches);
  ASSERT_EQ(layers.at(0).name, "model.layers.0.self_attn.q_proj");
  EXPECT_EQ(layers.at(0).activation, affine_scale(range.low, range.high));
  for (const auto& layer : layers) EXPECT_TRUE(layer.activation.has_value()) << layer.name;
}

INSTANTIATE_TEST_SUITE_P(Quantization, StaticRanges,
                         testing::Values(ObserverKind::kMovingAverage, ObserverKind::kMinMax, ObserverKind::kPercentile,
                                         ObserverKind::kMse),
                         [](const auto& kind) { return std::string(name_of(kind.param)); });

}  // namespace
}  // namespace slm
