// The steps that a pre-tokenizer is made of; each cuts every piece of the step before it.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "data/bpe/pattern.h"
#include "data/bpe/word_matcher.h"
#include "data/unicode/code_point_set.h"

namespace slm {

/// Immutable, safe from several threads.
class SplitStage {
 public:
  virtual ~SplitStage() = default;

  /// Appends the pieces of `text`, valid UTF-8 and not empty, in order; no piece is empty.
  virtual void split(std::string_view text, std::vector<std::string_view>& pieces) const = 0;

  /// What is known about the place between a line feed that ends a line (no space before it) and an ASCII letter behind
  /// it.
  enum class LineStart {
    kUnknown,
    kWhole,  // this step cuts a text in the same places if it gets the two sides one after the other
    kCut,    // and it always cuts here
  };
  virtual LineStart at_line_start() const = 0;
};

/// What becomes of the matches of a `Split`, as Hugging Face names it.
enum class SplitBehavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

/// `Split`: the matches of a pattern, or with `invert` what lies between them.
class PatternStage final : public SplitStage {
 public:
  PatternStage(Pattern pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  void split(std::string_view text, std::vector<std::string_view>& pieces) const override;
  LineStart at_line_start() const override { return LineStart::kUnknown; }

 private:
  Pattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

/// One of the well-known patterns, which match everything.
class WordStage final : public SplitStage {
 public:
  explicit WordStage(WordMatcher matcher) : matcher_(matcher) {}
  void split(std::string_view text, std::vector<std::string_view>& pieces) const override { matcher_(text, pieces); }
  LineStart at_line_start() const override { return LineStart::kCut; }

 private:
  WordMatcher matcher_;
};

/// `Digits`: digits apart from the rest, each alone if `individual`.
class DigitsStage final : public SplitStage {
 public:
  explicit DigitsStage(bool individual);
  void split(std::string_view text, std::vector<std::string_view>& pieces) const override;
  LineStart at_line_start() const override { return LineStart::kWhole; }

 private:
  bool is_digit(char32_t code_point) const;

  bool individual_;
  CodePointSet digits_;
};

}  // namespace slm
