// GPTQ and the migration of scales through a whole model. Models: tests/golden/models.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "checkpoint/model_folder.h"
#include "core/error.h"
#include "model/golden.h"
#include "quantization/packed_linear.h"
#include "quantization/quantize_layers.h"

namespace slm {
namespace {

const Scheme kInt8Dynamic{.bits = 8, .type = QuantizationType::kDynamic};

// One of the golden models, on the way to be quantized.
struct Subject {
  explicit Subject(const std::string& name) : golden("models/" + name + "/case.safetensors"), loaded(load(name)) {}

  static LoadedModel load(const std::string& name) { return read_model_folder(golden_path("models/" + name)); }
  Transformer& model() const { return *loaded.model; }
  at::Tensor ids() const { return golden["input_ids"]; }
  std::vector<QuantizedLayerInfo> quantize(const QuantizationSettings& settings) const {
    return quantize_layers(model(), plan_quantization(model(), settings), settings, {{ids()}});
  }

  c10::NoGradGuard no_grad;
  Golden golden;
  LoadedModel loaded;
};

std::map<std::string, std::shared_ptr<Linear>> linears(Transformer& model) {
  std::map<std::string, std::shared_ptr<Linear>> all;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) { all[name] = layer; });
  return all;
}

// The norm that gives a layer its input; empty where another layer does.
std::string norm_of(const std::string& layer) {
  if (layer == "lm_head") return "model.norm";
  if (layer.ends_with("o_proj") || layer.ends_with("down_proj")) return "";
  const auto block = layer.substr(0, layer.find('.', std::string("model.layers.").size()));
  return block + (layer.find("self_attn") != std::string::npos ? ".input_layernorm" : ".post_attention_layernorm");
}

class Smoothed : public testing::TestWithParam<std::string> {};

// A float model whose norms are the quantized one's, and whose weights are multiplied by what those norms lost: the
// model that was rounded.
TEST_P(Smoothed, FloatFunctionStaysTheSameAndTheSavedNormsBelongToTheSavedCodes) {
  const Subject subject(GetParam()), original(GetParam());
  subject.quantize({.scheme = kInt8Dynamic, .smooth = 0.5});
  const auto smoothed = Subject::load(GetParam());
  auto parameters = smoothed.model->named_parameters();
  const auto norms = subject.model().named_parameters();
  const auto packed = linears(subject.model());
  int moved = 0;
  smoothed.model->visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    const auto norm = norm_of(name);
    auto weight = dynamic_cast<DenseLinear&>(*layer).weight();
    if (!norm.empty()) {
      const auto factors = parameters[norm + ".weight"] / norms[norm + ".weight"];
      moved += at::equal(factors, at::ones_like(factors)) ? 0 : 1;
      weight = weight * factors;
    }
    const auto& codes = dynamic_cast<const PackedLinear&>(*packed.at(name)).weight();
    const auto step = dequantize({codes.scheme, at::ones_like(codes.codes), codes.scales});
    // Half a step, and the rounding of factors that are known from quotients only.
    EXPECT_TRUE((at::abs(dequantize(codes) - weight) <= 0.5001 * step).all().item<bool>()) << name;
    const auto bias = dynamic_cast<DenseLinear&>(*layer).bias();
    auto dense = std::make_shared<DenseLinear>(layer->in_features(), layer->out_features(), bias.defined());
    dense->weight().set_data(weight.detach());
    if (bias.defined()) dense->bias().set_data(bias.detach());
    layer = dense;
  });
  for (auto& parameter : smoothed.model->named_parameters()) {
    if (const auto* norm = norms.find(parameter.key()); norm && parameter.value().dim() == 1) {
      parameter.value().copy_(*norm);
    }
  }
  EXPECT_GT(moved, 0);
  EXPECT_TRUE(close(smoothed.model->logits(subject.ids()), original.golden["f64.logits"], 3e-5));
}

INSTANTIATE_TEST_SUITE_P(Models, Smoothed, testing::Values("llama_tiny", "llama_tied", "gpt2_tiny", "qwen3_tiny"),
                         [](const auto& model) { return model.param; });

TEST(SmoothedLayers, LeaveTheParentAloneAndTheEmbeddingTooWhereItIsTied) {
  const Subject subject("gpt2_tiny");
  const auto parent = subject.model().share();
  const auto before = parent->logits(subject.ids());
  const auto embedding = subject.model().decoder().token_embedding()->weight().clone();
  subject.quantize({.scheme = kInt8Dynamic, .smooth = 1});
  EXPECT_TRUE(at::equal(parent->logits(subject.ids()), before));
  EXPECT_TRUE(at::equal(subject.model().decoder().token_embedding()->weight(), embedding));
}

TEST(SmoothedLayers, KeepANormThatALayerLeftInFloatReads) {
  const Subject subject("llama_tiny"), original("llama_tiny");
  subject.quantize({.scheme = kInt8Dynamic, .smooth = 0.5, .exclude = {"model.layers.0.self_attn.k_proj"}});
  const auto now = subject.model().named_parameters(), before = original.model().named_parameters();
  const auto is_kept = [&](const std::string& name) { return at::equal(now[name], before[name]); };
  EXPECT_TRUE(is_kept("model.layers.0.input_layernorm.weight"));
  EXPECT_FALSE(is_kept("model.layers.0.post_attention_layernorm.weight"));
  EXPECT_FALSE(is_kept("model.norm.weight"));
}

double distance_from_float(const Subject& subject) {
  const auto difference = subject.model().logits(subject.ids()).to(at::kDouble) - subject.golden["f64.logits"];
  return difference.square().mean().item<double>();
}

// The calibration text is the text that is measured, so that what GPTQ makes least is seen.
TEST(QuantizedLayers, GptqIsNearerToTheFloatModelThanRounding) {
  for (const std::string name : {"llama_tiny", "gpt2_tiny"}) {
    std::map<QuantizationMethod, double> distance;
    for (const auto method : {QuantizationMethod::kMse, QuantizationMethod::kGptq}) {
      const Subject subject(name);
      const auto layers = subject.quantize(
          {.scheme = {.bits = 4, .granularity = Granularity::kPerGroup, .group_size = 32}, .method = method});
      EXPECT_EQ(layers.size(), linears(subject.model()).size());
      distance[method] = distance_from_float(subject);
    }
    EXPECT_LT(distance[QuantizationMethod::kGptq], distance[QuantizationMethod::kMse]) << name;
  }
}

// The float model beside is not smoothed: what it gives has to be divided by the same factors before it is compared.
TEST(QuantizedLayers, GptqStaysNearTheFloatModelWhereNormsAreSmoothed) {
  const Scheme scheme{.bits = 4, .type = QuantizationType::kDynamic};
  std::map<QuantizationMethod, double> distance;
  for (const auto method : {QuantizationMethod::kMse, QuantizationMethod::kGptq}) {
    const Subject subject("gpt2_tiny");
    subject.quantize({.scheme = scheme, .method = method, .smooth = 0.5});
    distance[method] = distance_from_float(subject);
  }
  EXPECT_LT(distance[QuantizationMethod::kGptq], distance[QuantizationMethod::kMse]);
}

TEST(QuantizedLayers, NameTheInputThatIsNotFiniteUnderGptq) {
  const Subject subject("llama_tiny");
  subject.model().named_parameters()["model.layers.1.input_layernorm.weight"][3] = INFINITY;
  try {
    subject.quantize({.scheme = {.bits = 4}, .method = QuantizationMethod::kGptq});
    FAIL() << "an infinity went through";
  } catch (const Error& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with("model.layers.1.self_attn.input: ")) << error.what();
  }
}

}  // namespace
}  // namespace slm
