#include "kernels/adamw.h"

#include <ATen/Parallel.h>

#include <cmath>

#include "kernels/cpu/adamw.h"
#include "kernels/float_types.h"
#include "kernels/gpu.h"

namespace slm {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements worth a thread of their own

// The elements of one buffer of the step.
template <class Float>
Float* flat(const at::Tensor& tensor, int64_t size) {
  SLM_CHECK(tensor.numel() == size);
  return elements<Float>(tensor);
}

}  // namespace

AdamWScalars adamw_scalars(const AdamWStep& step) {
  const double t = static_cast<double>(step.step);
  return {.clip = static_cast<float>(step.clip_factor),
          .decay = static_cast<float>(1.0 - step.learning_rate * step.weight_decay),
          .beta1 = static_cast<float>(step.beta1),
          .one_minus_beta1 = static_cast<float>(1.0 - step.beta1),
          .beta2 = static_cast<float>(step.beta2),
          .one_minus_beta2 = static_cast<float>(1.0 - step.beta2),
          .step_size = static_cast<float>(step.learning_rate / (1.0 - std::pow(step.beta1, t))),
          .root_correction = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(step.beta2, t))),
          .epsilon = static_cast<float>(step.epsilon),
          .step = static_cast<uint32_t>(step.step)};
}

void adamw(const AdamWBuffers& buffers, int64_t begin, int64_t end, const AdamWStep& step) {
  const int64_t size = buffers.parameters.numel();
  SLM_CHECK(0 <= begin && begin <= end && end <= size);
  const auto s = adamw_scalars(step);
  with_float_type(buffers.exp_avg.scalar_type(), [&]<class Moment>(Moment) {
    const AdamWElements<Moment> all{flat<float>(buffers.parameters, size), flat<const float>(buffers.gradients, size),
                                    flat<Moment>(buffers.exp_avg, size), flat<Moment>(buffers.exp_avg_sq, size),
                                    buffers.shadows.defined() ? flat<cpu::Bfloat16>(buffers.shadows, size) : nullptr};
    if (buffers.parameters.is_cuda()) return adamw_on_gpu(all.after(begin), begin, end - begin, s);
    at::parallel_for(begin, end, kGrain,
                     [&](int64_t from, int64_t to) { cpu::adamw(all.after(from), from, to - from, s); });
  });
}

}  // namespace slm
