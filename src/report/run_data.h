// What a run's folder says about the run: all that a report shows of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "report/series.h"

namespace slm {

struct RunSample {
  int64_t step;
  std::string text;
};

struct RunData {
  std::string name;                                              // the folder's
  std::map<std::string, Series> series;                          // by row type and keys ("train/loss")
  int64_t last_step = 0;                                         // of the rows
  bool finished = false;                                         // came to its end; else it goes on, or was stopped
  std::vector<RunSample> samples;                                // by rising step
  std::string config;                                            // config.resolved.yaml; empty where there is none
  std::map<std::string, std::string> settings;                   // the same by dotted key, values as YAML
  std::vector<std::pair<std::string, std::string>> environment;  // environment.json

  /// The series of that name; empty where the run has none.
  const Series& operator[](const std::string& name) const;
  /// The value of a key of the config, or "".
  std::string setting(const std::string& key) const;
};

/// Reads metrics.jsonl, and what there is of config.resolved.yaml, environment.json and samples/. A last line without
/// its end is passed over: the run is writing it. Error (kData) where metrics.jsonl is missing or has no row yet, and
/// naming the line of a row that is none.
RunData read_run(const std::filesystem::path& folder);

}  // namespace slm
