// The patterns of GPT-2, Llama 3 and Qwen2 by hand: several times as fast as PCRE2, which stays their test's oracle.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace slm {

/// GPT-2's pattern, which `ByteLevel` uses.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Appends the matches of one of the patterns above, which together are the whole of `text`, valid UTF-8.
using WordMatcher = void (*)(std::string_view text, std::vector<std::string_view>& pieces);

/// The matcher of one of the patterns above; nothing for any other pattern.
std::optional<WordMatcher> word_matcher(std::string_view pattern);

}  // namespace slm
