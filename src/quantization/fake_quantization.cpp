#include "quantization/fake_quantization.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"
#include "quantization/fake_quantized_linear.h"
#include "quantization/packed_linear.h"

namespace slm {
namespace {

constexpr const char* kHead = "lm_head";
constexpr const char* kTiedHeadWeight = "model.embed_tokens.weight";

int64_t scales_of(const PlannedLayer& layer) {
  const auto shape = layer.scheme->scales_shape(layer.out_features, layer.in_features);
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

// A leaf of its own over a tied head's weight.
at::Tensor head_leaf(const at::Tensor& master, at::ScalarType dtype, bool trained) {
  auto leaf = at::empty(master.sizes(), master.options().dtype(dtype));
  if (!trained) return leaf;
  leaf.set_requires_grad(true);
  leaf.set_grad_dtype(at::kFloat);
  leaf.mutable_grad() = at::zeros_like(master);
  return leaf;
}

}  // namespace

std::set<std::string> weights_of(const QuantizationPlan& plan, bool tied_head) {
  std::set<std::string> names;
  for (const auto& layer : plan) {
    if (layer.scheme && !(tied_head && layer.name == kHead)) names.insert(layer.name + ".weight");
  }
  return names;
}

FakeQuantization::FakeQuantization(Transformer& model, const ParameterArena& arena, const QuantizationPlan& plan,
                                   const FakeQuantizationSettings& settings)
    : settings_(settings) {
  const c10::NoGradGuard no_grad;
  std::map<std::string, const ArenaEntry*> entries;
  for (const auto& entry : arena.entries()) entries[entry.name] = &entry;
  std::map<std::string, const PlannedLayer*> planned;
  int64_t scales = 0;
  for (const auto& layer : plan) {
    if (!layer.scheme) continue;
    planned[layer.name] = &layer;
    scales += scales_of(layer);
  }
  scales_ = at::ones({scales}, model.device());
  if (settings.learned_scales) scale_gradients_ = at::zeros_like(scales_);
  const bool tied = model.config().tie_embeddings;
  int64_t first_scale = 0;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& linear) {
    const auto found = planned.find(name);
    if (found == planned.end()) return;
    const auto& layer = *found->second;
    const auto& dense = dynamic_cast<const DenseLinear&>(*linear);
    const bool tied_head = tied && name == kHead;
    const auto& entry = *entries.at(tied_head ? kTiedHeadWeight : name + ".weight");
    const bool trained = entry.tensor.requires_grad();
    WeightForms forms{.layer = name, .master = ParameterArena::view(arena.parameters(), entry)};
    const auto leaf = tied_head ? head_leaf(forms.master, entry.tensor.scalar_type(), trained) : dense.weight();
    forms.computed = leaf.detach();
    if (trained) forms.gradient = leaf.grad();
    if (trained && tied_head) forms.tied_gradient = ParameterArena::view(arena.gradients(), entry);
    const auto shape = layer.scheme->scales_shape(layer.out_features, layer.in_features);
    const auto of_layer = [&](const at::Tensor& flat) {
      return flat.narrow(0, first_scale, scales_of(layer)).view(shape);
    };
    forms.scales = of_layer(scales_);
    if (settings.learned_scales) forms.scale_gradient = of_layer(scale_gradients_);
    first_scale += scales_of(layer);
    weights_.emplace_back(std::move(forms), *layer.scheme);
    linear =
        std::make_shared<FakeQuantizedLinear>(dense, tied_head ? leaf : at::Tensor(), *layer.scheme, place_of(layer));
  });
}

std::shared_ptr<ActivationQuantizer> FakeQuantization::place_of(const PlannedLayer& layer) {
  const auto& quantization = settings_.quantization;
  if (quantization.scheme.type == QuantizationType::kWeightOnly) return nullptr;
  const auto place = linear_input(layer.name);
  for (const auto& known : places_) {
    if (known->place() == place) return known;
  }
  const int64_t values = std::min(kMostObserved, settings_.observed_tokens * layer.in_features);
  places_.push_back(
      std::make_shared<ActivationQuantizer>(place, quantization.scheme.type, quantization.observer, values));
  return places_.back();
}

void FakeQuantization::set(bool observing, bool quantizing) {
  for (const auto& place : places_) place->set(observing, quantizing);
}

void FakeQuantization::show_masters() const {
  const c10::NoGradGuard no_grad;
  for (const auto& weight : weights_) weight.show_master();
}

void FakeQuantization::begin(const ScalesByLayer& known) const {
  const c10::NoGradGuard no_grad;
  for (const auto& weight : weights_) {
    const auto found = known.find(weight.forms().layer);
    weight.begin(found == known.end() ? at::Tensor() : found->second);
  }
}

void FakeQuantization::update() const {
  const c10::NoGradGuard no_grad;
  for (const auto& weight : weights_) weight.update();
}

void FakeQuantization::clear_gradients() const {
  for (const auto& weight : weights_) weight.clear_gradient();
}

void FakeQuantization::finish_gradients(bool quantized) const {
  const c10::NoGradGuard no_grad;
  for (const auto& weight : weights_) weight.finish_gradient(quantized);
}

void FakeQuantization::end_step(bool applied) const {
  for (const auto& place : places_) place->end_step(applied);
}

std::vector<NamedTensor> FakeQuantization::by_layer(const at::Tensor& flat) const {
  std::vector<NamedTensor> tensors;
  int64_t first = 0;
  for (const auto& weight : weights_) {
    const auto& scales = weight.forms().scales;
    tensors.push_back({weight.forms().layer, flat.narrow(0, first, scales.numel()).view(scales.sizes())});
    first += scales.numel();
  }
  return tensors;
}

nlohmann::ordered_json FakeQuantization::places_json() const {
  auto places = nlohmann::ordered_json::array();
  for (const auto& place : places_) {
    if (!place->is_static()) continue;
    nlohmann::ordered_json json = {{"place", place->place()}};
    json.update(nlohmann::ordered_json(place->to_json()));
    places.push_back(std::move(json));
  }
  return places;
}

void FakeQuantization::restore_places(const nlohmann::json& places, const std::string& origin) const {
  for (const auto& place : places_) {
    if (!place->is_static()) continue;
    const auto found = std::find_if(places.begin(), places.end(), [&](const nlohmann::json& json) {
      return json.is_object() && json.value("place", nlohmann::json()) == place->place();
    });
    if (found == places.end()) fail(ExitCode::kData, "{}: {} is missing", origin, place->place());
    place->restore(*found, fmt::format("{}: {}", origin, place->place()));
  }
}

std::vector<QuantizedLayerInfo> FakeQuantization::convert(Transformer& model) const {
  const c10::NoGradGuard no_grad;
  std::map<std::string, const FakeQuantizedWeight*> weights;
  for (const auto& weight : weights_) weights[weight.forms().layer] = &weight;
  std::vector<QuantizedLayerInfo> infos;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& linear) {
    const auto found = weights.find(name);
    if (found == weights.end()) return;
    const auto& fake = dynamic_cast<const FakeQuantizedLinear&>(*linear);
    const auto& master = found->second->forms().master;
    check_finite(master, name);
    const auto quantized = found->second->quantized();
    SLM_CHECK(at::equal(dequantize(quantized).to(fake.weight().scalar_type()), fake.weight()));
    std::optional<AffineScale> activation;
    if (fake.scheme().type == QuantizationType::kStatic) {
      activation = fake.activations()->scale();
      if (!activation) {
        fail(ExitCode::kData, "{}: the range of its activations was never observed; train on past qat_start_step",
             fake.activations()->place());
      }
    }
    infos.push_back({.name = name,
                     .out_features = fake.out_features(),
                     .in_features = fake.in_features(),
                     .scheme = fake.scheme(),
                     .activation = activation,
                     .error = quantization_error(master, quantized),
                     .clipped = clipped_share(master, quantized)});
    linear = std::make_shared<PackedLinear>(quantized, fake.bias(), activation);
  });
  return infos;
}

}  // namespace slm
