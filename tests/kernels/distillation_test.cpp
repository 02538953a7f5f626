// The loss of distillation against plain PyTorch (tests/golden/qat/distillation.safetensors) and against differences.
#include "kernels/distillation.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "core/ignored_target.h"
#include "kernels/cross_entropy.h"
#include "model/golden.h"
#include "model/head_loss.h"

namespace slm {
namespace {

// softmax in float32 is wrong by |log q| < 24 half units in the last place, once for each model; the scale is 1 / 11.
constexpr double kRounding = 2 * 24 * 0x1p-24 / 11;

TEST(Distillation, LossDivergenceAndGradientMatchPyTorch) {
  const Golden golden("qat/distillation.safetensors");
  const auto targets = golden["targets"], weights = golden["weights"];
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    for (int64_t i = 0; i < weights.numel(); ++i) {
      const auto name = std::string(dtype == at::kFloat ? "float32." : "bfloat16.") + std::to_string(i);
      auto logits = golden["logits"].to(dtype, false, /*copy=*/true);
      const auto sums =
          distillation_with_gradient(logits, golden["teacher"].to(dtype), targets,
                                     {.weight = weights[i].item<double>(), .scale = 1.0 / 11});  // 11 rows are scored
      EXPECT_TRUE(close(sums.loss, golden[name + ".loss"], 1e-6)) << name;
      EXPECT_TRUE(close(sums.divergence, golden[name + ".divergence"], 1e-6)) << name;
      const auto expected = golden[name + ".gradient"];
      const double half_unit = dtype == at::kFloat ? 0x1p-24 : 0x1p-8;
      const auto allowed = expected.abs() * half_unit + kRounding;
      EXPECT_TRUE(close((logits.to(at::kDouble) - expected) / allowed, at::zeros_like(expected), 1.0)) << name;
    }
  }
}

TEST(Distillation, TheGradientIsTheSlopeOfTheLoss) {
  at::manual_seed(5);
  const auto logits = at::randn({3, 7}), teacher = at::randn({3, 7}), targets = at::tensor({2, 0, 6}, at::kLong);
  const DistillationTerms terms{.weight = 0.35, .scale = 1.0};
  const auto loss_at = [&](int64_t row, int64_t column, float shift) {
    auto moved = logits.clone();
    moved[row][column] += shift;
    return distillation_with_gradient(moved, teacher, targets, terms).loss.item<double>();
  };
  auto gradient = logits.clone();
  distillation_with_gradient(gradient, teacher, targets, terms);
  // Central differences: 4 roundings of a row's loss below 8, over 2 h; the third derivative adds less than h^2.
  constexpr float kStep = 0x1p-6f;
  const double allowed = 4 * 8 * 0x1p-24 / (2 * kStep) + kStep * kStep;
  for (int64_t row = 0; row < 3; ++row) {
    for (int64_t column = 0; column < 7; ++column) {
      const double slope = (loss_at(row, column, kStep) - loss_at(row, column, -kStep)) / (2 * kStep);
      EXPECT_LE(std::abs(slope - gradient[row][column].item<double>()), allowed) << row << ", " << column;
    }
  }
}

TEST(Distillation, WithoutWeightItIsTheCrossEntropy) {
  at::manual_seed(6);
  const auto logits = 3 * at::randn({20, 65}), teacher = at::randn({20, 65});
  auto targets = at::randint(0, 65, {20}, at::kLong);
  targets[4] = kIgnoredTarget;
  auto ours = logits.clone(), theirs = logits.clone();
  const auto sums = distillation_with_gradient(ours, teacher, targets, {.weight = 0, .scale = 0.125});
  EXPECT_TRUE(close(sums.loss, cross_entropy_with_gradient(theirs, targets, 0.125), 1e-5));
  EXPECT_TRUE(close(ours, theirs, 2 * 24 * 0x1p-24 * 0.125));
}

// A row without a target has no loss, whatever the models say of it.
TEST(Distillation, IgnoredRowsMayHoldAnything) {
  auto logits = at::randn({2, 5});
  logits[1].fill_(NAN);
  const auto sums = distillation_with_gradient(logits, logits.clone(), at::tensor({3, -100}, at::kLong),
                                               {.weight = 0.5, .scale = 1.0});
  EXPECT_TRUE(std::isfinite(sums.loss.item<double>()));
  EXPECT_EQ(sums.divergence.item<double>(), 0);
  EXPECT_EQ(logits[1].count_nonzero().item<int64_t>(), 0);
}

at::Tensor leaf(const at::Tensor& value) {
  auto copy = value.clone().set_requires_grad(true);
  copy.mutable_grad() = at::zeros_like(copy);
  return copy;
}

// More tokens than two chunks: the gradients of the hidden states and of the head.
TEST(Distillation, HeadAndLossInChunksEqualAutogradOverAll) {
  at::manual_seed(7);
  const int64_t tokens = 2 * kHeadChunk + 30;
  const auto hidden = at::randn({2, tokens / 2, 12}), taught = at::randn({2, tokens / 2, 12});
  const auto weight = at::randn({31, 12}), teacher_weight = at::randn({31, 12});
  auto targets = at::randint(0, 31, {2, tokens / 2}, at::kLong);
  targets[1].narrow(0, 0, 9).fill_(kIgnoredTarget);
  const double scale = 1.0 / static_cast<double>(tokens - 9), w = 0.6;

  const auto head_weight = leaf(weight);
  DenseLinear head(head_weight), teacher_head(teacher_weight);
  const HeadTeacher teacher{teacher_head, taught, w};
  const auto ours = head_loss_with_gradient(head, hidden, targets, scale, &teacher);

  const auto x = leaf(hidden.to(at::kDouble)), matrix = leaf(weight.to(at::kDouble));
  const auto log_q = at::log_softmax(at::linear(x, matrix).flatten(0, 1), 1);
  const auto log_p = at::log_softmax(at::linear(taught, teacher_weight).to(at::kDouble).flatten(0, 1), 1);
  const auto scored = (targets.flatten() != kIgnoredTarget).to(at::kDouble);
  const auto divergence = (at::kl_div(log_q, log_p, at::Reduction::None, true).sum(1) * scored).sum() * scale;
  const auto ce = at::nll_loss(log_q, targets.flatten(), {}, at::Reduction::Sum, kIgnoredTarget) * scale;
  const auto expected = (1 - w) * ce + w * divergence;
  torch::autograd::backward({expected}, {});
  EXPECT_TRUE(close(ours.loss, expected.detach(), 1e-6));
  EXPECT_TRUE(close(ours.divergence, divergence.detach(), 1e-6));
  EXPECT_TRUE(close(ours.hidden_gradient, x.grad(), 1e-6));
  EXPECT_TRUE(close(head_weight.grad(), matrix.grad(), 1e-5));  // sums over all tokens
}

}  // namespace
}  // namespace slm
