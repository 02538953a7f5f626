// Which block of a transformer a parameter, a layer or a place of the tap belongs to, by its canonical name.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace slm {

/// What the names of everything within a block begin with; its number follows.
inline constexpr std::string_view kBlockPrefix = "model.layers.";

/// 3 for "model.layers.3.mlp.up_proj"; nothing for the embedding, the last norm and the head.
inline std::optional<int64_t> block_index(std::string_view name) {
  if (!name.starts_with(kBlockPrefix)) return std::nullopt;
  name.remove_prefix(kBlockPrefix.size());
  int64_t block = 0;
  const bool read = std::from_chars(name.data(), name.data() + name.size(), block).ec == std::errc();
  return read ? std::optional(block) : std::nullopt;
}

}  // namespace slm
