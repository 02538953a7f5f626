// A batch of windows, and the windows of an evaluation.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "data/token_stream.h"

namespace slm {

/// Windows side by side, row-major (rows, length). targets[r][t] is the token that follows inputs[r][t], or
/// kIgnoredTarget where that one carries no loss.
struct Batch {
  int64_t rows = 0;
  int64_t length = 0;  // T
  std::vector<int64_t> inputs;
  std::vector<int64_t> targets;
  /// Where documents are isolated: for each input the place in its row where its document begins. Else empty.
  std::vector<int64_t> document_starts = {};
};

/// Adds a row: tokens start .. start + batch.length.
void append_window(const TokenStream& tokens, int64_t start, bool isolate_documents, Batch& batch);

/// Error (kData) naming the counts where `token_count` < `sequence_length` + 1; `role` is "training" or "validation".
void check_holds_a_window(std::string_view role, int64_t token_count, int64_t sequence_length);

/// One window of an evaluation: `length` inputs from token `start` on, each with the token that follows it as target,
/// of which the last `scored` count.
struct EvaluationWindow {
  int64_t start = 0, length = 0, scored = 0;
};

/// The windows of T tokens that cover a text, in its order.
///
/// Without a stride they do not overlap, and a tail shorter than T targets is left out. With a stride of N <= T tokens
/// window i begins at token i N; the first counts all its targets and each later one those that no earlier one counted,
/// N of them, so that every target but the first T has more than T - N tokens before it. The last one ends with the
/// text. Those are the windows of Hugging Face's guide "Perplexity of fixed-length models" for max_length T + 1, which
/// counts a window's last target among its tokens.
class EvaluationWindows {
 public:
  /// Error (kData) naming the counts where not even one window fits.
  EvaluationWindows(int64_t token_count, int64_t sequence_length, std::optional<int64_t> stride = std::nullopt);

  int64_t size() const { return size_; }
  /// That count.
  int64_t targets() const { return targets_; }
  EvaluationWindow window(int64_t index) const;

  /// Windows first .. min(first + rows, size()) - 1, or fewer: the text's end may leave fewer rows, and a last window
  /// shorter than the others is alone.
  Batch batch(const TokenStream& tokens, int64_t first, int64_t rows, bool isolate_documents = false) const;

 private:
  int64_t targets_;
  int64_t sequence_length_, stride_;
  int64_t size_;
};

}  // namespace slm
