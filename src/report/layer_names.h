// The names of linear layers: shortened for a narrow table, and found by what a person types.
#pragma once

#include <string>
#include <vector>

namespace slm {

/// "0.self_attn.q_proj" for model.layers.0.self_attn.q_proj; other names as they are. select_layers understands it.
std::string short_layer_name(const std::string& name);

/// "q_proj": what layers of different blocks have in common.
std::string layer_kind(const std::string& name);

/// The names that `pattern` means: a name, a glob over names or short names, or how a single name ends.
/// Error (kUsage) beginning with `origin`, with the nearest names where it means none, and with what it could mean
/// where it is the end of several.
std::vector<std::string> select_layers(const std::vector<std::string>& names, const std::string& pattern,
                                       const std::string& origin);

}  // namespace slm
