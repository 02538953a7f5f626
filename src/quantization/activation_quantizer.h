// The quantizer of one place in a model while it is trained for quantized activations: the layers that read the place
// share it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "kernels/quantize.h"
#include "quantization/observer.h"
#include "quantization/scheme.h"

namespace slm {

/// dynamic: every token has a scale of its own. static: one range, which an observer learns. A step's forward passes
/// all use the range that was known at its beginning, and the observer's average moves once a step, so that the cut
/// into micro-batches does not matter; a static place without any range yet leaves x as it is.
class ActivationQuantizer {
 public:
  /// `place` is the tap's name of what goes through. At most `most_values` elements are going to be observed.
  ActivationQuantizer(std::string place, QuantizationType type, ObserverKind observer, int64_t most_values);

  /// What the coming steps do: observe (static, and only where gradients are computed), and quantize.
  void set(bool observing, bool quantizing);

  /// x (..., K), or the values of its codes; the gradient goes through where nothing was clipped.
  at::Tensor forward(const at::Tensor& x);

  /// Takes what the step's forward passes have seen into the range; a step that is not `applied` is forgotten.
  void end_step(bool applied);

  /// Since the last end_step: elements that were quantized, and those among them that were clipped.
  int64_t quantized() const { return quantized_; }
  int64_t clipped() const { return clipped_; }

  const std::string& place() const { return place_; }
  bool is_static() const { return type_ == QuantizationType::kStatic; }
  /// Where static, and once a range is known.
  const std::optional<AffineScale>& scale() const { return scale_; }

  /// Observer and range; null where dynamic.
  nlohmann::json to_json() const;
  /// Error (kData) beginning with `origin` for what no such place wrote.
  void restore(const nlohmann::json& state, const std::string& origin);

 private:
  void observe(const at::Tensor& x);

  std::string place_;
  QuantizationType type_;
  std::unique_ptr<Observer> observer_;  // where static
  std::optional<AffineScale> scale_;
  std::optional<Range> of_step_;  // ends of what the step has seen, for an average that moves once a step
  bool has_seen_ = false;         // the observer holds something
  bool observing_ = false, quantizing_ = false;
  int64_t quantized_ = 0, clipped_ = 0;
};

}  // namespace slm
