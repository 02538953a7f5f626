// The forms of a weight that is trained for being quantized: the float32 master that the optimizer updates, and the
// tensor that the layer computes with, which holds what the master's codes stand for.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "quantization/quantized_weight.h"
#include "quantization/scheme.h"

namespace slm {

/// Tensors of others, or views of theirs.
struct WeightForms {
  std::string layer;         // canonical name of the layer
  at::Tensor master = {};    // (N, K) float32
  at::Tensor computed = {};  // (N, K) float32 or bfloat16: what the layer multiplies with
  at::Tensor gradient = {};  // (N, K) float32, of `computed`; undefined where it is not trained
  at::Tensor tied_gradient =
      {};                  // of the parameter that this weight is tied to, to which `gradient` is added; or undefined
  at::Tensor scales = {};  // float32, in the scheme's shape
  at::Tensor scale_gradient = {};  // of learned scales, in their shape; undefined where they follow the weights
};

class FakeQuantizedWeight {
 public:
  FakeQuantizedWeight(WeightForms forms, const Scheme& scheme);

  /// The layer computes with the master, rounded to its dtype: before the weights are quantized.
  void show_master() const;
  /// The scales from here on: of amax, or where they are learned, `known` or else those with the least squared error.
  void begin(const at::Tensor& known = {}) const;
  /// The layer computes with the values of the master's codes; scales first, where they follow the weights.
  void update() const;
  /// Before a step's first backward pass.
  void clear_gradient() const;
  /// Turns the gradient of `computed`, summed over the step, into the master's, and where the scales are learned into
  /// theirs as well (with LSQ's factor 1 / sqrt(weights of a scale * largest code)). It is linear in the gradient, so
  /// once a step is enough. Where the layer computed with the master, not `quantized`, both gradients are the same.
  void finish_gradient(bool quantized) const;

  bool learns_scales() const { return forms_.scale_gradient.defined(); }
  const WeightForms& forms() const { return forms_; }
  const Scheme& scheme() const { return scheme_; }
  QuantizedWeight quantized() const;

 private:
  WeightForms forms_;
  Scheme scheme_;
  int64_t run_length_;
};

}  // namespace slm
