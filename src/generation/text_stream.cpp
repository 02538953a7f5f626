#include "generation/text_stream.h"

#include <algorithm>

namespace slm {
namespace {

// How many bytes at the end of `text` are a proper beginning of `stop`.
size_t begun(std::string_view text, std::string_view stop) {
  for (size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length) {
    if (stop.starts_with(text.substr(text.size() - length))) return length;
  }
  return 0;
}

}  // namespace

std::string TextStream::release(size_t count) {
  std::string shown = held_.substr(0, count);
  held_.erase(0, count);
  return shown;
}

std::string TextStream::push(std::string_view bytes) {
  if (stopped_) return {};
  held_ += characters_.push(bytes);
  size_t stop_at = std::string::npos, hold = 0;
  for (const auto& stop : stops_) {
    stop_at = std::min(stop_at, held_.find(stop));
    hold = std::max(hold, begun(held_, stop));
  }
  if (stop_at == std::string::npos) return release(held_.size() - hold);
  stopped_ = true;
  return release(stop_at);
}

std::string TextStream::finish() {
  if (stopped_) return {};
  held_ += characters_.finish();
  return release(held_.size());
}

}  // namespace slm
