#include "training/quantization_memory.h"

#include <fmt/format.h>

#include "core/process_memory.h"
#include "kernels/block_cache.h"

namespace slm {
namespace {

constexpr size_t kIdleBytes = size_t{4} << 20;  // that the cache of freed tensors may keep
// Of a smaller model the activations are what counts. To get pages for each of them anew takes a third of the time.
constexpr int64_t kLargeModel = int64_t{64} << 20;

}  // namespace

QuantizationMemory::QuantizationMemory() {
  limit_block_cache(kIdleBytes);
  forget_peak();
  before_ = resident_bytes();
}

void QuantizationMemory::set_model(const ParameterArena& arena) {
  model_ = arena.size() * static_cast<int64_t>(sizeof(float));
  if (model_ >= kLargeModel) return_freed_memory();
}

std::string QuantizationMemory::describe() const {
  const auto mebibytes = [](int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); };
  const int64_t peak = peak_resident_bytes(), grown = peak - before_ - hidden_states_;
  return fmt::format(
      "peak memory {:.0f} MiB: {:.0f} before, {:.0f} of hidden states, and {:.2f} times the float model's {:.0f}",
      mebibytes(peak), mebibytes(before_), mebibytes(hidden_states_),
      static_cast<double>(grown) / static_cast<double>(model_), mebibytes(model_));
}

}  // namespace slm
