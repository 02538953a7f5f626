// How probable a text is under a grammar: an exhaustive search over its derivations.
#pragma once

#include <string_view>

#include "data/stories/grammar.h"

namespace slm::stories {

struct Derivations {
  int64_t count = 0;
  double log2_probability;  // of all of them together; -infinity where there are none
};

/// Every derivation of exactly `text` from rule `start`.
Derivations parse(const Grammar& grammar, std::string_view text, int start, const Memory& memory);

/// Every way in which a derivation can begin with `text`: log2 of the probability that a text begins so. A choice that
/// has written nothing within `text` yet counts with its whole probability, so `count` has no meaning for a reader.
Derivations parse_prefix(const Grammar& grammar, std::string_view text, int start, const Memory& memory);

}  // namespace slm::stories
