#include "kernels/stochastic_round.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/floor.h>

#include "core/error.h"
#include "kernels/cpu/stochastic_round.h"
#include "kernels/float_types.h"
#include "kernels/plain.h"
#include "kernels/scale_runs.h"

namespace slm {
namespace {

template <class Code>
void round_on_cpu(const at::Tensor& x, const at::Tensor& scales, const StochasticGrid& grid, const at::Tensor& stored) {
  const auto from = x.contiguous();
  const auto* in = elements<const float>(from);
  auto* out = elements<Code>(stored);
  for_each_run(x, scales, grid.group_size, [&](int64_t offset, int64_t count, float scale) {
    cpu::stochastic_round(
        in + offset, count,
        {static_cast<float>(grid.parts) / scale, static_cast<float>(grid.max), grid.key, grid.first + offset},
        out + offset);
  });
}

}  // namespace

at::Tensor stochastic_uniforms(uint64_t key, int64_t first, int64_t count) {
  const auto uniforms = at::empty({count});
  cpu::stochastic_uniforms(key, first, count, elements<float>(uniforms));
  return uniforms;
}

void stochastic_round(const at::Tensor& x, const at::Tensor& scales, const StochasticGrid& grid,
                      const at::Tensor& stored) {
  SLM_CHECK(x.dim() == 2 && x.scalar_type() == at::kFloat && stored.sizes() == x.sizes());
  if (!x.is_cpu()) {
    stored.copy_(plain::stochastic_round(x, scales, grid));
  } else if (stored.scalar_type() == at::kChar) {
    round_on_cpu<int8_t>(x, scales, grid, stored);
  } else {
    SLM_CHECK(stored.scalar_type() == at::kShort);
    round_on_cpu<int16_t>(x, scales, grid, stored);
  }
}

}  // namespace slm
