// Adapters against peft (tests/golden/adapters) and against themselves. Tolerances: tests/golden/README.md.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <nlohmann/json.hpp>

#include "checkpoint/adapted_model.h"
#include "checkpoint/quantized_folder.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "model/adapter_targets.h"
#include "model/adapters.h"
#include "model/hugging_face/tensor_layout.h"
#include "quantization/trainable_packed_linear.h"
#include "training/adamw.h"
#include "training/golden_batches.h"
#include "training/train_step.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

// Some of the layers that are joined into one product have an adapter and some have none.
const std::vector<std::string> kTargets{"*.q_proj", "*.v_proj", "*.o_proj", "*.gate_proj", "*.down_proj"};
constexpr int64_t kRank = 2;
constexpr double kScale = 3;
constexpr double kLogitsTolerance = 3e-5;

fs::path base_folder(const std::string& name = "llama_tiny") { return golden_path("models/" + name); }
fs::path adapter_folder(const std::string& name = "llama_tiny") { return golden_path("adapters/" + name); }

std::vector<AdapterShape> shapes_of(const TransformerConfig& config, const std::vector<std::string>& targets) {
  std::vector<AdapterShape> shapes;
  for (const auto& layer : layers_to_adapt(config, targets)) shapes.push_back({layer, kRank, kScale});
  return shapes;
}

struct AdaptedModel {
  LoadedModel loaded;
  std::shared_ptr<Adapters> adapters;

  Transformer& model() const { return *loaded.model; }
};

// A frozen model under adapters that have no values yet.
AdaptedModel adapted(const fs::path& folder, const std::vector<std::string>& targets = kTargets,
                     at::ScalarType dtype = at::kFloat) {
  const auto config = read_model_config(folder);
  const auto names = parameter_names(config);
  ArenaSettings arena{.gradients = true, .dtype = dtype, .frozen = {names.begin(), names.end()}};
  LoadedModel loaded;
  if (is_quantized_folder(folder)) {
    loaded = read_quantized_folder(folder, arena);
    keep_codes(*loaded.model);
  } else {
    loaded = build_model(config, arena);
    load_parameters(folder, config, *loaded.arena);
  }
  arena.frozen = {};
  return {loaded, std::make_shared<Adapters>(*loaded.model, shapes_of(config, targets), arena)};
}

// The same with values that change something.
AdaptedModel with_values(const fs::path& folder, at::ScalarType dtype = at::kFloat) {
  auto loaded = adapted(folder, kTargets, dtype);
  loaded.adapters->initialize(7);
  const c10::NoGradGuard no_grad;
  at::manual_seed(1);
  for (const auto& weights : loaded.adapters->weights()) weights.b.normal_(0, 0.1);
  loaded.adapters->arena().update_shadows();
  return loaded;
}

at::Tensor case_ids(const std::string& name) { return Golden("models/" + name + "/case.safetensors")["input_ids"]; }

at::Tensor logits_of(const AdaptedModel& adapted, const at::Tensor& ids) {
  const c10::NoGradGuard no_grad;
  return adapted.model().logits(ids);
}

at::Tensor logits_of(const LoadedModel& loaded, const at::Tensor& ids) {
  const c10::NoGradGuard no_grad;
  return loaded.model->logits(ids);
}

Batch first_batch() {
  const Golden texts("training/llama_tiny.safetensors");
  return golden_batch(texts["inputs"][0], texts["targets"][0]);
}

at::Tensor gradient_of(const AdaptedModel& loaded, const StepSettings& settings) {
  const auto& arena = loaded.adapters->arena();
  accumulate_gradients(loaded.model(), arena, first_batch(), settings, {.adapters = loaded.adapters.get()});
  return arena.gradients().clone();
}

std::string peft_name(const std::string& ours) { return "base_model.model." + ours; }

TEST(LoraGolden, TwentyStepsMatchPeft) {
  const Golden golden("adapters/llama_tiny.safetensors"), texts("training/llama_tiny.safetensors");
  const auto rates = nlohmann::json::parse(read_file(golden_path("training/llama_tiny.json")))["lr"];
  const auto loaded = adapted(base_folder());
  const auto& adapters = *loaded.adapters;
  {
    const c10::NoGradGuard no_grad;
    for (const auto& weights : adapters.weights()) {
      weights.a.copy_(golden["start." + peft_name(weights.layer + ".lora_A.weight")]);
      weights.b.zero_();
    }
  }
  AdamW optimizer(adapters.arena(), {.beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.1});
  const StepParts parts{
      .model = loaded.model(), .arena = adapters.arena(), .optimizer = optimizer, .adapters = &adapters};
  const auto inputs = texts["inputs"], targets = texts["targets"], loss = golden["loss"], norm = golden["grad_norm"];
  for (int64_t step = 0; step < inputs.size(0); ++step) {
    const auto result = train_step(parts, golden_batch(inputs[step], targets[step]), rates[static_cast<size_t>(step)],
                                   {.micro_batch_size = 2, .max_grad_norm = 1.0});
    EXPECT_LE(std::abs(result.loss - loss[step].item<double>()), 6e-6) << step;
    EXPECT_LE(std::abs(result.gradient_norm - norm[step].item<double>()), 3e-6) << step;
  }
  std::map<std::string, at::Tensor> trained;
  for (const auto& weights : read_adapter(adapter_folder(), loaded.model().config())) {
    trained[weights.layer + ".lora_A.weight"] = weights.a;
    trained[weights.layer + ".lora_B.weight"] = weights.b;
  }
  ASSERT_EQ(trained.size(), adapters.arena().entries().size());
  for (const auto& [name, value] : adapters.arena().values()) {
    EXPECT_TRUE(close(value, trained.at(name), 6e-6)) << name;
  }
  for (const auto& [name, moment] : optimizer.state()) {
    const auto dot = name.find(".model");
    EXPECT_TRUE(close(moment, golden[name.substr(0, dot + 1) + peft_name(name.substr(dot + 1))], 3e-7)) << name;
  }
}

class PeftFolder : public testing::TestWithParam<std::string> {};

TEST_P(PeftFolder, GivesTheLogitsThatPeftGives) {
  const auto expected = Golden("adapters/" + GetParam() + ".safetensors")["logits"];
  const auto ids = case_ids(GetParam()).narrow(0, 0, 1);
  const auto folder = base_folder(GetParam()), adapter = adapter_folder(GetParam());
  EXPECT_TRUE(close(logits_of(read_with_adapter(folder, adapter), ids), expected, kLogitsTolerance));
  EXPECT_TRUE(close(logits_of(read_merged(folder, adapter), ids), expected, kLogitsTolerance));
  EXPECT_FALSE(close(logits_of(read_model_folder(folder), ids), expected, 0.1));
}

INSTANTIATE_TEST_SUITE_P(All, PeftFolder, testing::Values("llama_tiny", "gpt2_tiny"),
                         [](const auto& parameter) { return parameter.param; });

TEST(Lora, BeginsAsTheModelBelowAndDrawsEachAdapterByItsName) {
  const auto ids = case_ids("llama_tiny");
  const auto all = adapted(base_folder()), one = adapted(base_folder(), {"model.layers.1.mlp.down_proj"});
  for (const auto* loaded : {&all, &one}) loaded->adapters->initialize(3);
  EXPECT_TRUE(close(logits_of(all, ids), logits_of(read_model_folder(base_folder()), ids), 1e-5));
  for (const auto& weights : all.adapters->weights()) {
    const double bound = 1 / std::sqrt(static_cast<double>(weights.a.size(1)));
    EXPECT_LE(weights.a.abs().max().item<double>(), bound);
    EXPECT_GE(weights.a.abs().max().item<double>(), 0.9 * bound);
    EXPECT_LE(std::abs(weights.a.mean().item<double>()), 0.2 * bound);
    EXPECT_EQ(weights.b.abs().max().item<double>(), 0);
    if (weights.layer == "model.layers.1.mlp.down_proj") {
      EXPECT_TRUE(at::equal(weights.a, one.adapters->weights()[0].a));
    }
  }
  const auto other = adapted(base_folder());
  other.adapters->initialize(4);
  EXPECT_FALSE(at::equal(other.adapters->weights()[0].a, all.adapters->weights()[0].a));
}

class LoraBase : public testing::TestWithParam<std::string> {
 protected:
  fs::path folder() const { return golden_path(GetParam()); }
};

TEST_P(LoraBase, TheGradientIsTheSlopeOfTheLoss) {
  const auto loaded = with_values(folder());
  const auto gradient = gradient_of(loaded, {.micro_batch_size = 4});
  const auto& arena = loaded.adapters->arena();
  const auto loss_at = [&](const at::Tensor& values) {
    arena.parameters().copy_(values);
    return accumulate_gradients(loaded.model(), arena, first_batch(), {.micro_batch_size = 4}).loss;
  };
  const auto start = arena.parameters().clone();
  const double norm = gradient.norm().item<double>(), step = 1e-2;
  at::manual_seed(2);
  for (int i = 0; i < 3; ++i) {
    const auto random = at::randn_like(start);
    const auto direction = gradient / norm + random / random.norm();
    const double slope = (loss_at(start + direction * step) - loss_at(start - direction * step)) / (2 * step);
    const double expected = (gradient * direction).sum().item<double>();
    // Activations that are rounded to codes pass gradients straight through, which is no slope.
    const double tolerance = GetParam().find("static") == std::string::npos ? 0.01 : 0.25;
    EXPECT_LE(std::abs(slope - expected), tolerance * norm) << slope << " " << expected;
  }
}

TEST_P(LoraBase, NothingButTheAdaptersHasAGradientOrMoves) {
  const auto loaded = with_values(folder());
  const auto& adapters = *loaded.adapters;
  std::map<std::string, at::Tensor> before;
  for (const auto& [name, value] : loaded.loaded.arena->values()) before[name] = value.clone();
  const auto adapters_before = adapters.arena().parameters().clone();
  AdamW optimizer(adapters.arena(), {});
  EXPECT_EQ(optimizer.state().size(), 2 * adapters.arena().entries().size());
  EXPECT_TRUE(
      train_step({.model = loaded.model(), .arena = adapters.arena(), .optimizer = optimizer, .adapters = &adapters},
                 first_batch(), 1e-2, {.micro_batch_size = 2, .max_grad_norm = 0})
          .applied);
  EXPECT_EQ(loaded.loaded.arena->trainable_size(), 0);
  for (const auto& entry : loaded.loaded.arena->entries()) EXPECT_FALSE(entry.tensor.requires_grad()) << entry.name;
  for (const auto& [name, value] : loaded.loaded.arena->values())
    EXPECT_TRUE(at::equal(value, before.at(name))) << name;
  EXPECT_FALSE(close(adapters.arena().parameters(), adapters_before, 1e-3));
  for (const auto& entry : adapters.arena().entries()) {
    EXPECT_GT(entry.tensor.grad().abs().max().item<double>(), 0) << entry.name;
  }
}

TEST_P(LoraBase, GradientCheckpointingGivesTheSameBitsWithDropoutInBothDtypes) {
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const auto loaded = with_values(folder(), dtype);
    const StepSettings settings{
        .micro_batch_size = 3, .dropout = {.p = 0.1, .seed = 1, .step = 7}, .adapter_dropout = 0.2};
    const auto plain = gradient_of(loaded, settings);
    loaded.model().set_recompute(true);
    EXPECT_TRUE(at::equal(gradient_of(loaded, settings), plain));
    EXPECT_GT(plain.abs().max().item<double>(), 0);
  }
}

TEST_P(LoraBase, TheMergedModelGivesTheAdaptedOnesLogits) {
  const auto loaded = with_values(folder());
  const TemporaryFolder scratch;
  write_adapter(scratch / "adapter", loaded.model().config(), {.base = "b", .rank = kRank, .alpha = kScale * kRank},
                loaded.adapters->weights());
  const auto ids = case_ids("llama_tiny");
  const auto expected = logits_of(read_with_adapter(folder(), scratch / "adapter"), ids);
  const auto merged = logits_of(read_merged(folder(), scratch / "adapter"), ids);
  // A static layer rounds its activations, the merged one does not.
  const bool rounds = GetParam().find("static") != std::string::npos;
  EXPECT_TRUE(close(merged, expected, rounds ? 0.5 : kLogitsTolerance));
  EXPECT_FALSE(close(logits_of(read_base_folder(folder()), ids), expected, 0.1));
  // Trained codes compute as those that are read.
  EXPECT_TRUE(close(logits_of(loaded, ids), expected, kLogitsTolerance * (rounds ? 100 : 1)));
}

INSTANTIATE_TEST_SUITE_P(All, LoraBase,
                         testing::Values("models/llama_tiny", "quantized/llama_tiny_int4_g32",
                                         "quantized/llama_tiny_int8_static"),
                         [](const auto& parameter) { return parameter.param.substr(parameter.param.rfind('/') + 1); });

TEST(LoraDropout, MasksDoNotDependOnTheCutIntoMicroBatches) {
  const auto loaded = with_values(base_folder());
  const auto gradient = [&](int64_t micro_batch_size, double p, int64_t step) {
    return gradient_of(
        loaded,
        {.micro_batch_size = micro_batch_size, .dropout = {.p = 0, .seed = 1, .step = step}, .adapter_dropout = p});
  };
  const auto whole = gradient(4, 0.3, 7);
  for (const int64_t micro : {1, 3}) EXPECT_TRUE(close(gradient(micro, 0.3, 7), whole, 1e-6)) << micro;
  EXPECT_FALSE(close(gradient(4, 0, 7), whole, 1e-3));
  EXPECT_FALSE(close(gradient(4, 0.3, 8), whole, 1e-3));
}

TEST(LoraDropout, IsOverAfterTheStep) {
  const auto loaded = with_values(base_folder());
  const auto ids = case_ids("llama_tiny");
  const auto before = logits_of(loaded, ids);
  gradient_of(loaded, {.micro_batch_size = 4, .adapter_dropout = 0.5});
  EXPECT_TRUE(at::equal(logits_of(loaded, ids), before));
}

// As peft computes it: the mask lies on the adapter's input alone, and each layer has a mask of its own.
TEST(LoraDropout, LeavesOutInputsOfTheAdapterAlone) {
  const auto place = std::make_shared<DropoutPlace>();
  const auto dense = std::make_shared<DenseLinear>(64, 64, false);
  dense->weight().set_data(at::zeros({64, 64}));
  const auto layer = [&](const std::string& name) {
    const auto adapted = std::make_shared<LoraLinear>(name, dense, 64, 1.0, place);
    for (const auto& matrix : {adapted->a(), adapted->b()}) matrix.set_data(at::eye(64));
    return adapted;
  };
  const auto q = layer("q"), k = layer("k");
  const auto x = at::ones({8, 16, 64});
  const c10::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(q->forward(x), x));
  *place = {.p = 0.25, .seed = 1, .step = 2};
  const auto y = q->forward(x);
  const double share = (y == 0).to(at::kDouble).mean().item<double>();
  EXPECT_LE(std::abs(share - 0.25), 0.02);
  EXPECT_TRUE(close(y.max(), at::full({}, 4.0 / 3), 1e-6));
  EXPECT_FALSE(at::equal(k->forward(x), y));
  dense->weight().set_data(at::eye(64));
  EXPECT_TRUE(close(q->forward(x), x + y, 1e-6));
}

}  // namespace
}  // namespace slm
