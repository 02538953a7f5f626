// From the bytes of drawn tokens to what a person sees: whole characters, and nothing from a stop string on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/utf8.h"

namespace slm {

class TextStream {
 public:
  explicit TextStream(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  /// Takes a token's bytes; returns what may be shown now. What could still begin a stop string is held back.
  std::string push(std::string_view bytes);
  /// The end: what was held back, unless a stop string was met.
  std::string finish();
  bool stopped() const { return stopped_; }

 private:
  std::string release(size_t count);

  std::vector<std::string> stops_;
  Utf8Streamer characters_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace slm
