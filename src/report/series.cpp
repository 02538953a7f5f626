#include "report/series.h"

#include <algorithm>
#include <cmath>

namespace slm {
namespace {

// The points that share a bucket.
class Gathering {
 public:
  void add(const Point& point) {
    if (!std::isfinite(point.value)) return;
    if (count_ == 0) low_ = high_ = point.value;
    low_ = std::min(low_, point.value);
    high_ = std::max(high_, point.value);
    steps_ += point.step;
    // A running mean, because a sum of large values may overflow.
    mean_ += (point.value - mean_) / static_cast<double>(++count_);
  }
  bool empty() const { return count_ == 0; }
  Bucket bucket() const { return {steps_ / static_cast<double>(count_), low_, mean_, high_}; }

 private:
  size_t count_ = 0;
  double steps_ = 0, mean_ = 0, low_ = 0, high_ = 0;
};

}  // namespace

std::vector<Piece> pieces_of(const Series& series, size_t most) {
  std::vector<Piece> pieces;
  if (series.empty()) return pieces;
  const double first = series.front().step, width = series.back().step - first;
  const bool thinned = series.size() > most && width > 0;
  const auto stretch = [&](size_t i) {
    return thinned ? std::floor((series[i].step - first) / width * static_cast<double>(most)) : static_cast<double>(i);
  };
  bool joined = false;
  for (size_t i = 0; i < series.size();) {
    Gathering gathering;
    for (const double here = stretch(i); i < series.size() && stretch(i) == here; ++i) gathering.add(series[i]);
    if (!gathering.empty() && !joined) pieces.emplace_back();
    joined = !gathering.empty();
    if (joined) pieces.back().push_back(gathering.bucket());
  }
  return pieces;
}

}  // namespace slm
