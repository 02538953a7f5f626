// Tokens for people to look at in a terminal.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/tokenizer.h"

namespace slm::cli {

/// The pieces of text behind the ids, then the ids themselves, then their counts, each on lines of their own. With
/// `colored` neighbours have different backgrounds; otherwise a | stands between them. Nothing of the text reaches the
/// terminal as a control character: \n stands before a line's end, \xNN for the others and for what is not UTF-8.
std::string token_view(const Tokenizer& tokenizer, std::span<const int32_t> ids, bool colored);

}  // namespace slm::cli
