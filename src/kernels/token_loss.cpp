#include "kernels/token_loss.h"

#include <ATen/core/Reduction.h>
#include <ATen/ops/cross_entropy_loss.h>

namespace slm {

at::Tensor token_loss_sum(const at::Tensor& logits, const at::Tensor& targets) {
  return at::cross_entropy_loss(logits.flatten(0, -2), targets.flatten().to(logits.device()), {}, at::Reduction::Sum,
                                kIgnoredTarget);
}

}  // namespace slm
