// The grammar of builtin:stories.
#pragma once

#include "data/stories/grammar.h"

namespace slm::stories {

/// A story is about ten short sentences and ends with an empty line. What a reader has to carry along: the names of
/// hero and friend (recall), subjects with another noun between them and their verb (agreement), numbers that change by
/// one (counting), quotes that are opened and must be closed (closing). No text has two derivations.
const Grammar& grammar();

/// The words of small numbers, "one" first.
const std::vector<std::string>& number_words();

/// The characters' names.
std::vector<std::string> names();

}  // namespace slm::stories
