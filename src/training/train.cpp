#include "training/train.h"

#include "checkpoint/checkpoint_store.h"
#include "config/describe.h"
#include "core/log.h"
#include "formats/save_transaction.h"
#include "kernels/device.h"
#include "model/hugging_face/config_json.h"
#include "model/model_size.h"
#include "model/model_tree.h"
#include "training/adapter_training.h"
#include "training/quantize_checkpoint.h"

namespace slm {

void describe_mixture(const TrainingSetup& setup) {
  const auto cursor = training_cursor(setup.config, setup.data);
  if (setup.data.train.size() == 1) return;
  for (size_t i = 0; i < setup.data.train.size(); ++i) {
    log_info("mixture: {} gives {} of the {} windows of an epoch, {:.2f} times its own {}",
             setup.config.data.train[i].path, cursor.windows_of(i), cursor.windows_per_epoch(),
             static_cast<double>(cursor.windows_of(i)) / static_cast<double>(cursor.windows_in(i)),
             cursor.windows_in(i));
  }
}

void describe_run(const TrainingSetup& setup) {
  const auto& shape = setup.loaded.model->config();
  log_info("the resolved config:\n{}", print_config(setup.config));
  log_info("the model:\n{}", model_tree(*setup.loaded.model));
  log_info(describe(shape));
  if (const auto fit = hugging_face_class(shape); fit.name.empty()) {
    log_warning("no class of transformers computes this model ({}); its checkpoints load in slm only", fit.why_none);
  } else if (fit.name == "GPT2LMHeadModel" && !shape.bias) {
    log_info("GPT2LMHeadModel always has biases: zeros are written, and not trained");
  } else if (fit.name == "Qwen2ForCausalLM" && !setup.config.init_from) {
    log_warning(
        "AutoTokenizer of transformers 5 takes Qwen2's own tokenizer for every Qwen2 folder; load this run's with "
        "PreTrainedTokenizerFast");
  }
  const auto& arena = *setup.loaded.arena;
  if (setup.adapters) {
    log_info("trained: {}", describe_adapters(setup));
  } else if (arena.trainable_size() < arena.size()) {
    log_info("frozen: {} of {} parameters", arena.size() - arena.trainable_size(), arena.size());
  }
  const int64_t tokens = setup.rows_per_step * *setup.config.model.max_sequence_length;
  log_info("{} steps of {} tokens: {} micro-batches of {} windows of {} tokens; {} threads", setup.total_steps, tokens,
           *setup.config.gradient_accumulation_steps, *setup.config.micro_batch_size,
           *setup.config.model.max_sequence_length, *setup.config.threads);
  log_info("device: {}", describe_device(setup.device));
  log_info("memory planned: {}", describe(setup.memory));
  describe_mixture(setup);
  if (setup.resumed) log_info("resumed at step {}", setup.progress.step);
}

namespace {

std::optional<std::filesystem::path> float_parent_of(const TrainingSetup& setup) {
  const auto folder = setup.folder.float_parent();
  return setup.qat && std::filesystem::exists(folder) ? std::optional(folder) : std::nullopt;
}

// The best checkpoint, else the latest, becomes the run's quantized model, in the place of one of an earlier end.
void quantize_result(const TrainingSetup& setup, const StopSignals& signals, TrainingOutcome& outcome) {
  if (setup.config.quantization.mode == "none") return;
  if (outcome.signal != 0 || outcome.save_failed) {
    log_warning("the run did not reach its end: nothing is quantized");
    return;
  }
  remove_stale_staging(setup.folder.root);
  SaveTransaction out(setup.folder.quantized(), Existing::kReplace);
  const auto done = quantize_checkpoint({.checkpoint = find_checkpoint(setup.folder.checkpoints()),
                                         .out = out,
                                         .config = setup.config,
                                         .data = &setup.data,
                                         .float_parent = float_parent_of(setup),
                                         .signals = &signals});
  outcome.signal = signals.requested();
  if (done) outcome.quantized = out.final_folder();
}

}  // namespace

TrainingOutcome train(const TrainingConfig& config, const std::string& config_text) {
  const StopSignals signals;
  auto setup = set_up_training(config);
  write_run_files(setup.folder, config_text, setup.config, setup.device);
  add_log_file(setup.folder.log());
  describe_run(setup);
  TrainingLoop loop(setup);
  auto outcome = loop.run(signals);
  const int64_t grown = memory_of(setup.device).peak - setup.bytes_before;
  log_info("memory: grew by {:.1f} MiB at most, planned were {:.1f}", static_cast<double>(grown) / (1 << 20),
           static_cast<double>(setup.memory.total()) / (1 << 20));
  quantize_result(setup, signals, outcome);
  return outcome;
}

}  // namespace slm
