// Choosing a device, and the operations that have a CUDA path.
#include "kernels/device.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/error_of.h"
#include "kernels/adamw.h"
#include "kernels/cpu/adamw.h"
#include "kernels/cuda/adamw_thread.h"
#include "kernels/gpu.h"
#include "kernels/plain.h"
#include "kernels/sum_of_squares.h"

namespace slm {
namespace {

AdamWBuffers random_buffers(int64_t size, at::ScalarType moments = at::kFloat) {
  at::manual_seed(11);
  const auto spread = at::pow(10, at::randint(-6, 3, {size}).to(at::kFloat));  // of gradients from 1e-6 to 100
  return {at::randn({size}), at::randn({size}) * spread, (at::randn({size}) * spread).to(moments),
          (at::rand({size}) * spread).to(moments), at::zeros({size}, at::kBFloat16)};
}

AdamWBuffers on(at::Device device, const AdamWBuffers& b) {
  return {b.parameters.to(device), b.gradients.to(device), b.exp_avg.to(device), b.exp_avg_sq.to(device),
          b.shadows.to(device)};
}

void expect_same_bits(const AdamWBuffers& actual, const AdamWBuffers& expected) {
  EXPECT_TRUE(at::equal(actual.parameters.cpu(), expected.parameters));
  EXPECT_TRUE(at::equal(actual.exp_avg.cpu(), expected.exp_avg));
  EXPECT_TRUE(at::equal(actual.exp_avg_sq.cpu(), expected.exp_avg_sq));
  EXPECT_TRUE(at::equal(actual.shadows.cpu(), expected.shadows));
}

TEST(Device, AutoIsAGpuOnlyWhereThereIsOne) {
  EXPECT_EQ(choose_device("cpu"), at::kCPU);
  EXPECT_EQ(choose_device(std::nullopt).is_cuda(), !gpu_support().gpus.empty());
}

TEST(Device, CudaThatCannotBeHadIsAnErrorThatSaysWhy) {
  const auto support = gpu_support();
  if (!support.gpus.empty()) GTEST_SKIP() << "cuda can be had here";
  const auto error = error_of([] { choose_device("cuda"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::kUsage);
  EXPECT_EQ(std::string(error->what()), "device: found cuda, but " + support.why_none +
                                            "; expected cpu or auto (docs/gpu.md says what cuda needs)");
}

template <class Moment>
AdamWElements<Moment> elements_of(const AdamWBuffers& b) {
  return {b.parameters.data_ptr<float>(), b.gradients.data_ptr<float>(), static_cast<Moment*>(b.exp_avg.data_ptr()),
          static_cast<Moment*>(b.exp_avg_sq.data_ptr()), static_cast<cpu::Bfloat16*>(b.shadows.data_ptr())};
}

constexpr AdamWScalars kScalars{.clip = 0.37f,
                                .decay = 0.9999f,
                                .beta1 = 0.9f,
                                .one_minus_beta1 = 0.1f,
                                .beta2 = 0.95f,
                                .one_minus_beta2 = 0.05f,
                                .step_size = 3.1e-3f,
                                .root_correction = 1.7f,
                                .epsilon = 1e-8f,
                                .step = 7};

// LibTorch's operators round once each, as the element's formula does where nothing is contracted.
TEST(AdamWElement, HasTheBitsOfLibTorchsOperatorsOneByOne) {
  const auto before = random_buffers(100'003);
  const auto& s = kScalars;
  const auto gradient = before.gradients * s.clip;
  const auto mean = before.exp_avg * s.beta1 + gradient * s.one_minus_beta1;
  const auto square = before.exp_avg_sq * s.beta2 + gradient * s.one_minus_beta2 * gradient;
  // A root in float64, rounded to float32, is the correctly rounded one; MKL's float32 root is not always.
  const auto denominator = square.to(at::kDouble).sqrt().to(at::kFloat) * s.root_correction + s.epsilon;
  const auto parameter = before.parameters * s.decay - mean / denominator * s.step_size;
  cpu::adamw(elements_of<float>(before), 0, before.parameters.numel(), s);
  expect_same_bits(before, {parameter, {}, mean, square, parameter.to(at::kBFloat16)});
}

// Ranges that begin and end at every place among four elements, and arrays that are not aligned alike.
template <class Moment>
void run_threads_of_the_kernel(at::ScalarType moments) {
  constexpr int64_t kThreads = 96;
  for (const int64_t shift : {0, 1}) {
    for (const int64_t begin : {0, 1, 2, 3, 5}) {
      for (const int64_t end : {begin, begin + 2, begin + 31, int64_t{1001}, int64_t{1003}}) {
        const auto expected = random_buffers(1004, moments), actual = on(at::kCPU, random_buffers(1004, moments));
        auto by_loop = elements_of<Moment>(expected).after(begin), by_thread = elements_of<Moment>(actual).after(begin);
        by_loop.gradients += shift;
        by_thread.gradients += shift;
        cpu::adamw(by_loop, begin, end - begin, kScalars);
        const auto split = cuda::split_elements(by_thread, end - begin);
        EXPECT_EQ(split.groups > 0, shift == 0 && end - begin > 7) << begin << " " << end;
        for (int64_t thread = 0; thread < kThreads; ++thread) {
          cuda::adamw_thread(by_thread, static_cast<uint32_t>(begin), split, kScalars, thread, kThreads);
        }
        SCOPED_TRACE(fmt::format("{} [{}, {}) shift {}", c10::toString(moments), begin, end, shift));
        expect_same_bits(actual, expected);
      }
    }
  }
}

TEST(AdamW, TheThreadsOfTheKernelHaveTheBitsOfTheCpusLoop) {
  run_threads_of_the_kernel<float>(at::kFloat);
  run_threads_of_the_kernel<cpu::Bfloat16>(at::kBFloat16);
}

TEST(AdamW, TheKernelHasTheCpusBits_CUDA) {
  const auto support = gpu_support();
  if (support.gpus.empty()) GTEST_SKIP() << support.why_none;
  const int64_t size = 100'003;
  for (const auto moments : {at::kFloat, at::kBFloat16}) {
    for (const int64_t begin : {0, 1, 2, 3, 5}) {  // one aligned start and every other one
      for (const int64_t end : {begin, begin + 2, begin + 31, size - 1, size}) {
        const auto host = random_buffers(size, moments), there = on(choose_device("cuda"), host);
        const AdamWStep step{.learning_rate = 1e-2,
                             .beta1 = 0.9,
                             .beta2 = 0.95,
                             .epsilon = 1e-8,
                             .weight_decay = 0.1,
                             .clip_factor = 0.7,
                             .step = 3};
        adamw(host, begin, end, step);
        adamw(there, begin, end, step);
        SCOPED_TRACE(fmt::format("{} [{}, {})", c10::toString(moments), begin, end));
        expect_same_bits(there, host);
      }
    }
  }
}

TEST(SumOfSquares, ThePlainDefinitionAgreesToRounding) {
  const auto flat = at::randn({300'001});
  const double fast = sum_of_squares(flat), expected = plain::sum_of_squares(flat);
  // Float64 sums of positive terms: each is within n eps of the exact value.
  EXPECT_LE(std::abs(fast - expected), 2 * 300'001 * std::numeric_limits<double>::epsilon() * expected);
}

}  // namespace
}  // namespace slm
