// The fixture of tests that train from the outside.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/process.h"
#include "core/file.h"
#include "core/sha256.h"

namespace slm {

inline constexpr int kUsage = 2, kData = 3, kDiverged = 5;

inline constexpr const char* kText =
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it "
    "was the epoch of belief, it was the epoch of incredulity, it was the season of light, it was the season of "
    "darkness, it was the spring of hope, it was the winter of despair.\n";

// A model that trains in a second.
class TrainCommand : public testing::Test {
 protected:
  TrainCommand() : text_(folder_.file("text.txt", repeated(20))), config_(folder_.file("config.yaml", config())) {}

  static std::string repeated(int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += kText;
    return text;
  }

  std::string config() const {
    return "model: {architecture: llama, max_sequence_length: 16, n_layers: 2, n_heads: 2, d_model: 16}\n"
           "data: {train: '" +
           text_ +
           "'}\n"
           "output_dir: '" +
           (folder_ / "run").string() +
           "'\n"
           "max_steps: 12\nmicro_batch_size: 4\nwarmup_steps: 2\nthreads: 1\n"
           "logging_steps: 1\neval_steps: 6\nsave_steps: 3\nsave_total_limit: 0\n";
  }

  ProcessResult train(const std::vector<std::string>& overrides = {}) const {
    std::vector<std::string> arguments{"train", config_};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    return run_slm(arguments);
  }

  std::filesystem::path run(const std::string& name = "run") const { return folder_ / name; }
  std::string to(const std::string& name) const { return "output_dir=" + run(name).string(); }

  // Hashes of what a step depends on.
  static std::string state(const std::filesystem::path& checkpoint) {
    return sha256_hex(read_file(checkpoint / "model.safetensors")) + " " +
           sha256_hex(read_file(checkpoint / "optimizer.safetensors"));
  }

  // metrics.jsonl without what the clock decides.
  static std::vector<nlohmann::json> metrics(const std::filesystem::path& run) {
    std::istringstream lines(read_file(run / "metrics.jsonl"));
    std::vector<nlohmann::json> rows;
    for (std::string line; std::getline(lines, line);) {
      auto row = nlohmann::json::parse(line);
      for (const char* key : {"step_seconds", "tokens_per_second", "memory_mib", "seconds", "grown"}) row.erase(key);
      rows.push_back(row);
    }
    return rows;
  }

  TestFolder folder_;
  std::string text_, config_;
};

}  // namespace slm
