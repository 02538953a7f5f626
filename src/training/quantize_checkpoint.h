// Post-training quantization as a whole: plan, calibrate, convert, compare with the float parent, save.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "config/training_config.h"
#include "core/signals.h"
#include "data/prepare.h"
#include "formats/save_transaction.h"
#include "model/token_batch.h"
#include "quantization/metadata.h"

namespace slm {

/// What a scheme is calibrated on: the first windows of the training text, in the order in which a run with this
/// data_seed reads them.
std::vector<TokenBatch> calibration_batches(const TrainingConfig& config, const PreparedData& data);

struct QuantizationJob {
  // Verified: a float folder, one of quantization-aware training, or a model under adapters, which is merged first.
  std::filesystem::path checkpoint;
  SaveTransaction& out;                // is committed
  const TrainingConfig& config;        // resolved, quantization_mode ptq, or qat as it was trained
  const PreparedData* data = nullptr;  // calibrates on its training text and compares on its validation text; may be
                                       // null where nothing is calibrated
  std::optional<std::filesystem::path> float_parent = {};  // with qat: the float model that is compared with
  const StopSignals* signals = nullptr;                    // asked after each layer and batch; may be null
};

/// Prints the plan to stdout before anything else happens, and progress to the log. Returns what was written to
/// quantization_metadata.json, or nothing, and `out` stays as it was, where a signal asked to stop. Errors as of each
/// part; (kUsage) where the scheme must be calibrated and there is no data.
std::optional<QuantizationMetadata> quantize_checkpoint(const QuantizationJob& job);

}  // namespace slm
