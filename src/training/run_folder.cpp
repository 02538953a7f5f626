#include "training/run_folder.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint_store.h"
#include "config/describe.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "formats/manifest.h"
#include "kernels/device.h"

namespace slm {
namespace {

nlohmann::ordered_json environment(at::Device device) {
  return {{"slm", SLM_VERSION},
          {"libtorch", TORCH_VERSION},
          {"compiler", __VERSION__},
          {"device", describe_device(device)},
          {"threads", at::get_num_threads()},
          {"instruction_sets", at::get_cpu_capability()}};
}

}  // namespace

bool holds_run(const RunFolder& folder) {
  return std::filesystem::exists(folder.metrics()) || !list_checkpoints(folder.checkpoints()).empty();
}

std::optional<std::filesystem::path> checkpoint_to_resume(const TrainingConfig& config, const RunFolder& folder) {
  if (config.resume == "never") {
    if (!holds_run(folder)) return std::nullopt;
    fail(ExitCode::kUsage,
         "output_dir: {} already holds a run; use resume=auto to go on with it, or another output_dir",
         folder.root.string());
  }
  if (config.resume != "auto" && config.resume != "must") {
    verify_folder(config.resume);
    return config.resume;
  }
  if (config.resume == "must") {
    const auto all = list_checkpoints(folder.checkpoints());
    if (all.empty()) {
      fail(ExitCode::kData, "resume: must, but {} holds no checkpoint", folder.checkpoints().string());
    }
    verify_folder(all[0]);
    return all[0];
  }
  return newest_verified_checkpoint(folder.checkpoints(), [](const auto& checkpoint, const std::string& reason) {
    log_warning("{}: passed over: {}", checkpoint.string(), reason);
  });
}

void write_run_files(const RunFolder& folder, const std::string& config_text, const TrainingConfig& resolved,
                     at::Device device) {
  make_folder(folder.root);
  write_file_atomically(folder.root / "config.yaml", config_text);
  write_file_atomically(folder.root / "config.resolved.yaml", print_config(resolved));
  write_file_atomically(folder.root / "environment.json", environment(device).dump(2) + "\n");
}

}  // namespace slm
