// Training with a part of the parameters frozen, on the models of tests/golden.
#include "model/freeze.h"

#include <ATen/ATen.h>

#include "checkpoint/model_folder.h"
#include "model/fused_linear.h"
#include "model/golden.h"
#include "training/adamw.h"
#include "training/train_step.h"

namespace slm {
namespace {

struct FrozenCase {
  std::string name, model;
  std::vector<std::string> globs;
};

class Frozen : public testing::TestWithParam<FrozenCase> {
 protected:
  LoadedModel load(const std::vector<std::string>& globs) const {
    const auto folder = golden_path("models/" + GetParam().model);
    const auto config = read_model_config(folder);
    auto loaded = build_model(config, {.gradients = true, .frozen = frozen_parameters(config, globs)});
    load_parameters(folder, config, *loaded.arena);
    return loaded;
  }

  Batch batch() const {
    const auto ids = Golden("models/" + GetParam().model + "/case.safetensors")["input_ids"];
    const auto inputs = ids.narrow(1, 0, ids.size(1) - 1).contiguous(), targets = ids.narrow(1, 1, ids.size(1) - 1);
    Batch result{.rows = inputs.size(0), .length = inputs.size(1), .inputs = {}, .targets = {}};
    for (int64_t i = 0; i < inputs.numel(); ++i) {
      result.inputs.push_back(inputs.flatten()[i].item<int64_t>());
      result.targets.push_back(targets.flatten()[i].item<int64_t>());
    }
    return result;
  }
};

std::map<std::string, at::Tensor> values(const ParameterArena& arena) {
  std::map<std::string, at::Tensor> result;
  for (const auto& entry : arena.entries()) result.emplace(entry.name, entry.tensor.detach().clone());
  return result;
}

TEST_P(Frozen, TheOthersGradientsAndTheirNormAreThoseOfWholeTraining) {
  const auto whole = load({}), part = load(GetParam().globs);
  accumulate_gradients(*whole.model, *whole.arena, batch(), {.micro_batch_size = 1});
  accumulate_gradients(*part.model, *part.arena, batch(), {.micro_batch_size = 1});
  std::map<std::string, at::Tensor> expected;
  for (const auto& entry : whole.arena->entries()) expected.emplace(entry.name, entry.tensor.grad());
  int64_t trainable = 0;
  for (const auto& entry : part.arena->entries()) {
    if (!entry.trainable) {
      EXPECT_FALSE(entry.tensor.grad().defined()) << entry.name;
      continue;
    }
    EXPECT_TRUE(close(ParameterArena::view(part.arena->gradients(), entry), expected.at(entry.name), 2e-6))
        << entry.name;
    trainable += entry.tensor.numel();
  }
  EXPECT_EQ(part.arena->gradients().numel(), trainable);
  EXPECT_GT(trainable, 0);
  EXPECT_LT(trainable, part.arena->size());
}

TEST_P(Frozen, AStepMovesTheOthersAloneAndOnlyTheyHaveMoments) {
  const auto loaded = load(GetParam().globs);
  AdamW optimizer(*loaded.arena, {});
  const auto before = values(*loaded.arena);
  const auto result =
      train_step({*loaded.model, *loaded.arena, optimizer}, batch(), 1e-2, {.micro_batch_size = 2, .max_grad_norm = 0});
  EXPECT_TRUE(result.applied);
  size_t trainable = 0;
  for (const auto& entry : loaded.arena->entries()) {
    EXPECT_EQ(at::equal(entry.tensor, before.at(entry.name)), !entry.trainable) << entry.name;
    trainable += entry.trainable;
  }
  EXPECT_EQ(optimizer.state().size(), 2 * trainable);
  EXPECT_LE(std::abs(result.gradient_norm - loaded.arena->gradients().norm().item<double>()), 1e-5);
}

TEST(FusedLinear, JoinsNoFrozenLayerWithATrainableOne) {
  const auto memory = at::randn({4, 3}), gradients = at::zeros({4, 3});
  std::vector<std::shared_ptr<Linear>> layers;
  for (const int64_t row : {0, 2}) {
    const auto layer = std::make_shared<DenseLinear>(3, 2, false);
    layer->weight().set_data(memory.narrow(0, row, 2));
    layer->weight().mutable_grad() = gradients.narrow(0, row, 2);
    layers.push_back(layer);
  }
  EXPECT_TRUE(FusedLinear::make(layers));
  for (const size_t frozen : {0, 1}) {
    const auto& weight = dynamic_cast<DenseLinear&>(*layers[frozen]).weight();
    weight.set_requires_grad(false);
    EXPECT_FALSE(FusedLinear::make(layers)) << frozen;
    weight.set_requires_grad(true);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Frozen,
    testing::Values(FrozenCase{"Embedding", "llama_tiny", {"model.embed_tokens.weight"}},
                    FrozenCase{"TiedEmbedding", "llama_tied", {"model.embed_tokens.weight"}},
                    FrozenCase{"Head", "llama_tiny", {"lm_head.weight"}},
                    FrozenCase{"FirstBlock", "llama_tiny", {"model.layers.0.*"}},
                    FrozenCase{"LastBlockAndHead", "llama_tiny", {"model.layers.1.*", "lm_head.weight"}},
                    FrozenCase{"OneOfThreeJoinedProjections", "qwen2_tiny", {"*.k_proj.*"}},
                    FrozenCase{"JoinedProjectionsWithoutTheirBiases", "qwen2_tiny", {"*.?_proj.weight"}},
                    FrozenCase{"BiasesAlone", "gpt2_tiny", {"*.bias"}},
                    FrozenCase{"AllButTheBiases", "gpt2_tiny", {"*.weight"}},
                    FrozenCase{"AllButTwoOfThreeJoinedProjections",
                               "llama_tiny",
                               {"lm_head.*", "*norm*", "*mlp*", "*.v_proj.*", "*.o_proj.*"}},
                    FrozenCase{"AllButTheHead", "qwen3_tiny", {"model.layers.*", "model.norm.weight"}}),
    [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace slm
