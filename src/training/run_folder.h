// The folder of a run and the files in it that are written at its start.
#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <optional>

#include "config/training_config.h"

namespace slm {

/// Paths inside a run's folder.
struct RunFolder {
  explicit RunFolder(std::filesystem::path root_folder) : root(std::move(root_folder)) {}

  std::filesystem::path root;
  std::filesystem::path data() const { return root / "data"; }
  std::filesystem::path checkpoints() const { return root / "checkpoints"; }
  std::filesystem::path metrics() const { return root / "metrics.jsonl"; }
  std::filesystem::path tensorboard() const { return root / "tensorboard"; }
  std::filesystem::path samples() const { return root / "samples"; }
  std::filesystem::path quantized() const { return root / "quantized"; }
  // The model as quantization-aware training began.
  std::filesystem::path float_parent() const { return root / "float_parent"; }
  std::filesystem::path log() const { return root / "log.txt"; }
};

/// Whether a run has begun there.
bool holds_run(const RunFolder& folder);

/// What the config's `resume` means here: a verified checkpoint to go on from, or nothing for a new run. Error where
/// the folder holds a run and resume is never (kUsage), or where there is no checkpoint that resume asks for (kData).
std::optional<std::filesystem::path> checkpoint_to_resume(const TrainingConfig& config, const RunFolder& folder);

/// Writes config.yaml (as the person wrote it), config.resolved.yaml and environment.json.
void write_run_files(const RunFolder& folder, const std::string& config_text, const TrainingConfig& resolved,
                     at::Device device);

}  // namespace slm
