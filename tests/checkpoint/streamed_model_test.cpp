#include "checkpoint/streamed_model.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <limits>

#include "checkpoint/folder_files.h"
#include "core/error_of.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "model/golden.h"

namespace slm {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// What shares a page with its neighbours survives being given back, and pages may be taken later; so it is lost here.
void lose_linear_weights(const StreamedModel& streamed, const std::string& prefix) {
  for (const auto& parameter : streamed.parent().named_parameters()) {
    const bool linear = parameter.key().ends_with("_proj.weight") || parameter.key() == "lm_head.weight";
    if (linear && parameter.key().starts_with(prefix)) parameter.value().fill_(kNan);
  }
}

class StreamedModels : public testing::TestWithParam<const char*> {};

TEST_P(StreamedModels, ReadEveryWeightAgainThatTheyHaveGivenBack) {
  const c10::NoGradGuard no_grad;
  const auto folder = golden_path(std::string("models/") + GetParam());
  const auto ids = Golden(std::string("models/") + GetParam() + "/case.safetensors")["input_ids"];
  const auto whole = read_model_folder(folder);
  const auto hidden = whole.model->hidden(ids);
  StreamedModel streamed(folder);
  for (int pass = 0; pass < 2; ++pass) {
    lose_linear_weights(streamed, "");
    EXPECT_TRUE(at::equal(streamed.hidden(ids, {}), hidden));
  }
  const auto head = streamed.read_block(streamed.parent().config().n_layers);
  EXPECT_EQ(head.size(), streamed.parent().config().tie_embeddings ? 0 : 1);
  EXPECT_TRUE(at::equal(streamed.parent().head(hidden), whole.model->head(hidden)));
}

INSTANTIATE_TEST_SUITE_P(Checkpoint, StreamedModels, testing::Values("llama_tiny", "llama_tied", "gpt2_tiny"));

TEST(StreamedModel, KeepsWhatNobodyGaveBack) {
  const c10::NoGradGuard no_grad;
  const auto ids = Golden("models/llama_tiny/case.safetensors")["input_ids"];
  StreamedModel streamed(golden_path("models/llama_tiny"));
  const auto layers = streamed.read_block(0);
  EXPECT_EQ(layers.size(), 7);
  lose_linear_weights(streamed, "model.layers.0.self_attn.q_proj");
  EXPECT_TRUE(at::isnan(streamed.hidden(ids, {})).any().item<bool>());  // it was not read again
  streamed.discard("model.layers.0.self_attn.q_proj");
  EXPECT_FALSE(at::isnan(streamed.hidden(ids, {})).any().item<bool>());
}

TEST(StreamedModel, NamesATensorThatIsMissingBeforeAnythingIsRead) {
  const TemporaryFolder folder;
  std::filesystem::copy(golden_path("models/llama_tiny") / "config.json", folder.path() / "config.json");
  std::filesystem::copy(golden_path("models/llama_tiny") / "model.safetensors", folder.path() / "model.safetensors");
  auto config = read_file(folder.path() / "config.json");
  const auto layers = config.find("\"num_hidden_layers\": 2");
  ASSERT_NE(layers, std::string::npos);
  config[layers + std::string_view("\"num_hidden_layers\": ").size()] = '3';
  write_text(folder.path() / "config.json", config);
  EXPECT_NE(message_of([&] { StreamedModel streamed(folder.path()); }).find("model.layers.2."), std::string::npos);
}

}  // namespace
}  // namespace slm
