// What quantizing takes in memory: less than the float model, whose weights are read block by block.
#pragma once

#include <cstdint>
#include <string>

#include "model/parameter_arena.h"

namespace slm {

/// One as long as a model is being quantized. From its beginning on the process's peak is counted anew, and it keeps
/// few freed tensors; of a large model it keeps little of what is freed.
class QuantizationMemory {
 public:
  QuantizationMemory();

  void set_model(const ParameterArena& arena);                       // the float model
  void set_hidden_states(int64_t bytes) { hidden_states_ = bytes; }  // of the calibration batches

  /// "peak memory 700 MiB: 130 before, 24 of hidden states, and 1.28 times the float model's 418"
  std::string describe() const;

 private:
  int64_t before_, model_ = 0, hidden_states_ = 0;  // bytes
};

}  // namespace slm
