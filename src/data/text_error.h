// An error at a place of a text that is read in pieces.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/error.h"

namespace slm {

/// Where in a text something stands.
struct TextPlace {
  int64_t line = 1, column = 1;  // the column counts characters
  int64_t byte = 0;              // from the text's beginning
};

/// The place of a byte of `text`, which begins at `begin`.
TextPlace place_of(std::string_view text, size_t offset, const TextPlace& begin = {});

/// The place of a byte of a file. Reads everything before it, so it is for messages only.
TextPlace place_in_file(const std::filesystem::path& path, int64_t byte);

/// Error (kData) "origin:line:column: ...", of something that the text holds.
class TextError : public Error {
 public:
  /// `before` and `after` are what is said on both sides of the byte's number.
  TextError(std::string origin, const TextPlace& place, std::string before, std::string after);

  /// The same error where the text that was read begins at `begin` of a longer one.
  TextError after(const TextPlace& begin) const;

 private:
  std::string origin_;
  TextPlace place_;
  std::string before_, after_;
};

}  // namespace slm
