// How far a run has come: what trainer_state.json holds beside the optimizer's tensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace slm {

struct RunProgress {
  std::string run_id;           // hexadecimal, made when the run began
  int64_t step = 0;             // steps done
  int64_t tokens = 0;           // trained on
  int64_t next_window = 0;      // of the batch cursor
  int64_t optimizer_steps = 0;  // updates done: steps less the skipped ones
  int64_t skipped_in_a_row = 0;
  int64_t best_step = 0;  // of the best checkpoint; 0: none yet
  std::optional<double> best_loss;
  std::optional<double> lowest_loss;     // of all evaluations, saved or not
  int64_t evaluations_since_lowest = 0;  // in a row without a new one
  double seconds = 0;                    // spent in training, over all its parts
  std::string data_hash;                 // of tokenizer and tokens
};

/// A name for a new run, from the clock and the process.
std::string new_run_id();

nlohmann::ordered_json to_json(const RunProgress& progress);

/// Reads trainer_state.json. Error (kData) naming the key that is missing or wrong.
RunProgress read_run_progress(const std::filesystem::path& path);

}  // namespace slm
