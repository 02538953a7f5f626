// The layers that add to a preassigned gradient, against LibTorch's own autograd.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <limits>

#include "kernels/embedding.h"
#include "kernels/linear.h"
#include "model/golden.h"

namespace slm {
namespace {

at::Tensor leaf(const at::Tensor& value, bool preassigned) {
  auto copy = value.clone().set_requires_grad(true);
  if (preassigned) copy.mutable_grad() = at::full_like(copy, 0.5);  // something to add to
  return copy;
}

// How far two ways of summing `terms` products in float32 may lie apart (Higham 2002, section 3.1): each is within
// terms * eps of the sum of absolute values. Larger eps * terms squared are out of sight here.
testing::AssertionResult within_rounding(const at::Tensor& a, const at::Tensor& b, const at::Tensor& absolute_sum,
                                         int64_t terms) {
  const double eps = std::numeric_limits<float>::epsilon();
  const auto allowed = absolute_sum * (2.0 * static_cast<double>(terms) * eps);
  return close((a - b) / allowed, at::zeros_like(a), 1.0);
}

TEST(LinearIntoGradient, EqualsAutogradPlusWhatWasThere) {
  at::manual_seed(1);
  for (const auto& leading : std::vector<std::vector<int64_t>>{{3, 5}, {7}, {2, 3, 4}}) {
    for (const bool has_bias : {true, false}) {
      auto shape = leading, out_shape = leading;
      shape.push_back(6);
      out_shape.push_back(4);
      const auto x = at::randn(shape), weight = at::randn({4, 6}), bias = at::randn({4}), slope = at::randn(out_shape);
      at::Tensor out[2], gx[2], gw[2], gb[2];
      for (const int mine : {0, 1}) {
        const auto input = leaf(x, false), w = leaf(weight, mine == 1);
        const auto b = has_bias ? leaf(bias, mine == 1) : at::Tensor();
        out[mine] = mine ? dense_linear(input, w, b) : at::linear(input, w, b);
        torch::autograd::backward({(out[mine] * slope).sum()}, {});
        gx[mine] = input.grad();
        gw[mine] = w.grad();
        if (has_bias) gb[mine] = b.grad();
      }
      const auto ax = x.abs().reshape({-1, 6}), as = slope.abs().reshape({-1, 4}), aw = weight.abs();
      const int64_t rows = ax.size(0);
      EXPECT_TRUE(within_rounding(out[1], out[0], (ax.mm(aw.t()) + bias.abs()).view(out_shape), 7));
      EXPECT_TRUE(within_rounding(gx[1], gx[0], as.mm(aw).view(shape), 4));
      EXPECT_TRUE(within_rounding(gw[1], gw[0] + 0.5, as.t().mm(ax) + 0.5, rows + 1));
      if (has_bias) {
        EXPECT_TRUE(within_rounding(gb[1], gb[0] + 0.5, as.sum(0) + 0.5, rows + 1));
      }
    }
  }
}

TEST(LinearIntoGradient, WritesIntoTheMemoryThatWasAssigned) {
  const auto weight = leaf(at::randn({4, 6}), true);
  const void* memory = weight.grad().data_ptr();
  torch::autograd::backward({dense_linear(at::randn({3, 6}), weight, {}).sum()}, {});
  EXPECT_EQ(weight.grad().data_ptr(), memory);
}

TEST(EmbeddingIntoGradient, EqualsAutogradPlusWhatWasThereWithRepeatedIds) {
  at::manual_seed(2);
  const auto table = at::randn({9, 5}), ids = at::randint(0, 9, {4, 7}, at::kLong), scale = at::randn({4, 7, 5});
  const auto mine = leaf(table, true), theirs = leaf(table, false);
  torch::autograd::backward({(embedding_lookup(mine, ids) * scale).sum()}, {});
  torch::autograd::backward({(at::embedding(theirs, ids) * scale).sum()}, {});
  const auto absolute = at::zeros({9, 5}).index_add_(0, ids.flatten(), scale.abs().view({-1, 5})) + 0.5;
  EXPECT_TRUE(within_rounding(mine.grad(), theirs.grad() + 0.5, absolute, 4 * 7 + 1));
}

}  // namespace
}  // namespace slm
