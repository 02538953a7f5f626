#include "cli/checkpoint_text.h"

#include "core/error.h"

namespace slm::cli {
namespace {

namespace fs = std::filesystem;

TrainingConfig config_of(const fs::path& checkpoint, const std::string& file) {
  if (file.empty() && !is_of_run(checkpoint)) {
    fail(ExitCode::kUsage, "{}: was not trained by slm, so it names no text; give one with --data",
         checkpoint.string());
  }
  need_tokenizer(checkpoint);
  auto config = checkpoint_config(checkpoint, {}, file);
  config.quantization = {};
  return config;
}

}  // namespace

CheckpointText::CheckpointText(const fs::path& checkpoint, const LoadedModel& loaded, const std::string& file)
    : folder_("slm-inspect"),
      config_(config_of(checkpoint, file)),
      data_(prepare_data(config_.data, window(), folder_.path())) {
  refuse_new_tokens(data_, *loaded.tokenizer, checkpoint);
  if (!data_.validation) {
    fail(ExitCode::kUsage, "{}: keeps no validation text to measure on; give a text with --data", checkpoint.string());
  }
}

EvaluationSettings CheckpointText::first_batches(int64_t batches) const {
  return {.batch_size = *config_.micro_batch_size,
          .max_batches = batches,
          .stride = std::nullopt,
          .isolate_documents = config_.data.isolate_documents};
}

std::vector<TokenBatch> CheckpointText::token_batches(int64_t batches) const {
  std::vector<TokenBatch> found;
  for_each_scored_batch(validation(), window(), first_batches(batches),
                        [&](const ScoredBatch& batch) {
                          found.push_back({batch.inputs, batch.document_starts});
                        },
                        {});
  return found;
}

}  // namespace slm::cli
