// All parameters one behind the other in flat buffers; the modules' tensors are views. So the gradient norm is one
// reduction, an optimizer step one pass, and adjacent projections one matrix.
//
// Under bfloat16 a matrix has two forms: the float32 master that the optimizer updates, and the shadow, its rounded
// copy that the layers multiply with. Vectors (norms, biases) are computed with as masters. The autograd leaf is the
// tensor that the layer computes with; its gradient is a float32 view all the same. Where the layers compute with
// something else than the master (fake-quantized weights), a matrix has both forms in float32 as well.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/named_tensor.h"

namespace slm {

/// Where one parameter lies.
struct ArenaEntry {
  std::string name;   // canonical
  at::Tensor tensor;  // the module's own, that the layer computes with
  int64_t offset;     // first element in the flat buffers
  bool decay;         // weight decay applies: two or more dimensions
  bool trainable;     // not frozen
  bool apart;         // has an optimizer of its own
};

struct ArenaSettings {
  bool gradients = false;             // the model is to be trained
  at::ScalarType dtype = at::kFloat;  // that the matrices compute in: float32 or bfloat16
  at::Device device = at::kCPU;       // where all of it lies
  std::set<std::string> frozen = {};  // canonical names of the parameters that are not trained
  // Matrices, by canonical name, whose layers compute with something that is made from the master: in float32, too,
  // they have a shadow, which update_shadows does not write.
  std::set<std::string> derived = {};
  bool hidden_matrices_apart = false;  // the blocks' matrices, but for frozen ones, have an optimizer of their own
};

class ParameterArena {
 public:
  /// Moves every parameter of `model` into the arena, without its values: first the trainable ones, those apart behind
  /// the others, then the frozen; each part with weight decay first, in the module's order. With gradients each
  /// trainable parameter's gradient is a view into a zeroed float32 buffer, never released. Without gradients nothing
  /// is updated, so that under bfloat16 the matrices have no masters.
  ParameterArena(torch::nn::Module& model, const ArenaSettings& settings);

  const at::Tensor& parameters() const { return parameters_; }  // (n) float32 masters; undefined where there are none
  const at::Tensor& shadows() const { return shadows_; }        // (n) bfloat16 copies; undefined in float32
  const at::Tensor& gradients() const { return gradients_; }    // (trainable_size) float32, undefined without gradients
  const std::vector<ArenaEntry>& entries() const { return entries_; }
  int64_t size() const { return size_; }
  /// Elements [0, trainable_size) are trained, the rest is frozen.
  int64_t trainable_size() const { return trainable_size_; }
  /// Elements [apart_begin, trainable_size) have an optimizer of their own; none where the two are equal.
  int64_t apart_begin() const { return apart_begin_; }
  /// Elements [0, decay_size) have weight decay, those up to apart_begin have none.
  int64_t decay_size() const { return decay_size_; }

  /// Every parameter in its exact form, by canonical name: the master, or without masters the tensor itself. After
  /// writing into one, call update_shadows.
  std::vector<NamedTensor> values() const;
  std::map<std::string, at::Tensor> by_name() const;
  void update_shadows() const;

  /// The part of a flat buffer laid out as the arena's that belongs to `entry`, in the parameter's shape.
  static at::Tensor view(const at::Tensor& flat, const ArenaEntry& entry);

 private:
  void make_derived(const ArenaSettings& settings);
  void place(ArenaEntry& entry, const ArenaSettings& settings) const;

  at::Tensor parameters_, shadows_, gradients_;
  at::Tensor derived_;  // float32 shadows, of the elements from derived_begin_ on; undefined where there are none
  int64_t derived_begin_ = 0;
  std::vector<ArenaEntry> entries_;
  int64_t size_ = 0, trainable_size_ = 0, apart_begin_ = 0, decay_size_ = 0;
};

}  // namespace slm
