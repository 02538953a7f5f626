#include "kernels/cross_entropy.h"

#include <ATen/Parallel.h>
#include <ATen/ops/scalar_tensor.h>

#include <numeric>
#include <vector>

#include "core/error.h"
#include "kernels/cpu/cross_entropy.h"
#include "kernels/plain.h"
#include "kernels/token_loss.h"

namespace slm {
namespace {

template <class Float>
double run(Float* logits, const int64_t* targets, int64_t rows, int64_t vocabulary, double scale) {
  std::vector<float> losses(static_cast<size_t>(rows));
  at::parallel_for(0, rows, 1, [&](int64_t from, int64_t to) {
    cpu::cross_entropy_with_gradient(logits + from * vocabulary, targets + from, to - from, vocabulary, kIgnoredTarget,
                                     static_cast<float>(scale), losses.data() + from);
  });
  return scale * std::accumulate(losses.begin(), losses.end(), 0.0);
}

}  // namespace

at::Tensor cross_entropy_with_gradient(const at::Tensor& logits, const at::Tensor& targets, double scale) {
  if (!logits.is_cpu()) return plain::cross_entropy_with_gradient(logits, targets, scale);
  SLM_CHECK(logits.dim() == 2 && logits.is_contiguous() && targets.is_contiguous());
  const int64_t rows = logits.size(0), vocabulary = logits.size(1);
  SLM_CHECK(targets.numel() == rows);
  const auto* wanted = targets.const_data_ptr<int64_t>();
  const bool is_bfloat16 = logits.scalar_type() == at::kBFloat16;
  SLM_CHECK(is_bfloat16 || logits.scalar_type() == at::kFloat);
  const double loss = is_bfloat16 ? run(static_cast<cpu::Bfloat16*>(logits.data_ptr()), wanted, rows, vocabulary, scale)
                                  : run(logits.data_ptr<float>(), wanted, rows, vocabulary, scale);
  return at::scalar_tensor(loss, at::kDouble);
}

}  // namespace slm
