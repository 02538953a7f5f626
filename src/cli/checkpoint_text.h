// A text as a checkpoint reads it, ready to measure and to calibrate on.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/model_folder.h"
#include "cli/checkpoint_data.h"
#include "config/training_config.h"
#include "data/prepare.h"
#include "evaluation/scored_batches.h"
#include "model/token_batch.h"

namespace slm::cli {

class CheckpointText {
 public:
  /// Prepares `file` (or a built-in corpus) in the checkpoint's tokenizer, or where `file` is empty the data of the
  /// checkpoint's own run. Errors (kUsage) where it has none, or where there is no validation text; as of prepare_data.
  CheckpointText(const std::filesystem::path& checkpoint, const LoadedModel& loaded, const std::string& file);

  /// The run's settings; quantization_mode none.
  const TrainingConfig& config() const { return config_; }
  const PreparedData& data() const { return data_; }

  const TokenStream& validation() const { return *data_.validation; }
  int64_t window() const { return *config_.model.max_sequence_length; }
  /// The first `batches` batches of the validation text.
  EvaluationSettings first_batches(int64_t batches) const;
  std::vector<TokenBatch> token_batches(int64_t batches) const;

 private:
  ScratchFolder folder_;
  TrainingConfig config_;
  PreparedData data_;
};

}  // namespace slm::cli
