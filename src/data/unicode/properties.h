// The classes of characters that patterns name, from the pinned tables.
#pragma once

#include <optional>
#include <string_view>

#include "data/unicode/code_point_set.h"

namespace slm::unicode {

/// What \p{name} matches: a general category ("Lu"), one of their groups ("L") or a script ("Han"); nothing for any
/// other name. As in Oniguruma, case, spaces, '-' and '_' do not matter.
std::optional<CodePointSet> property(std::string_view name);

/// What \s and \w match, and what Hugging Face's `Digits` takes for a digit.
CodePointSet white_space();
CodePointSet word();
CodePointSet numeric();

}  // namespace slm::unicode
