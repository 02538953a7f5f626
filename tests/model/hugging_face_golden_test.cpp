// The models of tests/golden/models, computed by Hugging Face. Tolerances: tests/golden/README.md.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "checkpoint/model_folder.h"
#include "generation/generate_tokens.h"
#include "kernels/device.h"
#include "kernels/gpu.h"
#include "kernels/token_loss.h"
#include "model/golden.h"
#include "model/hugging_face/tensor_layout.h"
#include "model/model_size.h"

namespace slm {
namespace {

class HuggingFaceGolden : public testing::TestWithParam<std::string> {
 protected:
  std::string folder() const { return "models/" + GetParam(); }
  Golden golden() const { return Golden(folder() + "/case.safetensors"); }
  LoadedModel load() const { return read_model_folder(golden_path(folder()), {.gradients = true}); }
};

// labels are the tokens themselves: position t is scored with label t + 1, the last one has no target.
at::Tensor shifted_targets(const at::Tensor& labels) {
  const auto last = at::full({labels.size(0), 1}, kIgnoredTarget, at::kLong);
  return at::cat({labels.narrow(1, 1, labels.size(1) - 1), last}, 1);
}

TEST_P(HuggingFaceGolden, LogitsAndHiddenStatesMatch) {
  const auto expected = golden();
  const auto loaded = load();
  std::map<std::string, at::Tensor> seen;
  const Tap tap = [&](std::string_view name, const at::Tensor& value) {
    if (!name.ends_with(".input")) seen.emplace(name, value);
  };
  const auto logits = loaded.model->logits(expected["input_ids"], &tap);
  EXPECT_TRUE(close(logits, expected["logits"], 3e-5));
  EXPECT_TRUE(close(logits, expected["f64.logits"], 3e-5));
  EXPECT_EQ(seen.size(), 2 + 3 * static_cast<size_t>(loaded.model->config().n_layers));
  for (const auto& [name, value] : seen) EXPECT_TRUE(close(value, expected[name], 5e-5)) << name;
}

TEST_P(HuggingFaceGolden, LogitsMatch_CUDA) {
  if (const auto support = gpu_support(); support.gpus.empty()) GTEST_SKIP() << support.why_none;
  const auto expected = golden();
  const auto loaded = read_model_folder(golden_path(folder()), {.device = choose_device("cuda")});
  const auto logits = loaded.model->logits(expected["input_ids"].to(loaded.model->device()));
  EXPECT_TRUE(logits.is_cuda());
  EXPECT_TRUE(close(logits, expected["f64.logits"], 3e-5));
}

// The tolerance is twice what Hugging Face's own bfloat16 run is away from float64 (tests/golden/README.md).
TEST_P(HuggingFaceGolden, Bfloat16LogitsMatchFloat64) {
  const std::map<std::string, double> measured{{"llama_tiny", 0.092}, {"llama_tied", 0.060}, {"gpt2_tiny", 0.036},
                                               {"qwen3_tiny", 0.077}, {"qwen2_tiny", 0.058}, {"llama3_tiny", 0.083}};
  const auto expected = golden();
  for (const bool gradients : {false, true}) {
    const auto loaded = read_model_folder(golden_path(folder()), {.gradients = gradients, .dtype = at::kBFloat16});
    EXPECT_TRUE(
        close(loaded.model->logits(expected["input_ids"]), expected["f64.logits"], 2 * measured.at(GetParam())));
  }
}

TEST_P(HuggingFaceGolden, LossAndEveryGradientMatch) {
  const auto expected = golden();
  const auto loaded = load();
  const auto targets = shifted_targets(expected["labels"]);
  const double count = (targets != kIgnoredTarget).sum().item<double>();
  const auto logits = loaded.model->logits(expected["input_ids"]);
  const auto loss = token_loss_sum(logits, targets) / count;
  EXPECT_TRUE(close(loss, expected["loss"], 5e-6));
  const auto per_token =
      at::cross_entropy_loss(logits.flatten(0, 1), targets.flatten(), {}, at::Reduction::None, kIgnoredTarget);
  EXPECT_TRUE(close(per_token.view(targets.sizes()), expected["per_token_loss"], 2e-5));

  torch::autograd::backward({loss}, {});
  std::map<std::string, at::Tensor> gradients;
  for (const auto& entry : loaded.model->named_parameters()) gradients.emplace(entry.key(), entry.value().grad());
  size_t compared = 0;
  for (const auto& tensor : file_layout(loaded.model->config())) {
    std::vector<at::Tensor> parts;
    for (const auto& part : tensor.parts) parts.push_back(gradients.at(part));
    const auto joined = at::cat(parts, 0);
    EXPECT_TRUE(close(tensor.transposed ? joined.t() : joined, expected["grad." + tensor.name], 7e-6)) << tensor.name;
    ++compared;
  }
  size_t in_golden = 0;
  for (const auto& info : expected.file().tensors()) in_golden += info.name.starts_with("grad.");
  EXPECT_EQ(compared, in_golden);
}

TEST_P(HuggingFaceGolden, GreedyContinuationsMatchWithTheCache) {
  const auto expected = golden();
  const auto loaded = load();
  const auto prompts = expected["input_ids"], ids = expected["generate.ids"];
  for (int64_t row = 0; row < prompts.size(0); ++row) {
    std::vector<int32_t> prompt, drawn;
    for (int64_t t = 0; t < prompts.size(1); ++t) prompt.push_back(prompts[row][t].item<int32_t>());
    const DrawSettings greedy{.count = ids.size(1), .sampling = {.temperature = 0}};
    generate_tokens(*loaded.model, {&prompt, 1}, greedy, [&](size_t, int32_t id) {
      drawn.push_back(id);
      return true;
    });
    EXPECT_TRUE(close(at::tensor(drawn), ids[row], 0)) << "row " << row;
  }
}

TEST_P(HuggingFaceGolden, CachedLogitsMatchStepByStep) {
  const auto expected = golden();
  const auto loaded = load();
  const auto& config = loaded.model->config();
  const c10::InferenceMode inference;
  const auto prompts = expected["input_ids"], ids = expected["generate.ids"];
  FloatKvCache cache(config.n_layers, prompts.size(0), config.max_sequence_length);
  auto input = prompts;
  for (int64_t step = 0; step < ids.size(1); ++step) {
    const auto hidden = loaded.model->hidden(input, &cache);
    const auto logits = loaded.model->head(hidden.select(1, hidden.size(1) - 1));
    ASSERT_TRUE(close(logits, expected["generate.logits"].select(1, step), 3e-5)) << "step " << step;
    input = ids.narrow(1, step, 1);
  }
}

// Where each row's documents begin, spread over its tokens.
at::Tensor starts_of(const std::vector<std::vector<int64_t>>& rows, int64_t tokens) {
  const auto starts = at::zeros({static_cast<int64_t>(rows.size()), tokens}, at::kLong);
  for (size_t row = 0; row < rows.size(); ++row) {
    for (const int64_t start : rows[row]) {
      starts[static_cast<int64_t>(row)].narrow(0, start, tokens - start).fill_(start);
    }
  }
  return starts;
}

TEST_P(HuggingFaceGolden, IsolatedDocumentsAreAsEachAlone) {
  const auto loaded = load();
  const auto ids = golden()["input_ids"];
  const int64_t tokens = ids.size(1);
  std::vector<std::vector<int64_t>> documents = {{0, 5, 6}, {0, 3}, {0}, {0, 1, tokens - 1}};
  documents.resize(static_cast<size_t>(ids.size(0)), {0, 2});
  const auto logits = loaded.model->head(loaded.model->hidden(ids, {.document_starts = starts_of(documents, tokens)}));
  for (int64_t row = 0; row < ids.size(0); ++row) {
    auto ends = documents[static_cast<size_t>(row)];
    ends.push_back(tokens);
    for (size_t i = 0; i + 1 < ends.size(); ++i) {
      const int64_t begin = ends[i], length = ends[i + 1] - begin;
      const auto alone = loaded.model->logits(ids.narrow(0, row, 1).narrow(1, begin, length));
      EXPECT_TRUE(close(logits.narrow(0, row, 1).narrow(1, begin, length), alone, 3e-5)) << row << " " << begin;
    }
  }
  EXPECT_FALSE(close(logits, loaded.model->logits(ids), 1e-2));
}

TEST_P(HuggingFaceGolden, JoinedProjectionsEqualSeparateOnes) {
  const auto ids = golden()["input_ids"];
  const auto joined = load();
  Transformer separate(joined.model->config());  // without an arena nothing is adjacent, so nothing is joined
  const auto parameters = joined.model->named_parameters();
  for (const auto& entry : separate.named_parameters())
    entry.value().set_data(parameters[entry.key()].detach().clone());
  separate.fuse_projections();
  EXPECT_TRUE(close(joined.model->logits(ids), separate.logits(ids), 1e-5));
}

TEST_P(HuggingFaceGolden, ParametersHaveTheNamesThatTheirShapeTells) {
  const auto loaded = load();
  std::set<std::string> names;
  for (const auto& entry : loaded.model->named_parameters()) names.insert(entry.key());
  const auto told = parameter_names(loaded.model->config());
  EXPECT_EQ(std::set<std::string>(told.begin(), told.end()), names);
  EXPECT_EQ(told.size(), names.size());
  EXPECT_EQ(model_size(loaded.model->config()).parameters, loaded.arena->size());
}

TEST_P(HuggingFaceGolden, WrittenFolderReadsBackToTheSameBits) {
  const auto loaded = load();
  const auto folder = std::filesystem::path(testing::TempDir()) / ("slm_written_" + GetParam());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  write_model_folder(folder, loaded.model->config(), *loaded.arena, nullptr);
  const auto again = read_model_folder(folder);
  auto config = loaded.model->config();
  EXPECT_EQ(again.model->config(), config);
  EXPECT_TRUE(at::equal(again.arena->parameters(), loaded.arena->parameters()));
  // Every tensor of Hugging Face's own file is there, bit for bit.
  const Golden theirs(this->folder() + "/model.safetensors");
  const SafetensorsFile ours(folder / "model.safetensors");
  ASSERT_EQ(ours.tensors().size(), theirs.file().tensors().size());
  for (const auto& info : theirs.file().tensors()) {
    ASSERT_NE(ours.find(info.name), nullptr) << info.name;
    EXPECT_TRUE(at::equal(load_tensor(ours, *ours.find(info.name)), theirs[info.name])) << info.name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, HuggingFaceGolden,
                         testing::Values("llama_tiny", "llama_tied", "llama3_tiny", "gpt2_tiny", "qwen2_tiny",
                                         "qwen3_tiny"),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace slm
