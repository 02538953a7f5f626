// A model that is trained for being quantized: its dense layers become fake-quantized ones, and all of them go through
// the phases of training together.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "model/transformer.h"
#include "quantization/activation_quantizer.h"
#include "quantization/fake_quantized_weight.h"
#include "quantization/metadata.h"
#include "quantization/plan.h"

namespace slm {

/// The arena's names of the weights of a plan's layers, whose layers will compute with something else than the master
/// (ArenaSettings::derived). A tied head is none of them: it shares the embedding's weight.
std::set<std::string> weights_of(const QuantizationPlan& plan, bool tied_head);

struct FakeQuantizationSettings {
  QuantizationSettings quantization;
  bool learned_scales = false;              // of the weights
  int64_t observed_tokens = kMostObserved;  // that the observers are going to see, at most
};

class FakeQuantization {
 public:
  /// Replaces every layer of `plan` that has a scheme. The arena holds weights_of(plan) as derived, and outlives this.
  /// Until show_masters or update the layers' weights hold nothing.
  FakeQuantization(Transformer& model, const ParameterArena& arena, const QuantizationPlan& plan,
                   const FakeQuantizationSettings& settings);

  /// What the coming steps do.
  void set(bool observing, bool quantizing);

  /// Of all weights; see FakeQuantizedWeight. Scales that are learned begin as `known` has them, where it does.
  void show_masters() const;
  void begin(const ScalesByLayer& known = {}) const;
  void update() const;
  void clear_gradients() const;
  void finish_gradients(bool quantized) const;
  /// Of all places; see ActivationQuantizer.
  void end_step(bool applied) const;

  const std::vector<FakeQuantizedWeight>& weights() const { return weights_; }
  const std::vector<std::shared_ptr<ActivationQuantizer>>& places() const { return places_; }

  /// Learned scales of all weights, one behind the other, and their gradients; undefined where they are not learned.
  const at::Tensor& scales() const { return scales_; }
  const at::Tensor& scale_gradients() const { return scale_gradients_; }

  /// Flat numbers laid out as scales(), by layer and in the scales' shapes.
  std::vector<NamedTensor> by_layer(const at::Tensor& flat) const;
  bool learns_scales() const { return scale_gradients_.defined(); }

  /// Ranges and what the observers have seen: an array with an object a static place.
  nlohmann::ordered_json places_json() const;
  /// Error (kData) beginning with `origin` where it is not what such a model wrote.
  void restore_places(const nlohmann::json& places, const std::string& origin) const;

  /// Puts packed layers in the place of the fake-quantized ones, and says how far each is from its master. The value of
  /// every code is the one that the layer computed with, which is checked. Error (kData) naming the place where static
  /// activations have no range.
  std::vector<QuantizedLayerInfo> convert(Transformer& model) const;

 private:
  std::shared_ptr<ActivationQuantizer> place_of(const PlannedLayer& layer);

  FakeQuantizationSettings settings_;
  std::vector<FakeQuantizedWeight> weights_;
  std::vector<std::shared_ptr<ActivationQuantizer>> places_;
  at::Tensor scales_, scale_gradients_;
};

}  // namespace slm
