// A row of metrics.jsonl, taken apart into named numbers.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace slm {

struct Scalar {
  std::string tag;  // "train/loss"
  double value;
};

/// Every number of a row but its step, at any depth, by the row's type and its keys ("evaluation/probes/recall"); null,
/// which stands for what is not finite, is NaN, and false and true are 0 and 1. The row must have a text `type`.
std::vector<Scalar> scalars_of(const nlohmann::json& row);

}  // namespace slm
