// `slm merge`: adapters and the model below them become one float model.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "checkpoint/adapted_model.h"
#include "checkpoint/checkpoint_store.h"
#include "checkpoint/folder_files.h"
#include "cli/checkpoint_data.h"
#include "cli/commands.h"
#include "config/describe.h"
#include "core/error.h"
#include "core/log.h"
#include "evaluation/divergence.h"
#include "formats/manifest.h"
#include "formats/save_transaction.h"

namespace slm::cli {
namespace {

namespace fs = std::filesystem;

struct MergeArguments {
  std::string checkpoint, out, adapter, data;
};

// The adapter's folder: the one that is named, or the checkpoint's own.
fs::path adapter_of(const MergeArguments& arguments, const fs::path& checkpoint) {
  if (!arguments.adapter.empty()) return arguments.adapter;
  if (has_adapter(checkpoint)) return checkpoint / kAdapterFolder;
  fail(ExitCode::kUsage, "{}: has no adapters to merge; name a folder of one with --adapter", checkpoint.string());
}

LoadedModel read_adapted(const MergeArguments& arguments, const fs::path& checkpoint) {
  return arguments.adapter.empty() ? read_model_folder(checkpoint) : read_with_adapter(checkpoint, arguments.adapter);
}

// Over the text that there is; nothing, and a line that says so, where there is none.
void print_divergence(const TrainingConfig& config, const fs::path& checkpoint, const LoadedModel& adapted,
                      const LoadedModel& merged) {
  const ScratchFolder folder("slm-merge");
  const auto data = prepare_data(config.data, *config.model.max_sequence_length, folder.path());
  refuse_new_tokens(data, *merged.tokenizer, checkpoint);
  if (!data.validation) {
    log_info("no validation text: the merged model is not compared with the adapted one");
    return;
  }
  const auto result =
      compare_predictions(*adapted.model, *merged.model, *data.validation, *config.model.max_sequence_length,
                          {.batch_size = *config.micro_batch_size, .isolate_documents = config.data.isolate_documents});
  fmt::print("validation loss {:.6f} adapted, {:.6f} merged ({:+.2e})\n", result.loss_first, result.loss_second,
             result.loss_difference());
  fmt::print("KL {:.2e}, top-1 agreement {:.5f}, over {} tokens\n", result.kl_divergence, result.top1_agreement,
             result.tokens);
}

int64_t step_of(const fs::path& checkpoint) {
  return fs::exists(checkpoint / kManifestFile) ? read_manifest(checkpoint).info.step : 0;
}

void run_merge(const MergeArguments& arguments) {
  const auto checkpoint = find_checkpoint(arguments.checkpoint);
  const auto adapter = adapter_of(arguments, checkpoint);
  verify_or_warn(checkpoint);
  if (!arguments.data.empty()) need_tokenizer(checkpoint);
  SaveTransaction out(arguments.out);
  const auto adapted = read_adapted(arguments, checkpoint);
  const auto merged = read_merged(checkpoint, adapter);
  write_model_folder(out.staging(), merged.model->config(), *merged.arena, merged.tokenizer.get());
  if (merged.tokenizer && (!arguments.data.empty() || is_of_run(checkpoint))) {
    const auto config = checkpoint_config(checkpoint, {}, arguments.data);
    print_divergence(config, checkpoint, adapted, merged);
    write_text(out.staging() / "training_config.yaml", print_config(config));
  } else {
    log_info("no text: the merged model is not compared with the adapted one; give one with --data");
  }
  out.commit({.kind = "merged", .step = step_of(checkpoint), .run_id = {}, .parent = checkpoint.string()});
  fmt::print("merged checkpoint {}\n", arguments.out);
}

}  // namespace

void add_merge(CLI::App& app, int&) {
  auto* command = app.add_subcommand("merge", "Make one float model of a model and the adapters over it");
  auto arguments = std::make_shared<MergeArguments>();
  command
      ->add_option("checkpoint", arguments->checkpoint,
                   "Checkpoint or run that trained adapters, or with --adapter any")
      ->required();
  command->add_option("out", arguments->out, "Folder of the merged checkpoint; must not exist")->required();
  command->add_option("--adapter", arguments->adapter,
                      "Folder of a LoRA adapter, as peft saves one, for a checkpoint that has none of its own");
  command->add_option("--data", arguments->data,
                      "Text over whose end the merged model is compared with the adapted one: a file, builtin:stories "
                      "or builtin:chat; the data of the checkpoint's run if not given");
  command->footer(
      "The weights of a quantized model are those that its codes stand for; slm quantize merges and quantizes again.\n"
      "Examples:\n"
      "  slm merge runs/qlora_int4 merged\n"
      "  slm merge qwen/ merged --adapter peft_adapter/ --data corpus.txt");
  command->callback([arguments] { run_merge(*arguments); });
}

}  // namespace slm::cli
