// What quantizing takes in memory: hardly more than the float model, whose weights are let go of layer by layer.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/parameter_arena.h"

namespace slm {

/// One as long as a model is being quantized. From its beginning on the process keeps little of what is freed, and its
/// peak is counted anew.
class QuantizationMemory {
 public:
  QuantizationMemory();

  void set_model(const ParameterArena& arena);                       // the float model, read by now
  void set_hidden_states(int64_t bytes) { hidden_states_ = bytes; }  // of the calibration batches

  /// A float weight that is not needed now: its memory goes back to the system, and its values are lost until the
  /// model's file is read again into the same tensors. On a GPU nothing happens.
  void release(const at::Tensor& weight);
  /// The same for all that were released before, once they have been read again.
  void release_float_weights();

  /// "peak memory 700 MiB: 130 before, 24 of hidden states, and 1.28 times the float model's 418"
  std::string describe() const;

 private:
  int64_t before_, model_ = 0, hidden_states_ = 0;  // bytes
  std::vector<at::Tensor> released_;
};

}  // namespace slm
