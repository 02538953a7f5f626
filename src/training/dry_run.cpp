#include "training/dry_run.h"

#include <ATen/ops/ones.h>
#include <c10/core/TensorOptions.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "core/signals.h"
#include "kernels/device.h"
#include "kernels/matrix_product.h"
#include "model/model_size.h"
#include "training/adapter_training.h"
#include "training/builders.h"
#include "training/loop.h"
#include "training/progress.h"
#include "training/train.h"

namespace slm {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double mib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

/// A fresh folder that goes away with everything in it.
class ScratchFolder {
 public:
  ScratchFolder() {
    auto pattern = (fs::temp_directory_path() / "slm-dry-run-XXXXXX").string();
    if (!mkdtemp(pattern.data())) {
      fail(ExitCode::kFailed, "{}: no temporary folder can be made there: {}", fs::temp_directory_path().string(),
           std::generic_category().message(errno));
    }
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Steps that were taken and forgotten.
struct Trial {
  StepResult first;
  size_t count = 0;
  double seconds = 0;  // median of a step
};

Trial take_steps(TrainingSetup& setup) {
  constexpr double kLongEnough = 1;
  auto loader = make_loader(setup);
  Trial trial;
  std::vector<double> seconds;
  const auto begin = Clock::now();
  do {
    const auto step = setup.progress.step + static_cast<int64_t>(seconds.size());
    const auto start = Clock::now();
    const auto batch = loader.next();
    if (setup.qat) setup.qat->begin_step(step, /*measured=*/false);
    const auto result =
        train_step(step_parts(setup), batch, learning_rate(setup.schedule, std::min(step, setup.total_steps - 1)),
                   step_settings(setup.config, step));
    if (seconds.empty()) trial.first = result;
    seconds.push_back(seconds_since(start));
  } while (seconds_since(begin) < kLongEnough);
  trial.count = seconds.size();
  const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  trial.seconds = *middle;
  return trial;
}

/// Floating point operations a second of the product that takes a block into the width of its MLP.
double product_speed(const TrainingSetup& setup) {
  constexpr double kLongEnough = 0.1;
  const auto& shape = setup.loaded.model->config();
  const int64_t rows = *setup.config.micro_batch_size * *setup.config.model.max_sequence_length;
  const auto options = at::TensorOptions(compute_dtype(setup.config)).device(setup.device);
  const auto x = at::ones({rows, shape.d_model}, options), w = at::ones({shape.d_ff, shape.d_model}, options);
  const auto multiply = [&] { product_with_transposed(x, w, {}).select(0, 0).select(0, 0).item<float>(); };
  multiply();  // the first one sets up
  int64_t count = 0;
  const auto begin = Clock::now();
  for (; count == 0 || seconds_since(begin) < kLongEnough; ++count) multiply();
  return 2 * static_cast<double>(rows * shape.d_model * shape.d_ff * count) / seconds_since(begin);
}

int64_t tokens_of_step(const TrainingSetup& setup) {
  return setup.rows_per_step * *setup.config.model.max_sequence_length;
}

std::string describe_time(TrainingSetup& setup, bool takes_steps) {
  const auto left = static_cast<double>(setup.total_steps - setup.progress.step);
  constexpr const char* kNotCounted = "evaluations, samples and checkpoints come on top";
  if (takes_steps) {
    const auto trial = take_steps(setup);
    return fmt::format("{} ({:.4f} s a step, median of {}; first: loss {:.4f}, gradient norm {:.3f}); {}",
                       format_duration(left * trial.seconds), trial.seconds, trial.count, trial.first.loss,
                       trial.first.gradient_norm, kNotCounted);
  }
  const double speed = product_speed(setup);
  const auto flops = static_cast<double>(model_size(setup.loaded.model->config()).training_flops_per_token) *
                     static_cast<double>(tokens_of_step(setup));
  return fmt::format(
      "at least {} ({:.4f} s a step, if all of it ran at the {:.1f} GFLOP/s of one product, measured now; a run "
      "takes 1 to 3 times that, --dry-run=step measures); {}",
      format_duration(left * flops / speed), flops / speed, speed / 1e9, kNotCounted);
}

int64_t training_tokens(const TrainingSetup& setup) {
  int64_t tokens = 0;
  for (const auto& part : setup.data.train) tokens += part.tokens->size();
  return tokens;
}

std::string describe_data(const TrainingSetup& setup, bool was_prepared) {
  const auto& data = setup.data;
  const auto validation = data.validation ? fmt::format("{} of validation", data.validation->size()) : "no validation";
  return fmt::format(
      "{} tokens of training, {}; vocabulary {}; {}", training_tokens(setup), validation, data.tokenizer->vocab_size(),
      was_prepared
          ? "prepared in " + data.folder.string()
          : fmt::format("not prepared in {} yet, so counted in a temporary folder", setup.folder.data().string()));
}

std::string describe_steps(const TrainingSetup& setup) {
  const auto& c = setup.config;
  const double tokens = static_cast<double>(setup.total_steps) * static_cast<double>(tokens_of_step(setup));
  const auto from = setup.progress.step > 0 ? fmt::format(", from step {} on", setup.progress.step) : "";
  return fmt::format("{} of {} tokens ({} micro-batches of {} windows of {}){}: {:.3g} tokens, {:.2f} passes over them",
                     setup.total_steps, tokens_of_step(setup), *c.gradient_accumulation_steps, *c.micro_batch_size,
                     *c.model.max_sequence_length, from, tokens, tokens / static_cast<double>(training_tokens(setup)));
}

std::string describe_memory(const TrainingSetup& setup) {
  const int64_t available = memory_of(setup.device).available;
  return describe(setup.memory) + (available > 0 ? fmt::format("; {:.0f} MiB are available", mib(available)) : "");
}

/// Bytes that are free where the folder will lie.
int64_t free_space(fs::path folder) {
  folder = fs::absolute(folder);
  while (!fs::exists(folder) && folder.has_relative_path()) folder = folder.parent_path();
  std::error_code ignored;
  return static_cast<int64_t>(fs::space(folder, ignored).available);
}

std::string describe_disk(const TrainingSetup& setup) {
  const auto& c = setup.config;
  int64_t bytes = setup.loaded.arena->size() * static_cast<int64_t>(sizeof(float));
  if (setup.adapters) bytes += trained_arena(setup).size() * static_cast<int64_t>(sizeof(float));
  for (const auto& [name, tensor] : setup.optimizer->state()) bytes += static_cast<int64_t>(tensor.nbytes());
  const int64_t saved = c.save_steps > 0 ? (setup.total_steps + c.save_steps - 1) / c.save_steps : 1;
  const int64_t kept = c.save_total_limit > 0 ? std::min(saved, c.save_total_limit) : saved;
  return fmt::format("{} checkpoints of {:.1f} MiB, {} kept: {:.1f} MiB; {:.0f} MiB are free in {}", saved, mib(bytes),
                     kept, mib(bytes * kept), mib(free_space(c.output_dir)), c.output_dir);
}

std::string plan_of(TrainingSetup& setup, bool was_prepared, bool takes_steps) {
  std::string plan;
  const auto add = [&](const char* label, const std::string& text) { plan += fmt::format("{:<8}{}\n", label, text); };
  add("model", describe(setup.loaded.model->config()));
  if (setup.adapters) add("trained", describe_adapters(setup));
  add("data", describe_data(setup, was_prepared));
  add("steps", describe_steps(setup));
  add("device",
      fmt::format("{}, {} threads, {}", describe_device(setup.device), *setup.config.threads, *setup.config.dtype));
  add("memory", describe_memory(setup));
  add("disk", describe_disk(setup));
  add("time", describe_time(setup, takes_steps));
  if (takes_steps) {
    add("grown",
        fmt::format("{:.1f} MiB at most while trying", mib(memory_of(setup.device).peak - setup.bytes_before)));
  }
  return plan;
}

}  // namespace

DryRun dry_run(const TrainingConfig& config, bool takes_steps) {
  const StopSignals signals;  // a stopped dry run removes its temporary folder as well
  const ScratchFolder scratch;
  auto setup = set_up_training(config, scratch.path());
  if (signals.requested() != 0) return {.plan = {}, .signal = signals.requested()};
  describe_run(setup);
  const bool was_prepared = setup.data.folder != scratch.path();
  return {.plan = plan_of(setup, was_prepared, takes_steps), .signal = signals.requested()};
}

}  // namespace slm
