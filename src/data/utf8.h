// UTF-8 (RFC 3629), strictly: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace slm {

/// What stands at one place of a text.
struct Utf8Character {
  enum class Kind {
    kValid,
    kInvalid,     // `length` bytes can begin no character
    kIncomplete,  // the text ends inside a character that is right so far
  };
  Kind kind;
  char32_t code_point = 0;  // where valid
  size_t length = 0;        // bytes; at least 1
};

/// The character that begins at `offset` < text.size().
Utf8Character decode_utf8(std::string_view text, size_t offset);

/// Appends a Unicode scalar value's bytes.
void append_utf8(std::string& text, char32_t code_point);

/// "'é' (U+00E9)"; control characters are shown by number only.
std::string show_character(char32_t code_point);

/// The length of `text` without the character that its end leaves unfinished.
size_t whole_characters(std::string_view text);

/// Cuts a stream of bytes into whole characters, for printing while tokens are still being drawn.
class Utf8Streamer {
 public:
  /// Takes the next bytes and returns every character that is now complete. Bytes that can begin no character come out
  /// as U+FFFD, one for each maximal wrong piece (Unicode 15, section 3.9).
  std::string push(std::string_view bytes);
  /// The end of the stream: U+FFFD if a character was left unfinished, else nothing.
  std::string finish();

 private:
  std::string pending_;
};

}  // namespace slm
