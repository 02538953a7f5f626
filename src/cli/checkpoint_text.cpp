#include "cli/checkpoint_text.h"

#include "config/load.h"
#include "config/resolve.h"
#include "core/error.h"
#include "data/chat/chat_template.h"
#include "training/builders.h"

namespace slm::cli {
namespace {

namespace fs = std::filesystem;

TrainingConfig config_of(const fs::path& checkpoint, const LoadedModel& loaded, const std::string& file) {
  const auto path = checkpoint / "training_config.yaml";
  if (file.empty() && !fs::exists(path)) {
    fail(ExitCode::kUsage, "{}: was not trained by slm, so it names no text; give one with --data",
         checkpoint.string());
  }
  auto config = fs::exists(path) ? load_training_config(path) : TrainingConfig();
  config.quantization = {};
  config.init_from.reset();
  config.model = model_config(loaded.model->config());
  if (!file.empty()) config.data = text_data(file, checkpoint);
  need_tokenizer(checkpoint);
  config.data.tokenizer = (checkpoint / "tokenizer.json").string();
  if (!config.micro_batch_size) config.micro_batch_size = kDefaultMicroBatchSize;
  if (!config.data_seed) config.data_seed = config.seed;
  return config;
}

}  // namespace

CheckpointText::CheckpointText(const fs::path& checkpoint, const LoadedModel& loaded, const std::string& file)
    : folder_("slm-inspect"),
      config_(config_of(checkpoint, loaded, file)),
      data_(prepare_data(config_.data, window(), folder_.path())) {
  if (data_.tokenizer->vocab_size() > loaded.tokenizer->vocab_size()) {  // the model knows nothing of what was added
    need_chat_tokens(*loaded.tokenizer, checkpoint.string());
  }
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

std::vector<at::Tensor> CheckpointText::ids_of_first_batches(int64_t batches) const {
  std::vector<at::Tensor> ids;
  for_each_scored_batch(validation(), window(), first_batches(batches),
                        [&](const ScoredBatch& batch) { ids.push_back(batch.inputs); }, {});
  return ids;
}

}  // namespace slm::cli
