#include "model/fused_linear.h"

#include <ATen/ops/split_with_sizes.h>

#include "kernels/linear.h"

namespace slm {
namespace {

// Whether each tensor begins where the one before it ends, in one storage.
bool adjacent(const std::vector<at::Tensor>& tensors) {
  for (size_t i = 0; i + 1 < tensors.size(); ++i) {
    const auto &a = tensors[i], &b = tensors[i + 1];
    if (!a.defined() || !b.defined() || !a.is_alias_of(b)) return false;
    if (a.storage_offset() + a.numel() != b.storage_offset()) return false;
  }
  return true;
}

// The tensors as one of `rows` rows.
at::Tensor joined_view(const at::Tensor& first, int64_t rows) {
  auto sizes = first.sizes().vec();
  sizes[0] = rows;
  return first.detach().as_strided(sizes, first.strides(), first.storage_offset());
}

// A leaf over the joined memory of `parts`, whose gradient is the joined memory of their gradients; undefined where
// the parts are not adjacent, or where some are frozen and some are not.
at::Tensor joined_leaf(const std::vector<at::Tensor>& parts, int64_t rows) {
  if (!adjacent(parts)) return {};
  for (const auto& part : parts) {
    if (part.requires_grad() != parts[0].requires_grad()) return {};
  }
  auto leaf = joined_view(parts[0], rows);
  if (!parts[0].requires_grad()) return leaf;
  std::vector<at::Tensor> gradients;
  for (const auto& part : parts) gradients.push_back(part.grad());
  if (!gradients[0].defined() || !adjacent(gradients)) return {};
  leaf.set_requires_grad(true);
  leaf.set_grad_dtype(at::kFloat);
  leaf.mutable_grad() = joined_view(gradients[0], rows);
  return leaf;
}

}  // namespace

std::optional<FusedLinear> FusedLinear::make(const std::vector<std::shared_ptr<Linear>>& layers) {
  FusedLinear fused;
  std::vector<at::Tensor> weights, biases;
  int64_t rows = 0;
  for (const auto& layer : layers) {
    const auto dense = std::dynamic_pointer_cast<DenseLinear>(layer);
    if (!dense) return std::nullopt;
    if (!fused.first_) fused.first_ = dense;
    if (dense->preparation() != fused.first_->preparation()) return std::nullopt;
    weights.push_back(dense->weight());
    biases.push_back(dense->bias());
    fused.sizes_.push_back(dense->out_features());
    rows += dense->out_features();
  }
  fused.weight_ = joined_leaf(weights, rows);
  if (biases[0].defined()) fused.bias_ = joined_leaf(biases, rows);
  if (!fused.weight_.defined() || fused.bias_.defined() != biases[0].defined()) return std::nullopt;
  return fused;
}

at::Tensor FusedLinear::forward(const at::Tensor& x) const { return dense_linear(first_->prepare(x), weight_, bias_); }

std::vector<at::Tensor> FusedLinear::forward_split(const at::Tensor& x) const {
  return at::split_with_sizes(forward(x), sizes_, -1);
}

}  // namespace slm
