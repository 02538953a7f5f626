// AdamW over moments of 8 bits. The map is bitsandbytes' own: tests/golden/optimizers/dynamic_map.safetensors.
#include "kernels/adamw_int8.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "kernels/cpu/dynamic_map.h"
#include "model/golden.h"
#include "training/moments.h"

namespace slm {
namespace {

AdamWStep step_number(int64_t step) {
  return {.learning_rate = 1e-2,
          .beta1 = 0.9,
          .beta2 = 0.99,
          .epsilon = 1e-8,
          .weight_decay = 0.1,
          .clip_factor = 0.5,
          .step = step};
}

AdamWInt8Buffers buffers_of(int64_t size) {
  at::manual_seed(4);
  const auto zero = zero_moments(size, at::kByte, at::kCPU);
  return {at::randn({size}),
          at::zeros({size}),
          zero.exp_avg,
          zero.exp_avg_sq,
          zero.exp_avg_absmax,
          zero.exp_avg_sq_absmax,
          at::zeros({size}, at::kBFloat16)};
}

AdamWInt8Buffers copy_of(const AdamWInt8Buffers& b) {
  return {b.parameters.clone(),     b.gradients.clone(),         b.exp_avg.clone(), b.exp_avg_sq.clone(),
          b.exp_avg_absmax.clone(), b.exp_avg_sq_absmax.clone(), b.shadows.clone()};
}

// Over many decades, and nothing at all in some blocks.
at::Tensor some_gradient(int64_t size) {
  auto gradient = at::randn({size}) * at::pow(10.0, -6 * at::rand({size}));
  if (size > 600) gradient.narrow(0, 256, 300).zero_();
  return gradient.to(at::kFloat);
}

void expect_equal(const AdamWInt8Buffers& a, const AdamWInt8Buffers& b, int64_t step) {
  EXPECT_TRUE(at::equal(a.parameters, b.parameters)) << step;
  EXPECT_TRUE(at::equal(a.exp_avg, b.exp_avg)) << step;
  EXPECT_TRUE(at::equal(a.exp_avg_sq, b.exp_avg_sq)) << step;
  EXPECT_TRUE(at::equal(a.exp_avg_absmax, b.exp_avg_absmax)) << step;
  EXPECT_TRUE(at::equal(a.exp_avg_sq_absmax, b.exp_avg_sq_absmax)) << step;
  EXPECT_TRUE(at::equal(a.shadows, b.shadows)) << step;
}

at::Tensor values_of(const at::Tensor& codes, const at::Tensor& absmax, const DynamicMap& map) {
  const auto numbers = at::tensor(at::ArrayRef<float>(map.data(), map.size()));
  return numbers.index_select(0, codes.to(at::kLong)) *
         absmax.repeat_interleave(kMomentBlock).narrow(0, 0, codes.numel());
}

TEST(DynamicMap, IsThatOfBitsandbytes) {
  const Golden golden("optimizers/dynamic_map.safetensors");
  for (const auto& [map, name] : {std::pair(kSignedMap, "signed"), std::pair(kUnsignedMap, "unsigned")}) {
    const auto theirs = golden[name];
    const auto ours = at::tensor(at::ArrayRef<float>(map.data(), map.size()));
    const auto off = ((ours - theirs) / theirs.abs().clamp_min(1e-9)).abs();  // float32 arithmetic there
    EXPECT_TRUE((off <= 2e-7).all().item<bool>()) << name << " " << off.max().item<float>();
  }
}

TEST(AdamWInt8, EqualsThePlainDefinitionBitForBit) {
  for (const int64_t size : {5, 256, 1003}) {
    const auto ours = buffers_of(size), plain = copy_of(ours);
    for (int64_t step = 1; step <= 20; ++step) {
      ours.gradients.copy_(some_gradient(size));
      plain.gradients.copy_(ours.gradients);
      adamw_int8(ours, 512, step_number(step));
      plain::adamw_int8(plain, 512, step_number(step));
      ASSERT_NO_FATAL_FAILURE(expect_equal(ours, plain, step)) << size;
    }
  }
}

TEST(AdamWInt8, NeitherThreadsNorPartsChangeTheBits) {
  constexpr int64_t kSize = 100003, kFirst = 256 * 100;
  const int threads = at::get_num_threads();
  const auto whole = buffers_of(kSize), parts = copy_of(whole);
  for (int64_t step = 1; step <= 3; ++step) {
    whole.gradients.copy_(some_gradient(kSize));
    parts.gradients.copy_(whole.gradients);
    at::set_num_threads(3);
    adamw_int8(whole, 0, step_number(step));
    at::set_num_threads(1);
    for (const auto& [first, count] : {std::pair(kFirst, kSize - kFirst), std::pair(int64_t{0}, kFirst)}) {
      const auto elements = [&, first = first, count = count](const at::Tensor& all) {
        return all.narrow(0, first, count);
      };
      const auto blocks = [&, first = first, count = count](const at::Tensor& all) {
        return all.narrow(0, first / kMomentBlock, (count + kMomentBlock - 1) / kMomentBlock);
      };
      adamw_int8(
          {elements(parts.parameters), elements(parts.gradients), elements(parts.exp_avg), elements(parts.exp_avg_sq),
           blocks(parts.exp_avg_absmax), blocks(parts.exp_avg_sq_absmax), elements(parts.shadows)},
          first, step_number(step));
    }
    expect_equal(whole, parts, step);
  }
  at::set_num_threads(threads);
}

// Each step moves the second moment by a hundredth of what is missing, less than half a gap between two codes.
TEST(AdamWInt8, MomentsFollowTheGradientInTheMean) {
  constexpr int64_t kSize = 20480, kSteps = 300;
  const auto ours = buffers_of(kSize);
  at::manual_seed(6);
  const auto scale = at::pow(10.0, -2 * at::rand({kSize})).to(at::kFloat);
  auto mean = at::zeros({kSize}, at::kDouble), square = at::zeros({kSize}, at::kDouble);
  for (int64_t step = 1; step <= kSteps; ++step) {
    ours.gradients.copy_(scale * (1 + 0.5 * at::randn({kSize})));
    adamw_int8(ours, 0, step_number(step));
    const auto gradient = ours.gradients.to(at::kDouble) * 0.5;
    mean.lerp_(gradient, 0.1);
    square.lerp_(gradient.square(), 0.01);
  }
  const auto ratio = [](const at::Tensor& narrow, const at::Tensor& exact) {
    return (narrow.to(at::kDouble) / exact).mean().item<double>();
  };
  EXPECT_NEAR(ratio(values_of(ours.exp_avg, ours.exp_avg_absmax, kSignedMap), mean), 1, 0.01);
  EXPECT_NEAR(ratio(values_of(ours.exp_avg_sq, ours.exp_avg_sq_absmax, kUnsignedMap), square), 1, 0.03);
}

// A second moment of 0 beside a first one that is not would be a step of m / epsilon.
TEST(AdamWInt8, ASecondMomentThatIsNotZeroKeepsACodeThatIsNotZero) {
  const auto ours = buffers_of(512);
  const auto before = ours.parameters.clone();
  const auto gradient = at::full({512}, 1e-5f);
  gradient[0] = 1;  // whose square is 1e10 times the others'
  for (int64_t step = 1; step <= 50; ++step) {
    ours.gradients.copy_(gradient);
    adamw_int8(ours, 0, step_number(step));
    ASSERT_GT(ours.exp_avg_sq.min().item<int>(), 0) << step;
  }
  const auto moved = (ours.parameters - before).abs().max().item<float>();
  EXPECT_LE(moved, 50 * 1e-2 * 2 + 0.2);  // a step is about the learning rate; weight decay takes 0.05 of a weight
}

}  // namespace
}  // namespace slm
