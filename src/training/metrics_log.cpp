#include "training/metrics_log.h"

#include <string>

#include "core/error.h"
#include "core/file.h"

namespace slm {
namespace {

// The complete rows up to `last_step`.
std::string rows_to_keep(const std::filesystem::path& path, int64_t last_step) {
  const std::string text = read_file(path);
  std::string kept;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const auto row = nlohmann::json::parse(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                           text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    const bool readable = row.is_object() && row.contains("step") && row["step"].is_number_integer();
    if (readable && row["step"].get<int64_t>() <= last_step) kept.append(text, begin, end - begin + 1);
    begin = end + 1;
  }
  return kept;
}

}  // namespace

MetricsLog::MetricsLog(const MetricsPlaces& places, int64_t last_step) : path_(places.jsonl) {
  if (std::filesystem::exists(path_)) write_file_atomically(path_, rows_to_keep(path_, last_step));
  stream_.open(path_, std::ios::app | std::ios::binary);
  if (!stream_) fail(ExitCode::kFailed, "{}: cannot be opened for writing", path_.string());
  if (places.tensorboard) tensorboard_.emplace(*places.tensorboard, last_step + 1);
}

void MetricsLog::write(const nlohmann::ordered_json& row) {
  stream_ << row.dump() << '\n' << std::flush;
  if (!stream_) fail(ExitCode::kFailed, "{}: cannot be written (disk full?)", path_.string());
  if (tensorboard_) tensorboard_->write_scalars(row.at("step").get<int64_t>(), scalars_of(row));
}

void MetricsLog::write_sample(int64_t step, std::string_view text) {
  if (tensorboard_) tensorboard_->write_text(step, "samples", text);
}

}  // namespace slm
