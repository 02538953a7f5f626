// What the trajectory tests share: batches from the goldens' tensors, and weights by the names of the class.
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <string>

#include "data/batch.h"
#include "model/golden.h"
#include "model/hugging_face/tensor_layout.h"
#include "model/parameter_arena.h"
#include "model/transformer_config.h"

namespace slm {

inline Batch golden_batch(const at::Tensor& inputs, const at::Tensor& targets) {
  Batch result{.rows = inputs.size(0), .length = inputs.size(1), .inputs = {}, .targets = {}};
  result.inputs.assign(inputs.data_ptr<int64_t>(), inputs.data_ptr<int64_t>() + inputs.numel());
  result.targets.assign(targets.data_ptr<int64_t>(), targets.data_ptr<int64_t>() + targets.numel());
  return result;
}

/// Compares a tensor of the class's file with `prefix`<its name>; `ours` go by canonical name. A bias of the keys has
/// no meaning in training: its exact gradient is 0, and AdamW scales up what rounding leaves.
inline void expect_tensor(const FileTensor& tensor, const std::map<std::string, at::Tensor>& ours, const Golden& golden,
                          const std::string& prefix, double tolerance) {
  std::vector<at::Tensor> parts;
  for (const auto& part : tensor.parts) parts.push_back(ours.at(part));
  auto actual = at::cat(parts, 0), expected = golden[prefix + tensor.name];
  if (tensor.transposed) actual = actual.t();
  if (tensor.name.ends_with("c_attn.bias")) {
    const auto width = actual.size(0) / 3;
    for (auto* t : {&actual, &expected}) *t = at::cat({t->narrow(0, 0, width), t->narrow(0, 2 * width, width)});
  }
  EXPECT_TRUE(close(actual, expected, tolerance)) << prefix << tensor.name;
}

inline void expect_tensors(const TransformerConfig& config, const std::map<std::string, at::Tensor>& ours,
                           const Golden& golden, const std::string& prefix, double tolerance) {
  for (const auto& tensor : file_layout(config)) expect_tensor(tensor, ours, golden, prefix, tolerance);
}

/// Those that the golden has.
inline int expect_kept_tensors(const TransformerConfig& config, const std::map<std::string, at::Tensor>& ours,
                               const Golden& golden, const std::string& prefix, double tolerance) {
  int count = 0;
  for (const auto& tensor : file_layout(config)) {
    if (!golden.file().find(prefix + tensor.name)) continue;
    expect_tensor(tensor, ours, golden, prefix, tolerance);
    ++count;
  }
  return count;
}

/// Masters by canonical name.
inline std::map<std::string, at::Tensor> master_weights(const ParameterArena& arena) {
  std::map<std::string, at::Tensor> result;
  for (const auto& [name, value] : arena.values()) result.emplace(name, value);
  return result;
}

}  // namespace slm
