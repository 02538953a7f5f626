#include "data/batch.h"

#include <algorithm>

#include "core/error.h"
#include "core/ignored_target.h"

namespace slm {

void append_window(const TokenStream& tokens, int64_t start, bool isolate_documents, Batch& batch) {
  std::vector<int64_t> window(static_cast<size_t>(batch.length) + 1);
  tokens.copy(start, window);
  batch.inputs.insert(batch.inputs.end(), window.begin(), window.end() - 1);
  batch.targets.insert(batch.targets.end(), window.begin() + 1, window.end());
  const auto targets = batch.targets.end() - batch.length;
  for (const auto& [begin, end] : tokens.unscored(start + 1, start + 1 + batch.length)) {
    std::fill(targets + begin, targets + end, kIgnoredTarget);
  }
  if (isolate_documents) {
    window.pop_back();
    tokens.copy_document_starts(start, window);
    batch.document_starts.insert(batch.document_starts.end(), window.begin(), window.end());
  }
  ++batch.rows;
}

void check_holds_a_window(std::string_view role, int64_t token_count, int64_t sequence_length) {
  SLM_CHECK(sequence_length >= 1);
  if (token_count > sequence_length) return;
  fail(ExitCode::kData,
       "the {} text has {} tokens; one window takes {} (model.max_sequence_length {} and the token that follows); use "
       "more text or a shorter window",
       role, token_count, sequence_length + 1, sequence_length);
}

EvaluationWindows::EvaluationWindows(int64_t token_count, int64_t sequence_length, std::optional<int64_t> stride)
    : targets_(token_count - 1), sequence_length_(sequence_length), stride_(stride.value_or(sequence_length)) {
  check_holds_a_window("validation", token_count, sequence_length);
  SLM_CHECK(stride_ >= 1 && stride_ <= sequence_length);
  if (!stride) targets_ -= targets_ % sequence_length;
  size_ = 1 + (targets_ - sequence_length + stride_ - 1) / stride_;
}

EvaluationWindow EvaluationWindows::window(int64_t index) const {
  const int64_t start = index * stride_, end = std::min(start + sequence_length_, targets_);
  const int64_t counted = index == 0 ? 0 : start - stride_ + sequence_length_;  // by the windows before
  return {.start = start, .length = end - start, .scored = end - counted};
}

Batch EvaluationWindows::batch(const TokenStream& tokens, int64_t first, int64_t rows, bool isolate_documents) const {
  SLM_CHECK(first >= 0 && first < size_ && rows >= 1);
  Batch batch{.rows = 0, .length = window(first).length, .inputs = {}, .targets = {}};
  for (int64_t i = first; i < std::min(first + rows, size_) && window(i).length == batch.length; ++i) {
    append_window(tokens, window(i).start, isolate_documents, batch);
  }
  return batch;
}

}  // namespace slm
