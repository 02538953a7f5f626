// The range that costs least: clipping a few large values makes the steps between all the others finer.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "quantization/observer.h"

namespace slm {

/// Of the ranges low * i / 100 .. high * i / 100, i = 1 .. 100, between the ends of everything observed, the one under
/// which the sum of (x - x^)^2 is least; among equals the widest.
///
/// The ends are known only at the last batch, so all values are needed then. Up to 2^16 of them are kept as they are;
/// when there are more, each is rounded to 12 significant bits and counted, in a table of all such numbers (2^20, 8
/// MB). That is exact for bfloat16; in float32 a value moves by at most 2^-12 of itself, a sixteenth of a step at most.
class MseObserver final : public Observer {
 public:
  static constexpr int64_t kMostExact = 1 << 16;
  static constexpr int kClips = 100;

  ObserverKind kind() const override { return ObserverKind::kMse; }
  Range range() const override;
  nlohmann::json to_json() const override;

  /// The sum of (x - x^)^2, in float64, under each of the kClips ranges, the narrowest first.
  std::vector<double> errors() const;

 private:
  // Different values, and how often each came.
  struct Weighted {
    std::vector<float> values;
    std::vector<int64_t> counts;
  };

  void add(const at::Tensor& x, Range ends) override;
  bool restore(const nlohmann::json& state) override;
  void count(const float* x, int64_t size);
  Weighted weighted() const;
  Range clipped(int clip) const;

  std::optional<Range> ends_;
  std::vector<float> values_;    // all, in their order, as long as counts_ is empty
  std::vector<int64_t> counts_;  // of each number of 12 significant bits, by its upper 20 bits
};

}  // namespace slm
