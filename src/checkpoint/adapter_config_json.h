// adapter_config.json of peft, read and written.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/adapter_folder.h"

namespace slm {

/// `modules`: paths of the class's modules that have an adapter. Conv1D, whose weights are transposed, is said to peft.
nlohmann::ordered_json write_adapter_config(const AdapterInfo& info, const std::vector<std::string>& modules,
                                            bool is_conv1d);

/// What reading needs of it.
struct ReadAdapterConfig {
  int64_t rank = 0;
  double scale = 1;  // of B A
};

/// Error (kData) beginning with `origin` for another kind of adapter, and for every setting that changes what the
/// adapter computes and is not done here.
ReadAdapterConfig read_adapter_config(const nlohmann::json& json, const std::string& origin);

}  // namespace slm
