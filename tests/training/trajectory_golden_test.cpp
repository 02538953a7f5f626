// Twenty steps of training against plain PyTorch (tests/golden/training). Tolerances: tests/golden/README.md.
#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "checkpoint/model_folder.h"
#include "core/file.h"
#include "core/ignored_target.h"
#include "kernels/device.h"
#include "kernels/gpu.h"
#include "model/golden.h"
#include "training/adamw.h"
#include "training/golden_batches.h"
#include "training/schedule.h"
#include "training/train_step.h"

namespace slm {
namespace {

class TrajectoryGolden : public testing::TestWithParam<std::string> {
 protected:
  struct Run {
    LoadedModel loaded;
    std::vector<StepResult> steps;
    StateDict moments;
  };

  const Golden& golden() const { return golden_; }

  Run train(const std::string& targets, int64_t micro_batch_size, at::ScalarType dtype = at::kFloat,
            at::Device device = at::kCPU) const {
    const auto settings = nlohmann::json::parse(read_file(golden_path("training/" + GetParam() + ".json")));
    const auto& schedule = settings["schedule"];
    const ArenaSettings arena{.gradients = true, .dtype = dtype, .device = device};
    Run run{read_model_folder(golden_path("models/" + GetParam()), arena), {}, {}};
    AdamW optimizer(*run.loaded.arena, {.beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.1});
    const auto inputs = golden_["inputs"], wanted = golden_[targets];
    const ScheduleSettings rates{.type = ScheduleType::kCosine,
                                 .peak = schedule["learning_rate"],
                                 .min_ratio = schedule["min_lr_ratio"],
                                 .warmup_steps = schedule["warmup_steps"],
                                 .total_steps = settings["steps"]};
    for (int64_t step = 0; step < inputs.size(0); ++step) {
      run.steps.push_back(train_step({*run.loaded.model, *run.loaded.arena, optimizer},
                                     golden_batch(inputs[step], wanted[step]), learning_rate(rates, step),
                                     {.micro_batch_size = micro_batch_size, .max_grad_norm = 1.0}));
    }
    run.moments = optimizer.state();
    return run;
  }

  void expect_losses(const Run& run, const std::string& prefix) const {
    const auto loss = golden_[prefix + "loss"], norm = golden_[prefix + "grad_norm"];
    ASSERT_EQ(static_cast<int64_t>(run.steps.size()), loss.size(0));
    for (size_t step = 0; step < run.steps.size(); ++step) {
      const auto k = static_cast<int64_t>(step);
      EXPECT_LE(std::abs(run.steps[step].loss - loss[k].item<double>()), 6e-6) << "step " << step;
      EXPECT_LE(std::abs(run.steps[step].gradient_norm - norm[k].item<double>()), 7e-6) << "step " << step;
    }
  }

  void expect_tensors(const Run& run, const std::map<std::string, at::Tensor>& ours, const std::string& prefix,
                      double tolerance) const {
    slm::expect_tensors(run.loaded.model->config(), ours, golden_, prefix, tolerance);
  }

  static std::map<std::string, at::Tensor> moments(const Run& run, const std::string& prefix) {
    std::map<std::string, at::Tensor> result;
    for (const auto& [name, tensor] : run.moments) {
      if (name.starts_with(prefix)) result.emplace(name.substr(prefix.size()), tensor);
    }
    return result;
  }

 private:
  Golden golden_{"training/" + GetParam() + ".safetensors"};
};

TEST_P(TrajectoryGolden, LossesWeightsAndMomentsMatchPyTorch) {
  const auto run = train("targets", 4);
  expect_losses(run, "");
  expect_tensors(run, master_weights(*run.loaded.arena), "final.", 1e-5);
  expect_tensors(run, moments(run, "exp_avg."), "exp_avg.", 1e-5);
  expect_tensors(run, moments(run, "exp_avg_sq."), "exp_avg_sq.", 1e-5);
}

TEST_P(TrajectoryGolden, LossesWeightsAndMomentsMatchPyTorch_CUDA) {
  if (const auto support = gpu_support(); support.gpus.empty()) GTEST_SKIP() << support.why_none;
  const auto run = train("targets", 4, at::kFloat, choose_device("cuda"));
  EXPECT_TRUE(run.loaded.arena->gradients().is_cuda());
  expect_losses(run, "");
  expect_tensors(run, master_weights(*run.loaded.arena), "final.", 1e-5);
  expect_tensors(run, moments(run, "exp_avg."), "exp_avg.", 1e-5);
  expect_tensors(run, moments(run, "exp_avg_sq."), "exp_avg_sq.", 1e-5);
  const auto again = train("targets", 4, at::kFloat, choose_device("cuda"));
  EXPECT_TRUE(at::equal(again.loaded.arena->parameters(), run.loaded.arena->parameters())) << "other bits";
}

TEST_P(TrajectoryGolden, MaskedTargetsMatchPyTorch) {
  const auto run = train("masked.targets", 4);
  expect_losses(run, "masked.");
  expect_tensors(run, master_weights(*run.loaded.arena), "masked.final.", 1e-5);
}

TEST_P(TrajectoryGolden, MicroBatchesAreNormalisedByTheTokensOfTheWholeStep) {
  const auto run = train("masked.targets", 2);
  expect_losses(run, "accumulated.");
  expect_tensors(run, master_weights(*run.loaded.arena), "masked.final.", 1e-5);
  // The golden shows what the mean of the micro-batches' means would give.
  const auto wrong = golden()["mean_of_means.loss"];
  double furthest = 0;
  for (int64_t k = 0; k < wrong.size(0); ++k) {
    furthest = std::max(furthest, std::abs(run.steps[static_cast<size_t>(k)].loss - wrong[k].item<double>()));
  }
  EXPECT_GT(furthest, 0.01);
}

TEST_P(TrajectoryGolden, AStepWithoutAScoredTokenChangesNothing) {
  const auto loaded = read_model_folder(golden_path("models/" + GetParam()), {.gradients = true});
  AdamW optimizer(*loaded.arena, {});
  const auto inputs = golden()["inputs"][0];
  const auto before = loaded.arena->parameters().clone();
  const auto result =
      train_step({*loaded.model, *loaded.arena, optimizer}, golden_batch(inputs, at::full_like(inputs, kIgnoredTarget)),
                 1e-2, {.micro_batch_size = 2});
  EXPECT_EQ(result.tokens, 0);
  EXPECT_FALSE(result.applied);
  EXPECT_TRUE(std::isnan(result.loss));
  EXPECT_EQ(result.gradient_norm, 0);
  EXPECT_EQ(optimizer.steps_done(), 0);
  EXPECT_TRUE(at::equal(loaded.arena->parameters(), before));
}

TEST_P(TrajectoryGolden, EveryCutIntoMicroBatchesGivesTheSameGradient) {
  const auto inputs = golden()["inputs"][0], targets = golden()["masked.targets"][0];
  const auto loaded = read_model_folder(golden_path("models/" + GetParam()), {.gradients = true});
  const auto gradient = [&](int64_t micro_batch_size) {
    accumulate_gradients(*loaded.model, *loaded.arena, golden_batch(inputs, targets),
                         {.micro_batch_size = micro_batch_size});
    return loaded.arena->gradients().clone();
  };
  const auto whole = gradient(4);
  for (const int64_t micro : {1, 2, 3})
    EXPECT_TRUE(close(gradient(micro), whole, 1e-6)) << micro;  // 3: a short last one
}

// With dropout, so that the masks are made a second time as well; in both dtypes.
TEST_P(TrajectoryGolden, GradientCheckpointingGivesTheSameBits) {
  const auto inputs = golden()["inputs"][0], targets = golden()["masked.targets"][0];
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const auto loaded = read_model_folder(golden_path("models/" + GetParam()), {.gradients = true, .dtype = dtype});
    const auto gradient = [&](bool recompute) {
      loaded.model->set_recompute(recompute);
      accumulate_gradients(*loaded.model, *loaded.arena, golden_batch(inputs, targets),
                           {.micro_batch_size = 3, .dropout = {.p = 0.2, .seed = 1, .step = 7}});
      return loaded.arena->gradients().clone();
    };
    const auto plain = gradient(false);
    EXPECT_TRUE(at::equal(gradient(true), plain));
    EXPECT_GT(plain.abs().max().item<double>(), 0.0);
  }
}

// The gradient of a step is the mean over its tokens, whichever documents they stand in.
TEST_P(TrajectoryGolden, IsolatedDocumentsGiveTheGradientOfEachAlone) {
  const auto inputs = golden()["inputs"][0], targets = golden()["targets"][0];
  const int64_t rows = inputs.size(0), length = inputs.size(1), cut = 5;
  auto whole = golden_batch(inputs, targets);
  for (int64_t i = 0; i < rows * length; ++i) whole.document_starts.push_back(i % length < cut ? 0 : cut);
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const auto loaded = read_model_folder(golden_path("models/" + GetParam()), {.gradients = true, .dtype = dtype});
    const auto gradient = [&](const Batch& one, int64_t micro_batch_size) {
      accumulate_gradients(*loaded.model, *loaded.arena, one, {.micro_batch_size = micro_batch_size});
      return loaded.arena->gradients().clone();
    };
    const auto part = [&](int64_t begin, int64_t tokens) {
      const auto alone =
          golden_batch(inputs.narrow(1, begin, tokens).contiguous(), targets.narrow(1, begin, tokens).contiguous());
      return gradient(alone, rows) * (static_cast<double>(tokens) / static_cast<double>(length));
    };
    const auto expected = part(0, cut) + part(cut, length - cut);
    const double tolerance = dtype == at::kFloat ? 1e-6 : 0.02;
    for (const int64_t micro : {1, 4}) EXPECT_TRUE(close(gradient(whole, micro), expected, tolerance)) << micro;
    loaded.model->set_recompute(true);
    EXPECT_TRUE(close(gradient(whole, 4), expected, tolerance));
    auto joined = whole;
    joined.document_starts.clear();
    EXPECT_FALSE(close(gradient(joined, 4), expected, tolerance));
  }
}

TEST_P(TrajectoryGolden, DropoutsMasksDoNotDependOnTheCutIntoMicroBatches) {
  const auto inputs = golden()["inputs"][0], targets = golden()["masked.targets"][0];
  const auto loaded = read_model_folder(golden_path("models/" + GetParam()), {.gradients = true});
  const auto gradient = [&](int64_t micro_batch_size, double p, int64_t step) {
    accumulate_gradients(*loaded.model, *loaded.arena, golden_batch(inputs, targets),
                         {.micro_batch_size = micro_batch_size, .dropout = {.p = p, .seed = 1, .step = step}});
    return loaded.arena->gradients().clone();
  };
  const auto whole = gradient(4, 0.2, 7);
  for (const int64_t micro : {1, 3}) EXPECT_TRUE(close(gradient(micro, 0.2, 7), whole, 1e-6)) << micro;
  EXPECT_FALSE(close(gradient(4, 0, 7), whole, 1e-3));
  EXPECT_FALSE(close(gradient(4, 0.2, 8), whole, 1e-3));
}

// The masters are float32 and the shadow follows them, so the runs stay as near as bfloat16's rounding of the products.
TEST_P(TrajectoryGolden, Bfloat16StaysNearFloat32) {
  const auto run = train("targets", 2, at::kBFloat16);
  const auto loss = golden()["loss"];
  for (int64_t step = 0; step < loss.size(0); ++step) {
    EXPECT_LE(std::abs(run.steps[static_cast<size_t>(step)].loss - loss[step].item<double>()), 0.02) << step;
  }
  const auto& arena = *run.loaded.arena;
  const auto matrices = arena.shadows().narrow(0, 0, arena.decay_size());
  EXPECT_TRUE(at::equal(matrices, arena.parameters().narrow(0, 0, arena.decay_size()).to(at::kBFloat16)));
}

INSTANTIATE_TEST_SUITE_P(All, TrajectoryGolden, testing::Values("llama_tiny", "gpt2_tiny"),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace slm
