#include "training/run_progress.h"

#include <unistd.h>

#include <chrono>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/sha256.h"

namespace slm {
namespace {

constexpr int64_t kFormatVersion = 1;

template <class T>
T field(const nlohmann::json& json, const char* key, const std::string& origin) {
  try {
    return json.at(key).get<T>();
  } catch (const nlohmann::json::exception&) {
    fail(ExitCode::kData, "{}: {}: missing or of a wrong type", origin, key);
  }
}

// Of a key that early checkpoints lack.
template <class T>
T field_or(const nlohmann::json& json, const char* key, T missing, const std::string& origin) {
  return json.contains(key) ? field<T>(json, key, origin) : missing;
}

}  // namespace

std::string new_run_id() {
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return sha256_hex(fmt::format("{} {}", now, getpid())).substr(0, 16);
}

nlohmann::ordered_json to_json(const RunProgress& p) {
  nlohmann::ordered_json best = nullptr;
  if (p.best_loss) best = {{"step", p.best_step}, {"loss", *p.best_loss}};
  return {{"format_version", kFormatVersion},
          {"run_id", p.run_id},
          {"step", p.step},
          {"tokens", p.tokens},
          {"next_window", p.next_window},
          {"optimizer_steps", p.optimizer_steps},
          {"skipped_in_a_row", p.skipped_in_a_row},
          {"best", best},
          {"lowest_loss", p.lowest_loss ? nlohmann::ordered_json(*p.lowest_loss) : nlohmann::ordered_json()},
          {"evaluations_since_lowest", p.evaluations_since_lowest},
          {"seconds", p.seconds},
          {"data_hash", p.data_hash}};
}

RunProgress read_run_progress(const std::filesystem::path& path) {
  const std::string origin = path.string();
  const auto json = parse_json(read_file(path), origin);
  if (const auto version = field<int64_t>(json, "format_version", origin); version != kFormatVersion) {
    fail(ExitCode::kData, "{}: format_version {}, expected {}", origin, version, kFormatVersion);
  }
  RunProgress p{.run_id = field<std::string>(json, "run_id", origin),
                .step = field<int64_t>(json, "step", origin),
                .tokens = field<int64_t>(json, "tokens", origin),
                .next_window = field<int64_t>(json, "next_window", origin),
                .optimizer_steps = field<int64_t>(json, "optimizer_steps", origin),
                .skipped_in_a_row = field<int64_t>(json, "skipped_in_a_row", origin),
                .best_loss = std::nullopt,
                .lowest_loss = std::nullopt,
                .evaluations_since_lowest = field_or<int64_t>(json, "evaluations_since_lowest", 0, origin),
                .seconds = field<double>(json, "seconds", origin),
                .data_hash = field<std::string>(json, "data_hash", origin)};
  if (const auto best = field<nlohmann::json>(json, "best", origin); !best.is_null()) {
    p.best_step = field<int64_t>(best, "step", origin);
    p.best_loss = field<double>(best, "loss", origin);
  }
  const auto lowest = field_or<nlohmann::json>(json, "lowest_loss", nullptr, origin);
  p.lowest_loss = lowest.is_null() ? p.best_loss : std::optional(field<double>(json, "lowest_loss", origin));
  return p;
}

}  // namespace slm
