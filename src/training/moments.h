// AdamW's two moments of one parameter, in the type that the config names.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "checkpoint/state_dict.h"
#include "kernels/adamw.h"

namespace slm {

struct Moments {
  at::Tensor exp_avg, exp_avg_sq;  // (n): float32 or bfloat16; or uint8, the codes of kernels/adamw_int8.h
  at::Tensor exp_avg_absmax = {}, exp_avg_sq_absmax = {};  // with codes: (blocks) float32
};

/// All 0. `dtype`: float32, bfloat16, or uint8.
Moments zero_moments(int64_t size, at::ScalarType dtype, at::Device device);

/// Bytes of both moments of `size` values.
int64_t moment_bytes(int64_t size, at::ScalarType dtype);

/// `exp_avg.<name>` and `exp_avg_sq.<name>` in the parameter's shape, with codes `exp_avg_absmax.<name>` and
/// `exp_avg_sq_absmax.<name>`: the tensors themselves.
void add_state(const Moments& moments, const std::string& name, at::IntArrayRef sizes, StateDict& state);

/// Flat contiguous float32 values that begin with element `first` of the parameter (of a block, with codes), their
/// gradients, and their bfloat16 copies or an undefined tensor.
struct ParameterPart {
  at::Tensor values, gradients, shadows = {};
  int64_t first = 0;
};

void adamw(const ParameterPart& part, const Moments& moments, const AdamWStep& step);

}  // namespace slm
