#include "checkpoint/checkpoint_store.h"

#include <algorithm>

#include "checkpoint/folder_files.h"
#include "checkpoint/model_folder.h"
#include "checkpoint/qat_folder.h"
#include "checkpoint/quantized_folder.h"
#include "checkpoint/tensor_io.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "formats/manifest.h"
#include "formats/save_transaction.h"
#include "quantization/metadata_json.h"

namespace slm {
namespace fs = std::filesystem;
namespace {

std::string step_folder(int64_t step) { return fmt::format("step-{:06}", step); }

std::optional<int64_t> step_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  constexpr std::string_view kPrefix = "step-";
  if (!name.starts_with(kPrefix) || name.size() == kPrefix.size() || name.size() > kPrefix.size() + 18) return {};
  int64_t step = 0;
  for (const char c : std::string_view(name).substr(kPrefix.size())) {
    if (c < '0' || c > '9') return {};
    step = 10 * step + (c - '0');
  }
  return step;
}

// `name`, or with a number where that is taken.
fs::path free_name(const fs::path& folder, const std::string& name) {
  auto path = folder / name;
  for (int i = 2; fs::exists(path); ++i) path = folder / fmt::format("{}-{}", name, i);
  return path;
}

}  // namespace

CheckpointStore::CheckpointStore(fs::path folder, std::string run_id, int64_t total_limit)
    : folder_(std::move(folder)), run_id_(std::move(run_id)), total_limit_(total_limit) {
  remove_stale_staging(folder_);
}

bool CheckpointStore::holds(int64_t step) const { return fs::exists(folder_ / step_folder(step) / "manifest.json"); }

fs::path CheckpointStore::save(int64_t step, const RunState& state, bool is_best) {
  auto target = folder_ / step_folder(step);
  const auto existing = list_checkpoints(folder_);
  SaveTransaction transaction(target);
  const auto& staging = transaction.staging();
  if (state.model) {
    write_quantized_folder(staging, *state.model, *state.quantization, state.tokenizer, &state.arena);
  } else {
    write_model_folder(staging, state.config, state.arena, state.tokenizer);
  }
  if (state.adapters) {
    write_adapter(staging / kAdapterFolder, state.config, state.adapter_info, state.adapters->weights());
  }
  if (state.quantization && !state.model) write_qat_files(staging, *state.quantization, state.qat_scales);
  save_tensors(staging / "optimizer.safetensors", state.optimizer);
  write_text(staging / kTrainerStateFile, state.trainer.dump(2) + "\n");
  write_text(staging / "training_config.yaml", state.training_config);
  const auto parent = existing.empty() ? std::nullopt : std::optional(existing[0].filename().string());
  transaction.commit({.kind = "checkpoint", .step = step, .run_id = run_id_, .parent = parent});
  replace_link(folder_ / "latest", target.filename());
  if (is_best) mark_best(step);
  rotate();
  return target;
}

void CheckpointStore::mark_best(int64_t step) { replace_link(folder_ / "best", step_folder(step)); }

void CheckpointStore::forget_best() { fs::remove(folder_ / "best"); }

void CheckpointStore::go_on_from(int64_t step, int64_t best_step) {
  for (const auto& checkpoint : list_checkpoints(folder_)) {
    if (*step_of(checkpoint) <= step) continue;
    const auto aside = free_name(folder_, std::string(kSupersededPrefix) + checkpoint.filename().string());
    fs::rename(checkpoint, aside);
    log_info("{}: set aside as {}", checkpoint.string(), aside.filename().string());
  }
  if (holds(step)) replace_link(folder_ / "latest", step_folder(step));
  if (best_step > 0 && holds(best_step)) return mark_best(best_step);
  forget_best();
}

void CheckpointStore::rotate() const {
  if (total_limit_ == 0) return;
  auto checkpoints = list_checkpoints(folder_);
  std::error_code missing;
  const auto best = fs::read_symlink(folder_ / "best", missing);
  auto excess = static_cast<int64_t>(checkpoints.size()) - total_limit_;
  for (auto oldest = checkpoints.rbegin(); oldest != checkpoints.rend() && excess > 0; ++oldest) {
    if (oldest->filename() == best || *oldest == checkpoints.front()) continue;
    remove_folder_safely(*oldest);
    --excess;
  }
}

std::vector<fs::path> list_checkpoints(const fs::path& folder) {
  std::vector<std::pair<int64_t, fs::path>> found;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const auto step = step_of(entry.path());
      if (step && !entry.is_symlink() && entry.is_directory()) found.emplace_back(*step, entry.path());
    }
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<fs::path> paths;
  for (auto& [step, path] : found) paths.push_back(std::move(path));
  return paths;
}

std::optional<fs::path> newest_verified_checkpoint(
    const fs::path& folder, const std::function<void(const fs::path&, const std::string&)>& passed_over) {
  for (const auto& checkpoint : list_checkpoints(folder)) {
    try {
      verify_folder(checkpoint);
      return checkpoint;
    } catch (const Error& error) {
      passed_over(checkpoint, error.what());
    }
  }
  return std::nullopt;
}

fs::path find_checkpoint(const fs::path& path) {
  if (!fs::exists(path)) fail(ExitCode::kData, "{}: no such folder; expected a checkpoint or a run", path.string());
  if (fs::exists(path / "config.json")) return path;
  for (const auto& folder : {path / "checkpoints", path}) {
    for (const char* link : {"best", "latest"}) {
      if (fs::exists(folder / link / "config.json")) return fs::weakly_canonical(folder / link);
    }
    if (const auto all = list_checkpoints(folder); !all.empty()) return all[0];
  }
  fail(ExitCode::kData,
       "{}: found neither config.json nor checkpoints/; expected a checkpoint, a run or a Hugging Face folder",
       path.string());
}

void verify_or_warn(const fs::path& folder) {
  if (fs::exists(folder / "manifest.json")) {
    verify_folder(folder);
    return;
  }
  for (const char* ours : {kTrainerStateFile, kQuantizationMetadataFile}) {
    if (fs::exists(folder / ours)) {
      fail(ExitCode::kData,
           "{}: holds {} but no manifest.json, so it was never completely saved; use another checkpoint",
           folder.string(), ours);
    }
  }
  log_warning("{}: no manifest.json; loaded unverified", folder.string());
}

}  // namespace slm
