// Sets of Unicode code points without the surrogates, as sorted ranges.
#pragma once

#include <span>
#include <vector>

namespace slm {

/// Both ends belong to it.
struct CodePointRange {
  char32_t first, last;
};

class CodePointSet {
 public:
  CodePointSet() = default;
  /// The ranges may come in any order and overlap.
  explicit CodePointSet(std::span<const CodePointRange> ranges);

  void add(CodePointRange range);
  void add(const CodePointSet& other);
  CodePointSet complement() const;

  /// In order, with a gap between any two.
  const std::vector<CodePointRange>& ranges() const { return ranges_; }

 private:
  void normalize();
  std::vector<CodePointRange> ranges_;
};

}  // namespace slm
