// Strict JSON: what RFC 8259 allows, and no key twice, no more than `max_depth` levels, no more than `max_bytes`.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace slm {

struct JsonLimits {
  size_t max_bytes = size_t{1} << 30;
  int max_depth = 64;
};

/// Parses `text`; `origin` (a path) begins the message of an `Error` (kData), which names line and column (counted in
/// characters; `text` begins at `first_line`). Invalid UTF-8 is an error. Objects come out sorted by key; an integer
/// beyond 64 bits becomes a double.
nlohmann::json parse_json(std::string_view text, const std::string& origin, const JsonLimits& limits = {},
                          size_t first_line = 1);

/// `text` as a JSON string in quotes for a message: control characters escaped, invalid UTF-8 replaced, at most 100
/// bytes of it.
std::string quote_json(std::string_view text);

}  // namespace slm
