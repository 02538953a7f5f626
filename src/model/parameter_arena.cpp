#include "model/parameter_arena.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/block_index.h"

namespace slm {

ParameterArena::ParameterArena(torch::nn::Module& model, const ArenaSettings& settings) {
  const c10::NoGradGuard no_grad;
  for (const auto& parameter : model.named_parameters()) {
    const auto& name = parameter.key();
    const bool decay = parameter.value().dim() >= 2, trainable = !settings.frozen.contains(name);
    const bool apart = settings.hidden_matrices_apart && trainable && decay && block_index(name).has_value();
    entries_.push_back({name, parameter.value(), 0, decay, trainable, apart});
  }
  std::stable_partition(entries_.begin(), entries_.end(), [](const ArenaEntry& entry) { return entry.decay; });
  std::stable_partition(entries_.begin(), entries_.end(), [](const ArenaEntry& entry) { return !entry.apart; });
  std::stable_partition(entries_.begin(), entries_.end(), [](const ArenaEntry& entry) { return entry.trainable; });
  for (auto& entry : entries_) {
    entry.offset = size_;
    size_ += entry.tensor.numel();
    if (entry.trainable) trainable_size_ = size_;
    if (entry.trainable && !entry.apart) apart_begin_ = size_;
    if (entry.trainable && !entry.apart && entry.decay) decay_size_ = size_;
  }
  const bool has_shadows = settings.dtype != at::kFloat;
  if (!has_shadows || settings.gradients) parameters_ = at::empty({size_}, settings.device);
  if (has_shadows) shadows_ = at::empty({size_}, at::device(settings.device).dtype(settings.dtype));
  if (settings.gradients) gradients_ = at::zeros({trainable_size_}, settings.device);
  if (!has_shadows) make_derived(settings);
  for (auto& entry : entries_) place(entry, settings);
}

// One buffer from the first such matrix to the last, so that those that are adjacent among the parameters are so here.
void ParameterArena::make_derived(const ArenaSettings& settings) {
  int64_t end = 0;
  for (const auto& entry : entries_) {
    if (!settings.derived.contains(entry.name)) continue;
    if (end == 0) derived_begin_ = entry.offset;
    end = entry.offset + entry.tensor.numel();
  }
  if (end > 0) derived_ = at::empty({end - derived_begin_}, settings.device);
}

void ParameterArena::place(ArenaEntry& entry, const ArenaSettings& settings) const {
  const bool in_shadow = shadows_.defined() && entry.decay;
  if (derived_.defined() && settings.derived.contains(entry.name)) {
    entry.tensor.set_data(
        derived_.narrow(0, entry.offset - derived_begin_, entry.tensor.numel()).view_as(entry.tensor));
  } else if (in_shadow || parameters_.defined()) {
    entry.tensor.set_data(view(in_shadow ? shadows_ : parameters_, entry));
  } else {
    entry.tensor.set_data(at::empty(entry.tensor.sizes(), settings.device));
  }
  const bool has_gradient = settings.gradients && entry.trainable;
  entry.tensor.set_requires_grad(has_gradient);
  if (!has_gradient) return;
  entry.tensor.set_grad_dtype(at::kFloat);
  entry.tensor.mutable_grad() = view(gradients_, entry);
}

std::vector<NamedTensor> ParameterArena::values() const {
  std::vector<NamedTensor> values;
  for (const auto& entry : entries_) {
    values.push_back({entry.name, parameters_.defined() ? view(parameters_, entry) : entry.tensor.detach()});
  }
  return values;
}

std::map<std::string, at::Tensor> ParameterArena::by_name() const {
  std::map<std::string, at::Tensor> by_name;
  for (const auto& [name, value] : values()) by_name[name] = value;
  return by_name;
}

void ParameterArena::update_shadows() const {
  if (!shadows_.defined() || !parameters_.defined()) return;
  shadows_.copy_(parameters_);
}

at::Tensor ParameterArena::view(const at::Tensor& flat, const ArenaEntry& entry) {
  return flat.narrow(0, entry.offset, entry.tensor.numel()).view(entry.tensor.sizes());
}

}  // namespace slm
