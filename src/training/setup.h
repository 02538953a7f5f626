// Everything that a run needs before its first step, made from its config.
#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "checkpoint/model_folder.h"
#include "config/training_config.h"
#include "data/batch_loader.h"
#include "data/prepare.h"
#include "model/adapters.h"
#include "training/memory_plan.h"
#include "training/optimizer.h"
#include "training/qat.h"
#include "training/quantized_finetuning.h"
#include "training/run_folder.h"
#include "training/run_progress.h"
#include "training/schedule.h"

namespace slm {

struct TrainingSetup {
  TrainingConfig config;  // resolved
  at::Device device = at::kCPU;
  RunFolder folder;
  PreparedData data;
  int64_t rows_per_step = 0;
  int64_t total_steps = 0;
  ScheduleSettings schedule;
  LoadedModel loaded;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<Qat> qat;                    // null without quantization-aware training
  std::unique_ptr<QuantizedFinetuning> codes;  // null where no codes are trained
  std::unique_ptr<Adapters> adapters;          // null where the model itself is trained
  RunProgress progress;                        // of the checkpoint that is resumed, else at its beginning
  bool resumed = false;
  std::optional<std::filesystem::path> parent_read_from;  // of a resumed run that distills: its parent's folder
  MemoryPlan memory;
  int64_t bytes_before = 0;  // in use on the device before the model was made
};

/// The arena of what the run trains: the adapters' where there are some, else the model's.
const ParameterArena& trained_arena(const TrainingSetup& setup);

/// Optimizer steps of the run: as the config says, or as its epochs are long.
int64_t count_steps(const TrainingConfig& config, const PreparedData& data, int64_t rows_per_step);

/// The order in which a run reads its training windows. The config's length and seed are resolved.
MixtureCursor training_cursor(const TrainingConfig& config, const PreparedData& data);

/// Checks, prepares the data, resolves the config, builds the model and fills it: from the checkpoint that is resumed,
/// from init_from, or at random. Writes nothing but the prepared data; given a `scratch` folder, data that the run's
/// folder does not hold is prepared there. Errors as of each part; kOutOfMemory where the planned memory is larger than
/// what the device has left.
TrainingSetup set_up_training(TrainingConfig config,
                              const std::optional<std::filesystem::path>& scratch = std::nullopt);

}  // namespace slm
