// Patterns of names.
#pragma once

#include <string_view>

namespace slm {

/// Whether the whole of `name` matches `pattern`, in which `*` stands for any characters (none, and dots, too), `?` for
/// one character, and everything else for itself.
bool glob_matches(std::string_view pattern, std::string_view name);

}  // namespace slm
