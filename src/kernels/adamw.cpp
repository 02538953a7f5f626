#include "kernels/adamw.h"

#include <ATen/Parallel.h>

#include <cmath>

#include "core/error.h"
#include "kernels/cpu/adamw.h"

namespace slm {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements worth a thread of their own

cpu::AdamWScalars scalars(const AdamWStep& step) {
  const double t = static_cast<double>(step.step);
  return {.clip = static_cast<float>(step.clip_factor),
          .decay = static_cast<float>(1.0 - step.learning_rate * step.weight_decay),
          .beta1 = static_cast<float>(step.beta1),
          .one_minus_beta1 = static_cast<float>(1.0 - step.beta1),
          .beta2 = static_cast<float>(step.beta2),
          .one_minus_beta2 = static_cast<float>(1.0 - step.beta2),
          .step_size = static_cast<float>(step.learning_rate / (1.0 - std::pow(step.beta1, t))),
          .root_correction = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(step.beta2, t))),
          .epsilon = static_cast<float>(step.epsilon)};
}

float* flat_floats(const at::Tensor& tensor, int64_t size) {
  SLM_CHECK(tensor.scalar_type() == at::kFloat && tensor.is_contiguous() && tensor.numel() == size);
  return tensor.data_ptr<float>();
}

}  // namespace

void adamw(const AdamWBuffers& buffers, int64_t begin, int64_t end, const AdamWStep& step) {
  const int64_t size = buffers.parameters.numel();
  SLM_CHECK(0 <= begin && begin <= end && end <= size);
  float* parameters = flat_floats(buffers.parameters, size);
  const float* gradients = flat_floats(buffers.gradients, size);
  float *exp_avg = flat_floats(buffers.exp_avg, size), *exp_avg_sq = flat_floats(buffers.exp_avg_sq, size);
  const auto s = scalars(step);
  at::parallel_for(begin, end, kGrain, [&](int64_t from, int64_t to) {
    cpu::adamw(parameters + from, gradients + from, exp_avg + from, exp_avg_sq + from, to - from, s);
  });
}

}  // namespace slm
