// The layers that add to a preassigned gradient, against LibTorch's own autograd.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

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

TEST(LinearIntoGradient, EqualsAutogradPlusWhatWasThere) {
  at::manual_seed(1);
  for (const auto& leading : std::vector<std::vector<int64_t>>{{3, 5}, {7}, {2, 3, 4}}) {
    for (const bool has_bias : {true, false}) {
      auto shape = leading;
      shape.push_back(6);
      const auto x = at::randn(shape), weight = at::randn({4, 6}), bias = at::randn({4});
      at::Tensor out[2], gx[2], gw[2], gb[2];
      for (const int mine : {0, 1}) {
        const auto input = leaf(x, false), w = leaf(weight, mine == 1);
        const auto b = has_bias ? leaf(bias, mine == 1) : at::Tensor();
        out[mine] = mine ? dense_linear(input, w, b) : at::linear(input, w, b);
        torch::autograd::backward({(out[mine] * out[mine].detach().sin()).sum()}, {});
        gx[mine] = input.grad();
        gw[mine] = w.grad();
        if (has_bias) gb[mine] = b.grad();
      }
      EXPECT_TRUE(close(out[1], out[0], 1e-5));  // another library may compute it
      EXPECT_TRUE(close(gx[1], gx[0], 1e-5));
      EXPECT_TRUE(close(gw[1], gw[0] + 0.5, 1e-5));
      if (has_bias) {
        EXPECT_TRUE(close(gb[1], gb[0] + 0.5, 1e-5));
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
  EXPECT_TRUE(close(mine.grad(), theirs.grad() + 0.5, 1e-5));
}

}  // namespace
}  // namespace slm
