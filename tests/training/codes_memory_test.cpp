// What training the codes holds between its steps, by counting every tensor that is alive.
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <mutex>

#include "config/load.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "training/loop.h"
#include "training/train.h"

namespace slm {
namespace {

// The CPU's own allocator, counted.
class CountingAllocator final : public c10::Allocator {
 public:
  // There is one, which LibTorch's CPU tensors come from once it has been asked for.
  static CountingAllocator& instance() {
    static auto* const allocator = [] {
      auto* made = new CountingAllocator(c10::GetCPUAllocator());
      c10::SetCPUAllocator(made, /*priority=*/100);
      return made;
    }();
    return *allocator;
  }

  at::DataPtr allocate(size_t bytes) override {
    auto data = inner_->allocate(bytes);
    void* const at = data.get();
    if (!at) return data;
    const std::lock_guard lock(mutex_);
    alive_ += static_cast<int64_t>(bytes);
    held_[at] = {std::move(data), static_cast<int64_t>(bytes)};
    return {at, at, &release, at::kCPU};
  }
  at::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }

  int64_t alive() const { return alive_; }  // bytes

 private:
  explicit CountingAllocator(c10::Allocator* inner) : inner_(inner) {}

  static void release(void* at) {
    auto& self = instance();
    const std::lock_guard lock(self.mutex_);
    const auto found = self.held_.find(at);
    if (found == self.held_.end()) return self.inner_->raw_deallocate(at);  // from before there was counting
    self.alive_ -= found->second.second;
    self.held_.erase(found);
  }

  c10::Allocator* inner_;
  std::mutex mutex_;
  std::map<void*, std::pair<at::DataPtr, int64_t>> held_;
  int64_t alive_ = 0;
};

struct Way {
  const char* name;
  const char* parent;  // keys
  const char* keys;
};

class CodesMemory : public testing::TestWithParam<Way> {
 protected:
  TrainingConfig config(const std::string& output, const std::string& keys) {
    std::string text;
    for (int i = 0; i < 60; ++i) text += "It was the best of times, it was the worst of times.\n";
    if (!std::filesystem::exists(folder_ / "text.txt")) write_file_atomically(folder_ / "text.txt", text);
    const auto yaml =
        "model: {architecture: llama, max_sequence_length: 8, n_layers: 2, n_heads: 2, d_model: 64}\ndata: {train: '" +
        (folder_ / "text.txt").string() + "', validation_fraction: 0}\noutput_dir: '" + (folder_ / output).string() +
        "'\nresume: never\nmicro_batch_size: 2\nthreads: 1\nwarmup_steps: 0\neval_steps: 0\nsave_steps: 0\nmax_steps: "
        "4\n" +
        keys;
    return parse_training_config(yaml, "config.yaml");
  }

  TemporaryFolder folder_;
};

int64_t bytes_of(const StateDict& state) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : state) bytes += static_cast<int64_t>(tensor.nbytes());
  return bytes;
}

// Codes, scales, gradients and moments of the layers; parameters, gradients and moments of what is float.
int64_t bytes_that_belong(const TrainingSetup& setup) {
  const auto& arena = *setup.loaded.arena;
  int64_t bytes = static_cast<int64_t>(arena.parameters().nbytes() + arena.gradients().nbytes()) +
                  bytes_of(setup.optimizer->state()) + bytes_of(setup.codes->moments()) +
                  static_cast<int64_t>(setup.codes->gradients().nbytes());
  for (const auto& layer : setup.codes->layers()) {
    const auto& codes = *layer.linear->codes();
    bytes += static_cast<int64_t>(codes.stored().nbytes() + codes.scales().nbytes());
  }
  return bytes;
}

TEST_P(CodesMemory, BetweenStepsNoFloatCopyOfAWeightIsHeld) {
  train(config("parent", std::string("quantization_mode: ptq\nquantization_type: weight_only\n") + GetParam().parent),
        "");
  const int64_t before = CountingAllocator::instance().alive();
  auto setup = set_up_training(config("run", "enable_quantized_finetuning: true\ninit_from: '" +
                                                 (folder_ / "parent/quantized").string() + "'\n" + GetParam().keys));
  auto loader = make_loader(setup);
  constexpr int64_t kSmallest = 64 * 64 * sizeof(float);  // the smallest layer's weight in float32
  for (int64_t step = 0; step < 3; ++step) {
    train_step(step_parts(setup), loader.next(), 1e-3, step_settings(setup.config, step));
    const int64_t rest = CountingAllocator::instance().alive() - before - bytes_that_belong(setup);
    EXPECT_LE(rest, kSmallest / 2) << "step " << step;
    EXPECT_GE(rest, 0) << "step " << step;
  }
  // And the plan knows it: of what is held, scales are not in it, nor the ends of blocks that are not full.
  const double planned = static_cast<double>(setup.memory.state()),
               held = static_cast<double>(bytes_that_belong(setup));
  EXPECT_LE(std::abs(planned - held) / held, 0.02) << planned << " planned, " << held << " held";
}

INSTANTIATE_TEST_SUITE_P(
    Ways, CodesMemory,
    testing::Values(Way{"Int8", "", ""},
                    Way{"Int4KeptResidual", "quantization_bits: 4\nquantization_residual_bits: 4\n", ""},
                    Way{"Int4WideResidual", "quantization_bits: 4\n", "quantization_residual_bits: 8\n"},
                    Way{"Int8Bfloat16Moments", "", "optimizer_state_dtype: bfloat16\n"},
                    Way{"Int4Int8Moments", "quantization_bits: 4\n", "optimizer_state_dtype: int8\n"}),
    [](const auto& way) { return std::string(way.param.name); });

}  // namespace
}  // namespace slm
