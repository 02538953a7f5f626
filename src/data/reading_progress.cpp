#include "data/reading_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/log.h"

namespace slm {
namespace {

constexpr auto kLogEvery = std::chrono::seconds(10);

std::string show_bytes(int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  return bytes >= 1'000'000'000 ? fmt::format("{:.2f} GB", value / 1e9) : fmt::format("{:.1f} MB", value / 1e6);
}

}  // namespace

ReadingProgress::ReadingProgress(std::string what, int64_t total, int64_t before)
    : what_(std::move(what)),
      total_(total),
      before_(before),
      begun_(std::chrono::steady_clock::now()),
      logged_(begun_) {}

double ReadingProgress::seconds() const {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun_;
  return std::max(1e-9, passed.count());
}

void ReadingProgress::add(int64_t bytes) {
  done_ += bytes;
  const auto now = std::chrono::steady_clock::now();
  const bool to_log = !line_.is_live() && now - logged_ >= kLogEvery;
  if (!line_.is_live() && !to_log) return;
  const double speed = static_cast<double>(done_) / seconds();
  const int64_t left = std::max<int64_t>(0, total_ - before_ - done_);
  const auto text =
      fmt::format("data: {} {} of {}  {:.1f} MB/s  ETA {}", what_, show_bytes(before_ + done_), show_bytes(total_),
                  speed / 1e6, done_ > 0 ? format_duration(static_cast<double>(left) / speed) : "?");
  line_.show(text);
  if (!to_log) return;
  logged_ = now;
  log_info(text);
}

std::string ReadingProgress::summary() const {
  return fmt::format("{} in {} ({:.1f} MB/s)", show_bytes(done_), format_duration(seconds()),
                     static_cast<double>(done_) / 1e6 / seconds());
}

}  // namespace slm
