// What a person asks of `slm inspect`, and the numbers that answer it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/model_folder.h"
#include "cli/checkpoint_text.h"
#include "config/quantization_config.h"
#include "report/inspection.h"
#include "report/sensitivity.h"

namespace slm::cli {

/// Batches to measure on where nothing else is said.
inline constexpr int64_t kUsualBatches = 8;

struct InspectArguments {
  std::string checkpoint, parent, data, page;
  std::optional<std::string> as;
  std::vector<std::string> layers;
  std::optional<int64_t> batches;
  bool json = false, sensitivity = false, by_input = false;
};

/// A checkpoint with what it would be quantized as.
struct Subject {
  std::filesystem::path path;
  LoadedModel loaded;
  std::optional<QuantizationConfig> as;  // what --as says
  std::unique_ptr<CheckpointText> text;  // where something is calibrated or measured
};

/// Reads and verifies the checkpoint. Errors as of each part; (kUsage) where --as or --sensitivity are asked of a
/// quantized one, or where something is given that has no effect.
Subject read_subject(const InspectArguments& arguments);

/// The layers that are asked for, and where there is a text and a parent what is lost inside the model and at its end.
Inspection inspect(Subject& subject, const InspectArguments& arguments);

/// See measure_sensitivity; progress goes to stderr.
Sensitivity sensitivity_of(Subject& subject, const InspectArguments& arguments);

}  // namespace slm::cli
