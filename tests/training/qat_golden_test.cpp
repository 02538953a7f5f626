// Twenty steps of quantization-aware training against plain PyTorch (tests/golden/qat).
#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "checkpoint/model_folder.h"
#include "core/file.h"
#include "core/ignored_target.h"
#include "model/golden.h"
#include "quantization/packed_linear.h"
#include "training/builders.h"
#include "training/golden_batches.h"
#include "training/quantization_record.h"
#include "training/schedule.h"
#include "training/train_step.h"

namespace slm {
namespace {

struct QatCase {
  const char* name;
  const char* model;
  int64_t bits;
  const char* type;
  const char* granularity;
  int64_t group_size;
  const char* scale;
  int64_t start, freeze;
  double distill = 0;
  int64_t ignored = 0;  // first tokens of a row without a target
};

class QatGolden : public testing::TestWithParam<QatCase> {
 protected:
  struct Run {
    LoadedModel loaded;
    std::unique_ptr<Optimizer> optimizer;
    std::unique_ptr<Qat> qat;
    std::vector<StepResult> steps;
  };

  static TrainingConfig config() {
    const auto& c = GetParam();
    TrainingConfig config;
    config.dtype = "float32";
    config.init_from = "golden";
    config.quantization.mode = "qat";
    config.quantization.bits = c.bits;
    config.quantization.type = c.type;
    config.quantization.granularity = c.granularity;
    config.quantization.group_size = c.group_size;
    config.quantization.qat_scale = c.scale;
    config.quantization.qat_start_step = c.start;
    config.quantization.qat_freeze_observer_step = c.freeze;
    config.quantization.qat_distill_weight = c.distill;
    return config;
  }

  Run train(int64_t micro_batch_size) const {
    const auto& c = GetParam();
    const auto config = this->config();
    const auto folder = golden_path(std::string("models/") + c.model);
    const auto shape = read_model_config(folder);
    Transformer sketch(shape);
    const auto plan = plan_quantization(sketch, quantization_settings(config));
    Run run;
    run.loaded = build_model(shape, {.gradients = true, .derived = weights_of(plan, shape.tie_embeddings)});
    const auto inputs = text_["inputs"], targets = text_["targets"].clone(), rates = text_["lr"];
    targets.narrow(2, 0, c.ignored).fill_(kIgnoredTarget);
    run.optimizer = make_optimizer(config, *run.loaded.arena);
    run.qat = std::make_unique<Qat>(*run.loaded.model, *run.loaded.arena, config, qat_schedule(config, inputs.size(0)),
                                    inputs[0].numel());
    load_parameters(folder, shape, *run.loaded.arena);
    run.qat->resume_at(0);
    for (int64_t step = 0; step < inputs.size(0); ++step) {
      run.qat->begin_step(step, /*measured=*/true);
      run.steps.push_back(train_step({*run.loaded.model, *run.loaded.arena, *run.optimizer, run.qat.get()},
                                     golden_batch(inputs[step], targets[step]), rates[step].item<double>(),
                                     {.micro_batch_size = micro_batch_size, .max_grad_norm = 1.0}));
    }
    return run;
  }

  // Eight times what float32 and float64 masters in PyTorch differ in, as everywhere in tests/golden. An activation
  // that lies between two codes may round the other way, and then all that comes after it is another trajectory.
  static double tolerance(const char* what) {
    static const auto measured = nlohmann::json::parse(read_file(golden_path("qat/measured.json")));
    return std::max(7e-6, 8 * measured.at(GetParam().name).at(what).get<double>());
  }

  Golden golden_{std::string("qat/") + GetParam().name + ".safetensors"};
  Golden text_{std::string("training/") + GetParam().model + ".safetensors"};
};

TEST_P(QatGolden, LossesNormsWeightsScalesAndRangesMatchPyTorch) {
  const auto run = train(4);
  const auto loss = golden_["loss"], norm = golden_["grad_norm"];
  ASSERT_EQ(static_cast<int64_t>(run.steps.size()), loss.size(0));
  for (size_t step = 0; step < run.steps.size(); ++step) {
    const auto k = static_cast<int64_t>(step);
    EXPECT_LE(std::abs(run.steps[step].loss - loss[k].item<double>()), tolerance("loss")) << "step " << step;
    EXPECT_LE(std::abs(run.steps[step].gradient_norm - norm[k].item<double>()), tolerance("grad_norm")) << step;
  }
  const auto& shape = run.loaded.model->config();
  const auto masters = master_weights(*run.loaded.arena);
  if (GetParam().distill == 0) {
    expect_tensors(shape, masters, golden_, "final.", tolerance("final"));
  } else {
    EXPECT_EQ(expect_kept_tensors(shape, masters, golden_, "final.", tolerance("final")), 3);
  }
  for (const auto& weight : run.qat->layers().weights()) {
    if (!weight.learns_scales()) continue;
    const auto& [layer, master, computed, gradient, tied, scales, scale_gradient] = weight.forms();
    EXPECT_TRUE(close(scales.flatten(), golden_["scale." + layer].flatten(), tolerance("scale"))) << layer;
  }
  for (const auto& weight : run.qat->layers().weights()) {
    if (std::string(GetParam().type) != "static") continue;
    const auto& layer = weight.forms().layer;
    for (const auto& place : run.qat->layers().places()) {
      if (place->place() != linear_input(layer)) continue;
      ASSERT_TRUE(place->scale()) << layer;
      EXPECT_LE(std::abs(place->scale()->scale - golden_["input_scale." + layer].item<float>()),
                tolerance("input_scale"))
          << layer;
      EXPECT_EQ(place->scale()->zero_point, golden_["input_zero_point." + layer].item<float>()) << layer;
    }
  }
}

TEST_P(QatGolden, TheDivergenceFromTheParentMatchesPyTorch) {
  const auto run = train(4);
  for (size_t step = 0; step < run.steps.size(); ++step) {
    const auto k = static_cast<int64_t>(step) - GetParam().start;
    const auto& divergence = run.steps[step].divergence;
    ASSERT_EQ(divergence.has_value(), GetParam().distill > 0 && k >= 0) << "step " << step;
    if (!divergence) continue;
    EXPECT_LE(std::abs(*divergence - golden_["divergence"][k].item<double>()), tolerance("divergence")) << step;
  }
}

// The cut into micro-batches is another order of summation and nothing else, whatever the activations do.
TEST_P(QatGolden, MicroBatchesMatchPyTorchsWholeBatches) {
  const auto run = train(1);
  const auto loss = golden_["loss"];
  for (size_t step = 0; step < run.steps.size(); ++step) {
    const auto k = static_cast<int64_t>(step);
    EXPECT_LE(std::abs(run.steps[step].loss - loss[k].item<double>()), tolerance("loss")) << "step " << step;
  }
}

TEST_P(QatGolden, TheConvertedLayersStandForWhatTheTrainingComputedWith) {
  const auto run = train(4);
  auto& model = *run.loaded.model;
  std::map<std::string, at::Tensor> computed;
  for (const auto& weight : run.qat->layers().weights()) {
    computed.emplace(weight.forms().layer, weight.forms().computed.clone());
  }
  run.qat->resume_at(20);  // as for an evaluation
  const auto ids = text_["inputs"][0];
  const at::NoGradGuard no_grad;
  const auto before = model.logits(ids);
  const auto infos = run.qat->layers().convert(model);
  ASSERT_EQ(infos.size(), computed.size());
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    const auto packed = std::dynamic_pointer_cast<PackedLinear>(layer);
    ASSERT_TRUE(packed) << name;
    EXPECT_TRUE(at::equal(dequantize(packed->weight()), computed.at(name))) << name;
  });
  EXPECT_TRUE(close(model.logits(ids), before, 3e-5));
}

INSTANTIATE_TEST_SUITE_P(
    All, QatGolden,
    testing::Values(
        QatCase{"llama_tiny.int8_static", "llama_tiny", 8, "static", "per_channel", 64, "dynamic", 5, 15},
        QatCase{"llama_tiny.int8_dynamic", "llama_tiny", 8, "dynamic", "per_channel", 64, "dynamic", 0, 20},
        QatCase{"llama_tiny.int4_g8", "llama_tiny", 4, "weight_only", "per_group", 8, "dynamic", 1, 20},
        QatCase{"llama_tiny.int4_learned", "llama_tiny", 4, "weight_only", "per_tensor", 64, "learned", 3, 20},
        QatCase{"gpt2_tiny.int8_weight_only", "gpt2_tiny", 8, "weight_only", "per_channel", 64, "dynamic", 2, 20},
        QatCase{"llama_tiny.int4_distilled", "llama_tiny", 4, "weight_only", "per_group", 8, "dynamic", 4, 20, 0.7},
        QatCase{"gpt2_tiny.int4_distilled", "gpt2_tiny", 4, "weight_only", "per_channel", 64, "dynamic", 0, 20, 0.4,
                3}),
    [](const auto& instance) {
      std::string name = instance.param.name;
      std::replace(name.begin(), name.end(), '.', '_');
      return name;
    });

}  // namespace
}  // namespace slm
