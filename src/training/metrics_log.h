// Where a run's numbers go: metrics.jsonl, one JSON object a line, documented in docs/metrics.md; and TensorBoard's
// event files with the same numbers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "formats/tensorboard_events.h"

namespace slm {

struct MetricsPlaces {
  std::filesystem::path jsonl;                       // the file
  std::optional<std::filesystem::path> tensorboard;  // folder of event files, where they are wanted
};

class MetricsLog {
 public:
  /// Opens for appending. Rows of steps after `last_step`, which a run that goes on from there will write again, are
  /// removed first, as is a last line that a crash left unfinished. TensorBoard gets a new file.
  MetricsLog(const MetricsPlaces& places, int64_t last_step);

  /// Appends a row, which has `type` and `step`, and flushes. Error (kFailed) where the disk is full.
  void write(const nlohmann::ordered_json& row);

  /// Generated text of a step, for TensorBoard alone: the run keeps it in samples/.
  void write_sample(int64_t step, std::string_view text);

 private:
  std::filesystem::path path_;
  std::ofstream stream_;
  std::optional<TensorBoardWriter> tensorboard_;
};

}  // namespace slm
