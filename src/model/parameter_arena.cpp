#include "model/parameter_arena.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>

namespace slm {

ParameterArena::ParameterArena(torch::nn::Module& model, bool gradients, const std::set<std::string>& frozen) {
  const c10::NoGradGuard no_grad;
  for (const auto& parameter : model.named_parameters()) {
    const bool decay = parameter.value().dim() >= 2, trainable = !frozen.contains(parameter.key());
    entries_.push_back({parameter.key(), parameter.value(), 0, decay, trainable});
  }
  std::stable_partition(entries_.begin(), entries_.end(), [](const ArenaEntry& entry) { return entry.decay; });
  std::stable_partition(entries_.begin(), entries_.end(), [](const ArenaEntry& entry) { return entry.trainable; });
  int64_t size = 0;
  for (auto& entry : entries_) {
    entry.offset = size;
    size += entry.tensor.numel();
    if (entry.trainable) trainable_size_ = size;
    if (entry.trainable && entry.decay) decay_size_ = size;
  }
  parameters_ = at::empty({size});
  if (gradients) gradients_ = at::zeros({trainable_size_});
  for (auto& entry : entries_) {
    const auto place = view(parameters_, entry);
    place.copy_(entry.tensor.detach());
    entry.tensor.set_data(place);
    entry.tensor.set_requires_grad(gradients && entry.trainable);
    if (gradients && entry.trainable) entry.tensor.mutable_grad() = view(gradients_, entry);
  }
}

at::Tensor ParameterArena::view(const at::Tensor& flat, const ArenaEntry& entry) {
  return flat.narrow(0, entry.offset, entry.tensor.numel()).view(entry.tensor.sizes());
}

}  // namespace slm
