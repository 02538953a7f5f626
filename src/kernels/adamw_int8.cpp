#include "kernels/adamw_int8.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <cfloat>

#include "kernels/cpu/dynamic_map.h"
#include "kernels/float_types.h"

namespace slm {
namespace {

constexpr int64_t kGrain = 1 << 6;  // blocks worth a thread of their own

void check(const AdamWInt8Buffers& b, int64_t first) {
  const int64_t size = b.parameters.numel();
  SLM_CHECK(first % kMomentBlock == 0 && b.gradients.numel() == size);
  SLM_CHECK(b.exp_avg.numel() == size && b.exp_avg_sq.numel() == size);
  SLM_CHECK(b.exp_avg_absmax.numel() == moment_blocks(size) && b.exp_avg_sq_absmax.numel() == moment_blocks(size));
  SLM_CHECK(!b.shadows.defined() || b.shadows.numel() == size);
}

}  // namespace

void adamw_int8(const AdamWInt8Buffers& buffers, int64_t first, const AdamWStep& step) {
  check(buffers, first);
  if (!buffers.parameters.is_cpu()) return plain::adamw_int8(buffers, first, step);
  const int64_t size = buffers.parameters.numel();
  const auto scalars = adamw_scalars(step);
  const cpu::AdamWInt8Elements all{elements<float>(buffers.parameters),
                                   elements<const float>(buffers.gradients),
                                   elements<uint8_t>(buffers.exp_avg),
                                   elements<uint8_t>(buffers.exp_avg_sq),
                                   elements<float>(buffers.exp_avg_absmax),
                                   elements<float>(buffers.exp_avg_sq_absmax),
                                   buffers.shadows.defined() ? elements<cpu::Bfloat16>(buffers.shadows) : nullptr};
  at::parallel_for(0, moment_blocks(size), kGrain, [&](int64_t from, int64_t to) {
    const int64_t begin = from * kMomentBlock, end = std::min(to * kMomentBlock, size);
    cpu::adamw_int8(all.after_blocks(from), first + begin, end - begin, scalars);
  });
}

namespace {

// A number a block for each of its elements.
at::Tensor each(const at::Tensor& of_blocks, int64_t size) {
  return of_blocks.repeat_interleave(kMomentBlock).narrow(0, 0, size);
}

at::Tensor map_tensor(const DynamicMap& map, at::Device device) {
  return at::tensor(at::ArrayRef<float>(map.data(), map.size()), at::kFloat).to(device);
}

struct Narrowed {
  at::Tensor codes, absmax;
};

Narrowed narrow(const at::Tensor& values, const at::Tensor& map, const at::Tensor& shares, int64_t least) {
  const int64_t size = values.numel(), blocks = moment_blocks(size);
  const auto padded = at::constant_pad_nd(values, {0, blocks * kMomentBlock - size}, 0).view({blocks, kMomentBlock});
  auto absmax = at::amax(at::abs(padded), 1);
  absmax = at::where(absmax < FLT_MIN, at::zeros_like(absmax), absmax);
  const auto inverse = at::where(absmax > 0, 1.0f / absmax, at::zeros_like(absmax));
  const auto x = values * each(inverse, size);
  const auto below = (at::searchsorted(map, x, /*out_int32=*/false, /*right=*/true) - 1).clamp(0, 255);
  const auto low = map.index_select(0, below), gap = map.index_select(0, (below + 1).clamp_max(255)) - low;
  const auto codes = (below + (x - low > shares * gap)).clamp_max(255);
  return {at::where(x != 0, codes.clamp_min(least), codes).to(at::kByte), absmax};
}

// The shares of a gap above which a value goes up, from 16 random bits each.
at::Tensor shares_of(const AdamWStep& step, int64_t first, int64_t size, int shift) {
  const auto shares = at::empty({size});
  auto* out = elements<float>(shares);
  for (int64_t i = 0; i < size; ++i) {
    const auto bits = adamw_random_bits(static_cast<uint32_t>(step.step), static_cast<uint32_t>(first + i));
    out[i] = moment_share(bits >> shift);
  }
  return shares;
}

}  // namespace

void plain::adamw_int8(const AdamWInt8Buffers& b, int64_t first, const AdamWStep& step) {
  check(b, first);
  const int64_t size = b.parameters.numel();
  const auto device = b.parameters.device();
  const auto s = adamw_scalars(step);
  const auto signed_map = map_tensor(kSignedMap, device), unsigned_map = map_tensor(kUnsignedMap, device);
  const auto old_mean = signed_map.index_select(0, b.exp_avg.to(at::kLong)) * each(b.exp_avg_absmax, size);
  const auto old_square = unsigned_map.index_select(0, b.exp_avg_sq.to(at::kLong)) * each(b.exp_avg_sq_absmax, size);
  const auto gradient = b.gradients * s.clip;
  const auto mean = old_mean * s.beta1 + gradient * s.one_minus_beta1;
  const auto square = old_square * s.beta2 + gradient * s.one_minus_beta2 * gradient;
  // By float64, because LibTorch's float32 root on a CPU (MKL's) is now and then not the nearest number.
  const auto root = at::sqrt(square.to(at::kDouble)).to(at::kFloat);
  b.parameters.copy_(b.parameters * s.decay - mean / (root * s.root_correction + s.epsilon) * s.step_size);
  const auto narrow_mean = narrow(mean, signed_map, shares_of(step, first, size, 0).to(device), 0);
  const auto narrow_square = narrow(square, unsigned_map, shares_of(step, first, size, 16).to(device), 1);
  b.exp_avg.copy_(narrow_mean.codes);
  b.exp_avg_absmax.copy_(narrow_mean.absmax);
  b.exp_avg_sq.copy_(narrow_square.codes);
  b.exp_avg_sq_absmax.copy_(narrow_square.absmax);
  if (b.shadows.defined()) b.shadows.copy_(b.parameters);
}

}  // namespace slm
