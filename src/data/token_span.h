// A stretch of a sequence of tokens.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ranges>
#include <vector>

namespace slm {

/// Tokens begin .. end - 1.
struct TokenSpan {
  int64_t begin = 0, end = 0;

  bool operator==(const TokenSpan&) const = default;
};

/// As a file has it.
struct StoredTokenSpan {
  uint32_t begin = 0, end = 0;
};

/// What [begin, end) has of the spans (of either type, ascending), as distances from `begin`.
template <class Spans>
std::vector<TokenSpan> cut_out(const Spans& spans, int64_t begin, int64_t end) {
  std::vector<TokenSpan> found;
  auto it = std::ranges::partition_point(spans, [&](const auto& span) { return span.end <= begin; });
  for (; it != std::ranges::end(spans) && it->begin < end; ++it) {
    const TokenSpan cut{std::max<int64_t>(it->begin, begin) - begin, std::min<int64_t>(it->end, end) - begin};
    if (cut.begin < cut.end) found.push_back(cut);
  }
  return found;
}

/// Adds a span behind the others; one that touches the last is joined to it.
inline void append_span(std::vector<TokenSpan>& spans, const TokenSpan& span) {
  if (!spans.empty() && spans.back().end == span.begin) {
    spans.back().end = span.end;
  } else {
    spans.push_back(span);
  }
}

}  // namespace slm
