#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/model_folder.h"
#include "checkpoint/tensor_io.h"
#include "cli/adapter_option.h"
#include "cli/commands.h"
#include "cli/device_option.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "kernels/device.h"

namespace slm::cli {
namespace {

struct LogitsArguments {
  std::string checkpoint, ids_file, out, adapter;
  std::optional<std::string> device;
  std::vector<int64_t> ids;
  bool tap = false;
};

using Rows = std::vector<std::vector<int64_t>>;

// [[5, 9], [2, 7]], or [5, 9] for a single row.
Rows read_ids_file(const std::string& path) {
  const auto json = parse_json(read_file(path), path);
  try {
    if (json.is_array() && !json.empty() && json[0].is_array()) return json.get<Rows>();
    return {json.get<std::vector<int64_t>>()};
  } catch (const nlohmann::json::exception&) {
    fail(ExitCode::kData, "{}: expected a list of ids, or a list of rows of ids", path);
  }
}

void check_rows(const Rows& rows, const TransformerConfig& config) {
  for (const auto& row : rows) {
    if (row.empty() || row.size() != rows[0].size()) {
      fail(ExitCode::kData, "ids: rows of {} and {} ids; expected equally many, at least one", rows[0].size(),
           row.size());
    }
    if (static_cast<int64_t>(row.size()) > config.max_sequence_length) {
      fail(ExitCode::kData, "ids: {} in a row, but the model sees at most {}", row.size(), config.max_sequence_length);
    }
    for (const int64_t id : row) {
      if (id < 0 || id >= config.vocab_size) {
        fail(ExitCode::kData, "ids: found {}, expected 0 to {}", id, config.vocab_size - 1);
      }
    }
  }
}

void run_logits(const LogitsArguments& arguments) {
  const auto rows = arguments.ids_file.empty() ? Rows{arguments.ids} : read_ids_file(arguments.ids_file);
  const auto checkpoint = find_checkpoint(arguments.checkpoint);
  verify_or_warn(checkpoint);
  const auto loaded = read_under_adapter(checkpoint, arguments.adapter, {.device = choose_device(arguments.device)});
  check_rows(rows, loaded.model->config());
  std::vector<int64_t> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  const auto ids = at::tensor(flat, at::kLong).view({static_cast<int64_t>(rows.size()), -1});  // (B, T)

  const c10::InferenceMode inference;
  StateDict tensors;
  const Tap tap = [&](std::string_view name, const at::Tensor& value) {
    tensors.push_back({std::string(name), value});
  };
  const auto logits = loaded.model->logits(ids, arguments.tap ? &tap : nullptr);
  tensors.push_back({"logits", logits});
  save_tensors(arguments.out, tensors);
  fmt::print("{}: logits ({}, {}, {}){}\n", arguments.out, logits.size(0), logits.size(1), logits.size(2),
             arguments.tap ? fmt::format(" and {} tapped tensors", tensors.size() - 1) : "");
}

}  // namespace

void add_logits(CLI::App& app, int&) {
  auto* command = app.add_subcommand("logits", "Save the logits of token ids, and every tensor on the way");
  auto arguments = std::make_shared<LogitsArguments>();
  command->add_option("checkpoint", arguments->checkpoint, "Checkpoint, run or Hugging Face folder")->required();
  auto* ids = command->add_option("--ids", arguments->ids, "Token ids: 5,9,2")->delimiter(',');
  auto* file = command->add_option("--ids-file", arguments->ids_file, "JSON file: a list of ids, or of rows of ids");
  ids->excludes(file);
  command->add_option("--out", arguments->out, "File to write: logits (B, T, V) float32")->required();
  command->add_flag("--tap", arguments->tap,
                    "Also hidden.embeddings, attention.<i>, mlp.<i>, hidden.block.<i>, hidden.final");
  add_adapter_option(*command, arguments->adapter);
  add_device_option(*command, arguments->device);
  command->footer(
      "Examples:\n"
      "  slm logits runs/quickstart --ids 5,9,2 --out logits.safetensors\n"
      "  slm logits runs/quickstart --ids-file rows.json --out all.safetensors --tap");
  command->callback([arguments, ids, file] {
    if (ids->count() + file->count() == 0) fail(ExitCode::kUsage, "slm logits needs --ids or --ids-file");
    run_logits(*arguments);
  });
}

}  // namespace slm::cli
