// The ends without the outermost values.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "quantization/observer.h"

namespace slm {

/// The `keep` smallest of many values, in memory for twice as many.
class SmallestValues {
 public:
  explicit SmallestValues(size_t keep) : keep_(keep) {}

  /// count values at x, or their negatives: then the largest are kept.
  void add(const float* x, int64_t count, bool negated);
  /// Ascending; `keep`, or all where there were not more.
  std::vector<float> sorted() const;
  void restore(const std::vector<float>& sorted);

 private:
  void drop_the_rest();

  size_t keep_;
  float limit_ = std::numeric_limits<float>::infinity();  // what is not below it has no place any more
  std::vector<float> values_;
};

/// From the (100 - percent) % quantile to the `percent` % quantile of everything observed, each between its two
/// neighbours: bit for bit torch.quantile(x, q) of all batches together in float64.
///
/// A quantile of n values stands q (n - 1) places from its end. How many will come is not known, and an end may keep
/// all its values from the first batch; so the observer is told beforehand how many there may be, N, and keeps
/// q (N - 1) + 3 at each end, whatever comes: 10,003 of 10^8 values (two lists of up to 80 kB), 1,000,003 of 10^10.
class PercentileObserver final : public Observer {
 public:
  static constexpr double kPercent = 99.99;

  explicit PercentileObserver(double percent = kPercent, int64_t most_values = kMostObserved);

  ObserverKind kind() const override { return ObserverKind::kPercentile; }
  Range range() const override;
  nlohmann::json to_json() const override;

 private:
  /// Error (kUsage) where more values come than were announced.
  void add(const at::Tensor& x, Range ends) override;
  bool restore(const nlohmann::json& state) override;

  double percent_;
  int64_t most_values_, count_ = 0;
  SmallestValues smallest_, largest_;
};

}  // namespace slm
