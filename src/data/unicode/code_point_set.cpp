#include "data/unicode/code_point_set.h"

#include <algorithm>

namespace slm {
namespace {

constexpr CodePointRange kSurrogates = {0xD800, 0xDFFF};
constexpr char32_t kLast = 0x10FFFF;

}  // namespace

CodePointSet::CodePointSet(std::span<const CodePointRange> ranges) : ranges_(ranges.begin(), ranges.end()) {
  normalize();
}

void CodePointSet::add(CodePointRange range) {
  ranges_.push_back(range);
  normalize();
}

void CodePointSet::add(const CodePointSet& other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  normalize();
}

CodePointSet CodePointSet::complement() const {
  CodePointSet with_surrogates = *this;
  with_surrogates.add(kSurrogates);
  CodePointSet result;
  char32_t next = 0;
  for (const auto [first, last] : with_surrogates.ranges_) {
    if (first > next) result.ranges_.push_back({next, first - 1});
    next = last + 1;
  }
  if (next <= kLast) result.ranges_.push_back({next, kLast});
  return result;
}

void CodePointSet::normalize() {
  std::sort(ranges_.begin(), ranges_.end(), [](auto a, auto b) { return a.first < b.first; });
  size_t kept = 0;
  for (const CodePointRange range : ranges_) {
    if (kept > 0 && range.first <= ranges_[kept - 1].last + 1) {
      ranges_[kept - 1].last = std::max(ranges_[kept - 1].last, range.last);
    } else {
      ranges_[kept++] = range;
    }
  }
  ranges_.resize(kept);
}

}  // namespace slm
