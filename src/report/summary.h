// A run in a few numbers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/run_data.h"

namespace slm {

struct Fact {
  std::string name;   // "Validation loss"
  std::string value;  // "1.234"; empty where the run has none
  std::string note;   // "nats per token, lowest at step 1,000"
};

/// The same facts in the same order for every run.
std::vector<Fact> facts_of(const RunData& run);

/// "llama, 4 layers of width 128, 4 heads", from the config; "" without one.
std::string shape_of(const RunData& run);

/// "step 420 of 1,500", or without the end where it is not known.
std::string progress_of(const RunData& run);

/// The share of its steps that the run has done, from 0 to 1; nothing where its length is not known.
std::optional<double> share_done(const RunData& run);

}  // namespace slm
