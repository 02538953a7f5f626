// Training that quantizes stops and goes on at any step: every checkpoint of a run leads to the next one, bit for bit,
// through the start of quantization-aware training, the freezing of the ranges, and the end.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "config/load.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "training/loop.h"
#include "training/train.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

constexpr int kSteps = 100;

struct Mode {
  const char* name;
  const char* keys;
  const char* init = nullptr;  // keys with which the quantized model is made that the run goes on from
};

class QuantizedResume : public testing::TestWithParam<Mode> {
 protected:
  QuantizedResume() {
    std::string text;
    for (int i = 0; i < 60; ++i)
      text += "It was the best of times, it was the worst of times, it was the age of wisdom.\n";
    write_file_atomically(folder_ / "text.txt", text);
  }

  TrainingConfig config(const std::string& output, const std::string& resume) const {
    const auto init = GetParam().init ? "init_from: '" + (folder_ / "parent" / "quantized").string() + "'\n" : "";
    return parse(output, resume, "learning_rate: 3e-3\nsave_steps: 1\nmax_steps: 100\n" + init + GetParam().keys);
  }

  TrainingConfig parent_config() const {
    return parse("parent", "never",
                 std::string("save_steps: 0\nmax_steps: 20\nquantization_mode: ptq\n") + GetParam().init);
  }

  TrainingConfig parse(const std::string& output, const std::string& resume, const std::string& keys) const {
    const auto yaml =
        "model: {architecture: llama, max_sequence_length: 16, n_layers: 1, n_heads: 2, d_model: 16}\n"
        "data: {train: '" +
        (folder_ / "text.txt").string() + "', validation_fraction: 0}\noutput_dir: '" + (folder_ / output).string() +
        "'\nresume: '" + resume +
        "'\nmicro_batch_size: 2\nthreads: 1\nwarmup_steps: 5\nlogging_steps: 50\neval_steps: 0\n"
        "save_total_limit: 0\n" +
        keys;
    return parse_training_config(yaml, "config.yaml");
  }

  fs::path checkpoint(int64_t step) const {
    return folder_ / "whole" / "checkpoints" / fmt::format("step-{:06}", step);
  }

  TemporaryFolder folder_;
};

std::vector<NamedTensor> everything(const TrainingSetup& setup) {
  auto tensors = setup.loaded.arena->values();
  const auto add = [&](const StateDict& more) { tensors.insert(tensors.end(), more.begin(), more.end()); };
  add(setup.optimizer->state());
  if (setup.qat) {
    add(setup.qat->optimizer_state());
    add(setup.qat->scales());
    for (const auto& weight : setup.qat->layers().weights()) {
      tensors.push_back({"computed " + weight.forms().layer, weight.forms().computed});
    }
  }
  if (setup.codes) {
    add(setup.codes->moments());
    for (const auto& layer : setup.codes->layers()) {
      tensors.push_back({"stored " + layer.name, layer.linear->codes()->stored()});
      tensors.push_back({"scales " + layer.name, layer.linear->codes()->scales()});
    }
  }
  return tensors;
}

void expect_same(const TrainingSetup& actual, const TrainingSetup& expected, int64_t step) {
  const auto ours = everything(actual), theirs = everything(expected);
  ASSERT_EQ(ours.size(), theirs.size()) << step;
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i].name, theirs[i].name) << step;
    ASSERT_TRUE(at::equal(ours[i].tensor, theirs[i].tensor)) << "step " << step << ": " << ours[i].name;
  }
  if (actual.qat) {
    ASSERT_EQ(actual.qat->state(), expected.qat->state()) << step;
  }
}

TEST_P(QuantizedResume, EveryCheckpointLeadsToTheNextBitForBit) {
  if (GetParam().init) train(parent_config(), "");
  train(config("whole", "never"), "");
  auto before = set_up_training(config("other", checkpoint(1).string()));
  for (int64_t step = 1; step < kSteps; ++step) {
    // One step from the checkpoint, and what the run itself saved after it.
    auto loader = make_loader(before);
    if (before.qat) before.qat->begin_step(step, /*measured=*/false);
    train_step(step_parts(before), loader.next(), learning_rate(before.schedule, step),
               step_settings(before.config, step));
    auto after = set_up_training(config("other", checkpoint(step + 1).string()));
    ASSERT_NO_FATAL_FAILURE(expect_same(before, after, step));
    before = std::move(after);
  }
}

#define QAT "quantization_mode: qat\nqat_start_step: 40\n"
#define CODES "enable_quantized_finetuning: true\n"

INSTANTIATE_TEST_SUITE_P(
    Modes, QuantizedResume,
    testing::Values(Mode{"QatInt8Static", QAT "qat_freeze_observer_step: 70\n"},
                    Mode{"QatInt8StaticMse", QAT "qat_freeze_observer_step: 70\nquantization_observer: mse\n"},
                    Mode{"QatInt8Dynamic", QAT "quantization_type: dynamic\n"},
                    Mode{"QatInt4Learned", QAT "quantization_type: weight_only\nquantization_bits: 4\n"
                                               "quantization_granularity: per_tensor\nqat_scale: learned\n"},
                    Mode{"QatInt4GroupsBfloat16", QAT "quantization_type: weight_only\nquantization_bits: 4\n"
                                                      "quantization_group_size: 8\ndtype: bfloat16\n"},
                    Mode{"CodesInt8", CODES "quantization_scale_policy: refresh\n", "quantization_type: dynamic\n"},
                    Mode{"CodesInt4Residual", CODES "optimizer_state_dtype: bfloat16\n",
                         "quantization_type: weight_only\nquantization_bits: 4\nquantization_group_size: 8\n"},
                    Mode{"QatInt4Int8Moments", QAT "quantization_type: weight_only\nquantization_bits: 4\n"
                                                   "optimizer_state_dtype: int8\n"},
                    Mode{"FloatInt8Moments", "optimizer_state_dtype: int8\ndtype: bfloat16\n"},
                    Mode{"MuonInt8Moments", "optimizer: muon\noptimizer_state_dtype: int8\n"},
                    Mode{"CodesInt4Int8Moments", CODES "optimizer_state_dtype: int8\n",
                         "quantization_type: weight_only\nquantization_bits: 4\nquantization_group_size: 8\n"},
                    Mode{"CodesInt4KeptResidual", CODES "quantization_residual_bits: 2\n",
                         "quantization_type: weight_only\nquantization_bits: 4\nquantization_residual_bits: 8\n"},
                    Mode{"CodesInt8Nearest", CODES "quantization_rounding: nearest\n",
                         "quantization_type: weight_only\nquantization_residual_bits: 4\n"},
                    Mode{"CodesInt4Alone", CODES "quantization_residual_bits: 0\ndtype: bfloat16\n",
                         "quantization_type: weight_only\nquantization_bits: 4\n"}),
    [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace slm
