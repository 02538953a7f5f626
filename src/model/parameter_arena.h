// All parameters one behind the other in one flat float32 buffer, all gradients in another; the modules' tensors are
// views. So the gradient norm is one reduction, an optimizer step one pass, and adjacent projections one matrix.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <set>
#include <string>
#include <vector>

namespace slm {

/// Where one parameter lies.
struct ArenaEntry {
  std::string name;   // canonical
  at::Tensor tensor;  // the module's own, a view of the arena
  int64_t offset;     // first element in the flat buffers
  bool decay;         // weight decay applies: two or more dimensions
  bool trainable;     // not frozen
};

class ParameterArena {
 public:
  /// Moves every parameter of `model` into the arena, values kept: first the trainable ones, then those whose name is
  /// in `frozen`, each part with weight decay first, in the module's order. With `gradients` each trainable parameter's
  /// gradient is a view into a second zeroed buffer, never released.
  ParameterArena(torch::nn::Module& model, bool gradients, const std::set<std::string>& frozen = {});

  const at::Tensor& parameters() const { return parameters_; }  // (n)
  const at::Tensor& gradients() const { return gradients_; }    // (trainable_size), undefined without gradients
  const std::vector<ArenaEntry>& entries() const { return entries_; }
  int64_t size() const { return parameters_.numel(); }
  /// Elements [0, trainable_size) are trained, the rest is frozen.
  int64_t trainable_size() const { return trainable_size_; }
  /// Elements [0, decay_size) have weight decay, the other trainable ones have none.
  int64_t decay_size() const { return decay_size_; }

  /// The part of a flat buffer laid out as the arena's that belongs to `entry`, in the parameter's shape.
  static at::Tensor view(const at::Tensor& flat, const ArenaEntry& entry);

 private:
  at::Tensor parameters_, gradients_;
  std::vector<ArenaEntry> entries_;
  int64_t trainable_size_ = 0, decay_size_ = 0;
};

}  // namespace slm
