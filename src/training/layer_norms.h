// How large each parameter, its gradient and its update are.
#pragma once

#include <ATen/core/Tensor.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "model/parameter_arena.h"
#include "training/quantized_finetuning.h"

namespace slm {

/// Made before a step, asked after it; keeps a copy of the parameters in between, of trained codes as codes.
class LayerNorms {
 public:
  /// `codes` that are trained beside the arena's parameters; null where there are none.
  explicit LayerNorms(const ParameterArena& arena, const QuantizedFinetuning* codes = nullptr);

  /// {"<name>": {"weight": w, "gradient": g, "update": u}} for every trained parameter, with 2-norms: of it before the
  /// step, of its gradient before clipping, and of what the step added to it. A weight of codes is what they stand for,
  /// without what is remembered beside them.
  nlohmann::ordered_json measure() const;

 private:
  void add_codes(nlohmann::ordered_json& layers) const;

  const ParameterArena& arena_;
  const QuantizedFinetuning* codes_;
  at::Tensor before_;                          // (n)
  std::vector<QuantizedWeight> codes_before_;  // as the codes' layers
};

}  // namespace slm
