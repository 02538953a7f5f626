// The adapters of a model: which layers have one, and their parameters in an arena of their own, beside that of the
// model, which is frozen.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/dropout_place.h"
#include "model/lora_linear.h"
#include "model/parameter_arena.h"
#include "model/transformer.h"

namespace slm {

/// One adapter before it has values.
struct AdapterShape {
  std::string layer;  // canonical: model.layers.0.self_attn.q_proj
  int64_t rank = 0;
  double scale = 1;  // of B A
};

/// One adapter in numbers: the layer's weight (N, K) becomes W + scale B A.
struct AdapterWeights {
  std::string layer;
  double scale = 1;
  at::Tensor a, b;  // (r, K), (N, r), float32

  at::Tensor change() const;  // scale B A, (N, K)
};

class Adapters {
 public:
  /// Puts a LoraLinear over each of the layers, all of which are linear layers of the model's blocks. The parameters'
  /// names are `<layer>.lora_A.weight` and `<layer>.lora_B.weight`; they have no values yet.
  Adapters(Transformer& model, const std::vector<AdapterShape>& shapes, const ArenaSettings& settings);

  /// As peft begins: A uniform in +-1 / sqrt(K) (Kaiming with a = sqrt(5)), drawn by (seed, name), and B 0, so that the
  /// model computes what it computed before.
  void initialize(uint64_t seed) const;

  /// The parameters' exact values, views; after writing into them call arena().update_shadows().
  std::vector<AdapterWeights> weights() const;
  /// Copies values into them. `weights` are of the same layers and ranks, in any order.
  void set_weights(const std::vector<AdapterWeights>& weights) const;

  /// Of the coming forward passes; p 0: none.
  void set_dropout(const DropoutPlace& place) const { *dropout_ = place; }

  const ParameterArena& arena() const { return *arena_; }
  const std::vector<AdapterShape>& shapes() const { return shapes_; }

 private:
  std::vector<AdapterShape> shapes_;  // in the order of the forward pass
  std::shared_ptr<DropoutPlace> dropout_;
  std::unique_ptr<ParameterArena> arena_;
};

/// Puts adapters with these values over a model that is not to be trained.
Adapters attach_adapters(Transformer& model, const std::vector<AdapterWeights>& weights, const ArenaSettings& settings);

}  // namespace slm
