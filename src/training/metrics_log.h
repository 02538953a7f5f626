// metrics.jsonl: one JSON object a line, documented in docs/metrics.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace slm {

class MetricsLog {
 public:
  /// Opens for appending. Rows of steps after `last_step`, which a run that goes on from there will write again, are
  /// removed first, as is a last line that a crash left unfinished.
  MetricsLog(std::filesystem::path path, int64_t last_step);

  /// Appends a row and flushes. Error (kFailed) where the disk is full.
  void write(const nlohmann::ordered_json& row);

 private:
  std::filesystem::path path_;
  std::ofstream stream_;
};

}  // namespace slm
