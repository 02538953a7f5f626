// Training goes on with a quantized model: its codes and scales are the weights, updated by AdamW and rounded again by
// chance, so that no float copy of them is ever held.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/state_dict.h"
#include "config/training_config.h"
#include "model/transformer.h"
#include "quantization/trainable_packed_linear.h"
#include "training/adamw.h"
#include "training/moments.h"

namespace slm {

struct QuantizedFinetuningSettings {
  int residual_bits = 0;
  ScalePolicy policy = ScalePolicy::kFixed;
  Rounding rounding = Rounding::kStochastic;
  uint64_t seed = 0;                  // of the rounding
  std::set<std::string> frozen = {};  // canonical names of the weights whose codes stay
  AdamWSettings adam;
};

class QuantizedFinetuning {
 public:
  /// Makes every packed layer of the model a trainable one (those that are frozen pass gradients on). Gradients and
  /// moments of the layers' weights are held here, as (N, K) float32 and in the settings' dtype.
  QuantizedFinetuning(Transformer& model, const QuantizedFinetuningSettings& settings);

  /// Before a step's first forward pass.
  void clear_gradients() const { gradients_.zero_(); }
  /// Of all layers' weights, one behind the other.
  const at::Tensor& gradients() const { return gradients_; }

  /// One update of all codes; `step` counts updates from 1, and keys the random numbers together with the layer.
  void update(double learning_rate, double clip_factor, int64_t step);

  struct Layer {
    std::string name;  // canonical
    std::shared_ptr<TrainablePackedLinear> linear;
    at::Tensor gradient;  // (N, K)
    Moments moments;      // (N K)
  };
  const std::vector<Layer>& layers() const { return layers_; }
  const QuantizedFinetuningSettings& settings() const { return settings_; }

  /// As add_state of each layer's, by the name `<layer>.weight`: writing into them restores them.
  StateDict moments() const;
  /// `residual.<layer>.weight`; empty without residual bits.
  StateDict residuals() const;
  void set_residuals(const StateDict& residuals) const;

 private:
  QuantizedFinetuningSettings settings_;
  std::vector<Layer> layers_;
  at::Tensor gradients_;  // of all layers
};

}  // namespace slm
