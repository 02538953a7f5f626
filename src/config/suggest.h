// "did you mean": the nearest of some names by edit distance.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace slm {

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
int edit_distance(std::string_view a, std::string_view b);

/// The nearest of `names` that is close enough to be what was meant: an edit for every three characters, at least one.
std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string> names);

/// The same for dotted keys; a key of the same block wins over an equally near one elsewhere, and a key is also
/// compared without its block, so that `n_layers` finds `model.n_layers`.
std::optional<std::string> nearest_key(std::string_view key, std::span<const std::string> keys);

}  // namespace slm
