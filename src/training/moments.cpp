#include "training/moments.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <c10/core/TensorOptions.h>

#include "kernels/adamw_int8.h"
#include "kernels/cpu/dynamic_map.h"

namespace slm {
Moments zero_moments(int64_t size, at::ScalarType dtype, at::Device device) {
  const auto options = at::TensorOptions(dtype).device(device);
  if (dtype != at::kByte) return {at::zeros({size}, options), at::zeros({size}, options)};
  const auto floats = options.dtype(at::kFloat);
  return {at::full({size}, kSignedZero, options), at::zeros({size}, options), at::zeros({moment_blocks(size)}, floats),
          at::zeros({moment_blocks(size)}, floats)};
}

int64_t moment_bytes(int64_t size, at::ScalarType dtype) {
  const int64_t of_blocks = dtype == at::kByte ? moment_blocks(size) * static_cast<int64_t>(sizeof(float)) : 0;
  return 2 * (size * static_cast<int64_t>(c10::elementSize(dtype)) + of_blocks);
}

void add_state(const Moments& moments, const std::string& name, at::IntArrayRef sizes, StateDict& state) {
  state.push_back({"exp_avg." + name, moments.exp_avg.view(sizes)});
  state.push_back({"exp_avg_sq." + name, moments.exp_avg_sq.view(sizes)});
  if (!moments.exp_avg_absmax.defined()) return;
  state.push_back({"exp_avg_absmax." + name, moments.exp_avg_absmax});
  state.push_back({"exp_avg_sq_absmax." + name, moments.exp_avg_sq_absmax});
}

void adamw(const ParameterPart& part, const Moments& moments, const AdamWStep& step) {
  const int64_t count = part.values.numel();
  const auto of_part = [&](const at::Tensor& all) { return all.narrow(0, part.first, count); };
  if (!moments.exp_avg_absmax.defined()) {
    return adamw({part.values, part.gradients, of_part(moments.exp_avg), of_part(moments.exp_avg_sq), part.shadows}, 0,
                 count, step);
  }
  const auto blocks = [&](const at::Tensor& all) {
    return all.narrow(0, part.first / kMomentBlock, moment_blocks(count));
  };
  adamw_int8({part.values, part.gradients, of_part(moments.exp_avg), of_part(moments.exp_avg_sq),
              blocks(moments.exp_avg_absmax), blocks(moments.exp_avg_sq_absmax), part.shadows},
             part.first, step);
}

}  // namespace slm
