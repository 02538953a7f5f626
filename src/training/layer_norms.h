// How large each parameter, its gradient and its update are.
#pragma once

#include <ATen/core/Tensor.h>

#include <nlohmann/json.hpp>

#include "model/parameter_arena.h"

namespace slm {

/// Made before a step, asked after it; keeps a copy of the parameters in between.
class LayerNorms {
 public:
  explicit LayerNorms(const ParameterArena& arena);

  /// {"<name>": {"weight": w, "gradient": g, "update": u}} for every trained parameter, with 2-norms: of it before the
  /// step, of its gradient before clipping, and of what the step added to it.
  nlohmann::ordered_json measure() const;

 private:
  const ParameterArena& arena_;
  at::Tensor before_;  // (n)
};

}  // namespace slm
