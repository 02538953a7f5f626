#include "generation/generate.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "checkpoint/model_folder.h"
#include "model/golden.h"

namespace slm {
namespace {

// The documented rule without a cache: every token is the likeliest after a window of the newest tokens; a window that
// has grown to the model's length is cut to the newer half before the next token.
std::vector<int32_t> likeliest_tokens(Transformer& model, std::vector<int32_t> context, size_t count) {
  const c10::InferenceMode inference;
  const auto length = static_cast<size_t>(model.config().max_sequence_length);
  std::vector<int32_t> drawn;
  size_t begin = context.size() > length ? context.size() - length : 0;
  while (drawn.size() < count) {
    const std::vector<int64_t> window(context.begin() + static_cast<int64_t>(begin), context.end());
    const auto logits = model.logits(at::tensor(window, at::kLong).unsqueeze(0));
    drawn.push_back(static_cast<int32_t>(logits[0][-1].argmax().item<int64_t>()));
    context.push_back(drawn.back());
    if (context.size() - begin > length) begin = context.size() - length / 2;
  }
  return drawn;
}

class ContextShift : public testing::TestWithParam<const char*> {};

TEST_P(ContextShift, KeepsTheNewerHalfOfAFullContext) {
  const auto loaded = read_model_folder(golden_path(std::string("models/") + GetParam()));
  const auto length = loaded.model->config().max_sequence_length;
  for (const int64_t prompt_length : {int64_t{5}, length - 1, length, length + 9}) {
    std::vector<int32_t> prompt;
    for (int32_t i = 0; i < prompt_length; ++i) prompt.push_back(i * 37 % 101);
    const auto count = static_cast<size_t>(2 * length + 3);  // several shifts
    std::vector<int32_t> drawn;
    generate_tokens(*loaded.model, prompt, static_cast<int64_t>(count), {.temperature = 0}, [&](int32_t id) {
      drawn.push_back(id);
      return true;
    });
    EXPECT_EQ(drawn, likeliest_tokens(*loaded.model, prompt, count)) << "after " << prompt_length;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ContextShift, testing::Values("gpt2_tiny", "llama_tiny"));

}  // namespace
}  // namespace slm
