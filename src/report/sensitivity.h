// How much each layer alone costs a model when it is quantized, and which ones to leave float: `slm inspect
// --sensitivity`.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "report/text_table.h"

namespace slm {

/// The float model with some of its layers quantized, against the float model.
struct SensitivityEntry {
  std::vector<std::string> layers = {};  // one, or those that share an input
  double loss_increase = 0;              // nats per token
  double kl_divergence = 0;              // mean of KL(float || quantized) per token, nats
  double top1_agreement = 1;
  int64_t bytes_saved = 0;  // by quantizing them
};

struct Sensitivity {
  std::string checkpoint = {}, scheme = {}, method = {};
  int64_t tokens = 0;                          // that everything was measured on
  double loss = 0;                             // of the float model, nats per token
  std::vector<SensitivityEntry> entries = {};  // the costliest first, by KL divergence
  SensitivityEntry all = {};                   // every layer quantized
  std::vector<std::string> exclude = {};       // the layers to leave float
  SensitivityEntry without_excluded = {};      // every layer but these quantized
};

/// The fewest entries that together have half of the entries' KL divergence: their layers. At least one entry, and at
/// least one is left out, unless there is only one.
std::vector<std::string> layers_to_exclude(const std::vector<SensitivityEntry>& entries);

/// The ranking, what everything costs with and without the excluded layers, and the key to paste into a config.
std::string sensitivity_text(const Sensitivity& sensitivity, const TextStyle& style);
nlohmann::ordered_json sensitivity_json(const Sensitivity& sensitivity);

}  // namespace slm
