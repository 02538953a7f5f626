// Muon over the arena: which parameters are its own, and that each one moves as it would alone.
#include "training/muon.h"

#include <ATen/ATen.h>

#include "checkpoint/model_folder.h"
#include "core/rng.h"
#include "kernels/normal.h"
#include "model/golden.h"
#include "model/model_size.h"

namespace slm {
namespace {

struct MuonCase {
  std::string name, model;
  at::ScalarType dtype = at::kFloat;
  std::set<std::string> frozen = {};
};

class MuonArena : public testing::TestWithParam<MuonCase> {
 protected:
  // The golden's model with the same gradient whatever the order in the arena.
  LoadedModel load(bool hidden_matrices_apart) const {
    const auto& [name, model, dtype, frozen] = GetParam();
    auto loaded = read_model_folder(
        golden_path("models/" + model),
        {.gradients = true, .dtype = dtype, .frozen = frozen, .hidden_matrices_apart = hidden_matrices_apart});
    for (const auto& entry : loaded.arena->entries()) {
      if (entry.trainable) fill_normal(entry.tensor.grad(), 0.1, derive_key(7, entry.name));
    }
    return loaded;
  }

  static std::map<std::string, at::Tensor> values(const ParameterArena& arena) {
    std::map<std::string, at::Tensor> result;
    for (const auto& [name, tensor] : arena.values()) result.emplace(name, tensor.clone());
    return result;
  }
};

bool is_hidden_matrix(const std::string& name, const at::Tensor& tensor) {
  return tensor.dim() == 2 && name.find("_proj.weight") != std::string::npos;
}

TEST_P(MuonArena, MatricesOfTheBlocksMoveByMuonAndTheRestByAdamWToTheBit) {
  const auto together = load(false), apart = load(true);
  const auto before = values(*together.arena);
  const MuonSettings settings{.weight_decay = 0.2, .dtype = GetParam().dtype};
  AdamW adamw(*together.arena, {.weight_decay = 0.2});
  Muon muon_and_rest(*apart.arena, settings, {.weight_decay = 0.2});
  adamw.step(1e-2, 0.5);
  muon_and_rest.step(1e-2, 0.5);
  const auto by_adamw = values(*together.arena), by_both = values(*apart.arena);
  int64_t hidden = 0;
  for (const auto& entry : apart.arena->entries()) {
    const bool is_muons = entry.trainable && is_hidden_matrix(entry.name, entry.tensor);
    auto expected = by_adamw.at(entry.name);
    if (is_muons) {
      expected = before.at(entry.name).clone();
      muon(expected, entry.tensor.grad(), at::zeros_like(expected), settings,
           {.learning_rate = 1e-2, .clip_factor = 0.5});
      hidden += expected.numel();
    }
    EXPECT_TRUE(at::equal(by_both.at(entry.name), expected)) << entry.name;
    EXPECT_EQ(at::equal(by_both.at(entry.name), before.at(entry.name)), !entry.trainable) << entry.name;
    EXPECT_TRUE(at::equal(entry.tensor.detach(), expected.to(entry.tensor.scalar_type()))) << entry.name;
  }
  EXPECT_EQ(hidden, apart.arena->trainable_size() - apart.arena->apart_begin());
  if (GetParam().frozen.empty()) {
    EXPECT_EQ(hidden, model_size(apart.model->config()).hidden_matrix_parameters);
  }
}

TEST_P(MuonArena, HasOneStateForAMatrixOfABlockAndTwoForTheRest) {
  const auto loaded = load(true);
  const Muon optimizer(*loaded.arena, {}, {});
  std::set<std::string> names, expected;
  for (const auto& [name, tensor] : optimizer.state()) names.insert(name);
  for (const auto& entry : loaded.arena->entries()) {
    if (!entry.trainable) continue;
    if (is_hidden_matrix(entry.name, entry.tensor)) {
      expected.insert("momentum_buffer." + entry.name);
    } else {
      expected.insert({"exp_avg." + entry.name, "exp_avg_sq." + entry.name});
    }
  }
  EXPECT_EQ(names, expected);
}

INSTANTIATE_TEST_SUITE_P(
    All, MuonArena,
    testing::Values(MuonCase{"Llama", "llama_tiny"}, MuonCase{"TiedLlama", "llama_tied"}, MuonCase{"Gpt2", "gpt2_tiny"},
                    MuonCase{"Qwen3", "qwen3_tiny"}, MuonCase{"Bfloat16", "llama_tiny", at::kBFloat16},
                    MuonCase{"FrozenMatrix", "llama_tiny", at::kFloat, {"model.layers.0.mlp.up_proj.weight"}}),
    [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace slm
