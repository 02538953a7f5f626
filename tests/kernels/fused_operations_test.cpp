// Operations of our own against LibTorch's and their autograd, in both dtypes. Each computes in float32 and rounds its
// result once, so under bfloat16 it must lie within half a unit in the last place (2^-8 of its size) of the float32
// result for the same inputs; gradients that are sums over rows are float32.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "kernels/attention.h"
#include "kernels/cpu/exp.h"
#include "kernels/cross_entropy.h"
#include "kernels/device.h"
#include "kernels/dropout.h"
#include "kernels/gelu.h"
#include "kernels/gpu.h"
#include "kernels/plain.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"
#include "kernels/tiled_attention.h"
#include "kernels/token_loss.h"
#include "model/golden.h"

namespace slm {
namespace {

using Operation = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

struct Outcome {
  at::Tensor value;
  std::vector<at::Tensor> gradients;
};

Outcome run(const Operation& operation, std::vector<at::Tensor> inputs, const at::Tensor& slope) {
  for (auto& input : inputs) input = input.detach().clone().set_requires_grad(true);
  Outcome outcome{operation(inputs), {}};
  torch::autograd::backward({outcome.value}, {slope.to(outcome.value.scalar_type())});
  for (const auto& input : inputs) outcome.gradients.push_back(input.grad());
  return outcome;
}

// |a - b| <= tolerance * (|b| + floor), elementwise.
testing::AssertionResult near(const at::Tensor& a, const at::Tensor& b, double tolerance, double floor) {
  const auto wide_a = a.to(at::kDouble), wide_b = b.to(at::kDouble);
  return close((wide_a - wide_b) / (wide_b.abs() + floor), at::zeros_like(wide_a), tolerance);
}

class FusedOperation : public testing::TestWithParam<at::ScalarType> {
 protected:
  // Float32 results differ by a few roundings of sums of up to 70 terms; bfloat16 by half a unit in the last place.
  double tolerance() const { return GetParam() == at::kFloat ? 4e-6 : 1.01 * 0x1p-8; }
  at::Tensor random(at::IntArrayRef sizes) const { return at::randn(sizes).to(GetParam()); }
};

TEST_P(FusedOperation, RmsNormEqualsLibTorch) {
  at::manual_seed(1);
  const auto x = random({3, 50, 70}), slope = random({3, 50, 70});
  const auto weight = 1 + 0.2 * at::randn({70});
  const auto ours = run([](const auto& in) { return rms_norm(in[0], in[1], 1e-5); }, {x, weight}, slope);
  const auto theirs =
      run([](const auto& in) { return at::rms_norm(in[0], {70}, in[1], 1e-5); }, {x.to(at::kFloat), weight}, slope);
  EXPECT_EQ(ours.value.scalar_type(), GetParam());
  EXPECT_TRUE(near(ours.value, theirs.value, tolerance(), 1e-3));
  EXPECT_TRUE(near(ours.gradients[0], theirs.gradients[0], tolerance(), 0.1));
  EXPECT_TRUE(near(ours.gradients[1], theirs.gradients[1], 4e-6, 1.0));
}

TEST_P(FusedOperation, SwigluEqualsLibTorch) {
  at::manual_seed(2);
  const auto joined = 3 * random({5, 7, 2 * 33}), slope = random({5, 7, 33});
  const auto halves = at::split(joined, 33, -1);
  const auto ours = run([](const auto& in) { return swiglu(in[0], in[1]); }, {halves[0], halves[1]}, slope);
  const auto of_halves = run([](const auto& in) { return swiglu(in[0]); }, {joined}, slope);
  const auto theirs = run([](const auto& in) { return at::silu(in[0]) * in[1]; },
                          {halves[0].to(at::kFloat), halves[1].to(at::kFloat)}, slope);
  EXPECT_TRUE(near(ours.value, theirs.value, tolerance(), 1e-3));
  EXPECT_TRUE(near(ours.gradients[0], theirs.gradients[0], tolerance(), 1e-2));
  EXPECT_TRUE(near(ours.gradients[1], theirs.gradients[1], tolerance(), 1e-3));
  EXPECT_TRUE(at::equal(of_halves.value, ours.value));
  EXPECT_TRUE(at::equal(of_halves.gradients[0], at::cat(ours.gradients, -1)));
}

TEST_P(FusedOperation, GeluNewEqualsLibTorch) {
  at::manual_seed(12);
  const auto x = 4 * random({7, 129}), slope = random({7, 129});
  const auto ours = run([](const auto& in) { return gelu_new(in[0]); }, {x}, slope);
  const auto theirs = run([](const auto& in) { return at::gelu(in[0], "tanh"); }, {x.to(at::kDouble)}, slope);
  EXPECT_EQ(ours.value.scalar_type(), GetParam());
  // Beyond |x| = 3 tanh is 1 but for its last digits: there LibTorch's float64 is the better of its forms.
  EXPECT_TRUE(near(ours.value, theirs.value, tolerance(), 1e-2));
  EXPECT_TRUE(near(ours.gradients[0], theirs.gradients[0], tolerance(), 1e-1));
}

// Lengths on both sides of the tile's 64, grouped heads, heads as views into one joined tensor. In bfloat16 the weights
// and their gradients are rounded before the products, so that errors go with the size of whole rows, not of elements.
TEST_P(FusedOperation, TiledAttentionEqualsLibTorchInFloat64) {
  if (!can_tile_attention(random({1, 1, 2, 4}), random({1, 1, 2, 4}))) {
    GTEST_SKIP() << "no AVX-512 here: attention is LibTorch's";
  }
  at::manual_seed(13);
  for (const int64_t length : {2, 63, 64, 65, 130, 200}) {
    const int64_t heads = 4, groups = 2, width = 20;
    const auto joined = random({2, length, (heads + 2 * groups) * width});
    const auto head = [&](const at::Tensor& x, int64_t first, int64_t count) {
      return x.narrow(2, first * width, count * width).view({2, length, count, width}).transpose(1, 2);
    };
    const auto slope = random({2, heads, length, width});
    const auto attend = [&](const auto& attention) {
      return [&](const std::vector<at::Tensor>& in) {
        return attention(head(in[0], 0, heads), head(in[0], heads, groups), head(in[0], heads + groups, groups));
      };
    };
    const auto ours = run(attend(causal_attention), {joined}, slope);
    const auto theirs = run(attend(plain::causal_attention), {joined.to(at::kDouble)}, slope);
    EXPECT_EQ(ours.value.scalar_type(), GetParam());
    const double row = GetParam() == at::kFloat ? 4e-6 : 0x1p-7;
    EXPECT_TRUE(near(ours.value, theirs.value, row, 1.0)) << "length " << length;
    EXPECT_TRUE(near(ours.gradients[0], theirs.gradients[0], row, 2.0)) << "length " << length;
    const c10::NoGradGuard no_grad;
    EXPECT_TRUE(at::equal(attend(causal_attention)({joined}), ours.value));
  }
}

// A rotation as a product of complex numbers, and its inverse in the backward pass.
TEST_P(FusedOperation, RopeMultipliesByUnitComplexNumbers) {
  at::manual_seed(4);
  const auto joined = random({2, 9, 5 * 8}), slope = random({2, 3, 9, 8});  // B 2, T 9, heads of 8
  for (const auto& shape : std::vector<std::vector<int64_t>>{{9, 4}, {2, 1, 9, 4}}) {
    const auto angle = 10 * at::rand(shape), cos = angle.cos(), sin = angle.sin();
    const auto heads = [](const at::Tensor& x) { return x.narrow(2, 8, 24).view({2, 9, 3, 8}).transpose(1, 2); };
    const auto ours = run([&](const auto& in) { return rotate(heads(in[0]), cos, sin); }, {joined}, slope);
    const auto complex = [&](const auto& in) {
      const auto x = heads(in[0]);
      const auto turned = at::complex(x.narrow(3, 0, 4), x.narrow(3, 4, 4)) * at::complex(cos, sin);
      return at::cat({at::real(turned), at::imag(turned)}, 3);
    };
    const auto theirs = run(complex, {joined.to(at::kFloat)}, slope);
    EXPECT_TRUE(near(ours.value, theirs.value, tolerance(), 1e-2));
    EXPECT_TRUE(near(ours.gradients[0], theirs.gradients[0], tolerance(), 1e-2));
  }
}

TEST_P(FusedOperation, CrossEntropyAndItsGradientEqualLibTorch) {
  at::manual_seed(3);
  for (const int64_t vocabulary : {1, 7, 65, 5000}) {
    const auto logits = 4 * random({40, vocabulary});
    auto targets = at::randint(0, vocabulary, {40}, at::kLong);
    targets[3] = kIgnoredTarget;
    const auto wide = logits.to(at::kDouble).set_requires_grad(true);
    const auto expected = token_loss_sum(wide, targets) * 0.125;
    torch::autograd::backward({expected}, {});
    const auto gradient = logits.clone();
    const auto loss = cross_entropy_with_gradient(gradient, targets, 0.125);
    EXPECT_TRUE(near(loss, expected.detach(), 1e-6, 1e-3)) << vocabulary;
    EXPECT_TRUE(near(gradient, wide.grad(), tolerance(), 1e-2)) << vocabulary;
  }
}

// What a GPU computes with; the CPU's kernels and these round the same float32 arithmetic once.
void expect_near_plain(at::Device device, at::ScalarType dtype, double tolerance) {
  at::manual_seed(6);
  const auto random = [&](at::IntArrayRef sizes) { return at::randn(sizes).to(dtype); };
  const auto expect = [&](const Operation& fast, const Operation& other, const std::vector<at::Tensor>& inputs) {
    std::vector<at::Tensor> there;
    for (const auto& input : inputs) there.push_back(input.to(device));
    const auto slope = at::randn(fast(inputs).sizes()).to(dtype);
    const auto ours = run(fast, inputs, slope), theirs = run(other, there, slope.to(device));
    EXPECT_EQ(theirs.value.scalar_type(), dtype);
    EXPECT_TRUE(near(ours.value, theirs.value.cpu(), 2 * tolerance, 1e-2));
    for (size_t i = 0; i < inputs.size(); ++i) {
      EXPECT_TRUE(near(ours.gradients[i], theirs.gradients[i].cpu(), 2 * tolerance, 1.0)) << i;
    }
  };
  expect([](const auto& in) { return rms_norm(in[0], in[1], 1e-5); },
         [](const auto& in) { return plain::rms_norm(in[0], in[1], 1e-5); }, {random({3, 50, 70}), at::rand({70})});
  expect([](const auto& in) { return swiglu(in[0], in[1]); },
         [](const auto& in) { return plain::swiglu(in[0], in[1]); }, {random({5, 33}), random({5, 33})});
  const auto angle = 10 * at::rand({9, 4}), cos = angle.cos(), sin = angle.sin();
  expect([&](const auto& in) { return rotate(in[0], cos, sin); },
         [&](const auto& in) { return plain::rotate(in[0], cos.to(device), sin.to(device)); }, {random({2, 3, 9, 8})});

  auto targets = at::randint(0, 65, {40}, at::kLong);
  targets[3] = kIgnoredTarget;
  const auto fast = 4 * random({40, 65}), other = fast.to(device, dtype, false, /*copy=*/true);
  const auto loss = cross_entropy_with_gradient(fast, targets, 0.125);
  EXPECT_TRUE(near(loss, plain::cross_entropy_with_gradient(other, targets.to(device), 0.125).cpu(), 1e-6, 1e-3));
  EXPECT_TRUE(near(fast, other.cpu(), 2 * tolerance, 1e-2));
}

TEST_P(FusedOperation, ThePlainDefinitionsAgree) { expect_near_plain(at::kCPU, GetParam(), tolerance()); }

TEST_P(FusedOperation, ThePlainDefinitionsAgree_CUDA) {
  if (const auto support = gpu_support(); support.gpus.empty()) GTEST_SKIP() << support.why_none;
  expect_near_plain(choose_device("cuda"), GetParam(), tolerance());
  const auto x = random({6, 1000});
  EXPECT_TRUE(at::equal(dropout(x.to(choose_device("cuda")), 0.5, 4, 2).cpu(), dropout(x, 0.5, 4, 2)));
}

TEST_P(FusedOperation, DropoutKeepsTheShareAndScalesIt) {
  const auto x = at::ones({4, 50'000}, GetParam());
  const auto out = run([](const auto& in) { return dropout(in[0], 0.25, 9, 0); }, {x}, x);
  const auto kept = (out.value != 0).to(at::kDouble);
  EXPECT_NEAR(kept.mean().item<double>(), 0.75, 5 * std::sqrt(0.25 * 0.75 / 200'000));  // five standard deviations
  EXPECT_TRUE(near(out.value, kept / 0.75, tolerance(), 1));
  EXPECT_TRUE(at::equal(out.gradients[0], out.value));
}

TEST_P(FusedOperation, DropoutOfARowDoesNotDependOnTheCut) {
  const auto x = at::ones({6, 1000}, GetParam());
  const auto whole = dropout(x, 0.5, 4, 0);
  EXPECT_TRUE(at::equal(dropout(x.narrow(0, 0, 2), 0.5, 4, 3), whole.narrow(0, 3, 2)));
  EXPECT_FALSE(at::equal(whole[0], whole[1]));
  EXPECT_FALSE(at::equal(dropout(x, 0.5, 5, 0), whole));
}

INSTANTIATE_TEST_SUITE_P(DTypes, FusedOperation, testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& parameter) { return c10::toString(parameter.param); });

TEST(ExpOfNegative, LiesWithinTwoUnitsInTheLastPlace) {
  double worst = 0;
  for (double x = 0; x > -87; x -= 1e-4) {
    const auto rounded = static_cast<float>(x);
    const double exact = std::exp(static_cast<double>(rounded));
    worst = std::max(worst, std::abs(cpu::exp_of_negative(rounded) - exact) / exact);
  }
  EXPECT_LE(worst, 2 * 0x1p-23);
  EXPECT_EQ(cpu::exp_of_negative(0.0f), 1.0f);
  EXPECT_EQ(cpu::exp_of_negative(-1000.0f), 0.0f);
  EXPECT_TRUE(std::isnan(cpu::exp_of_negative(NAN)));
}

}  // namespace
}  // namespace slm
