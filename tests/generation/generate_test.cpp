#include "generation/generate.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "checkpoint/generation_config.h"
#include "checkpoint/model_folder.h"
#include "core/error_of.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "data/char_tokenizer.h"
#include "generation/generate_tokens.h"
#include "generation/passes.h"
#include "model/golden.h"

namespace slm {
namespace {

using Ids = std::vector<int32_t>;

// The documented rule without a cache: every token is the likeliest after a window of the newest tokens; a window that
// has grown to the model's length is cut to the newer half before the next token.
Ids likeliest_tokens(Transformer& model, Ids context, size_t count) {
  const c10::InferenceMode inference;
  const auto length = static_cast<size_t>(model.config().max_sequence_length);
  Ids drawn;
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

Ids some_prompt(int64_t length, int32_t seed = 0) {
  Ids prompt;
  for (int32_t i = 0; i < length; ++i) prompt.push_back((i * 37 + seed * 11) % 101);
  return prompt;
}

// counts[row] tokens after each prompt, all rows in one batch.
std::vector<Ids> drawn_tokens(Transformer& model, const std::vector<Ids>& prompts, const std::vector<size_t>& counts,
                              const SamplingSettings& sampling = {.temperature = 0},
                              KvCacheKind kv_cache = KvCacheKind::kFloat) {
  std::vector<Ids> drawn(prompts.size());
  const auto most = *std::max_element(counts.begin(), counts.end());
  const DrawSettings settings{.count = static_cast<int64_t>(most), .sampling = sampling, .kv_cache = kv_cache};
  generate_tokens(model, prompts, settings, [&](size_t row, int32_t id) {
    drawn[row].push_back(id);
    return drawn[row].size() < counts[row];
  });
  return drawn;
}

class RaggedBatch : public testing::TestWithParam<const char*> {
 protected:
  Transformer& model() { return *loaded_.model; }
  int64_t length() const { return loaded_.model->config().max_sequence_length; }

 private:
  LoadedModel loaded_ = read_model_folder(golden_path(std::string("models/") + GetParam()));
};

TEST_P(RaggedBatch, ASingleTextKeepsTheNewerHalfOfAFullContext) {
  for (const int64_t prompt_length : {int64_t{5}, length() - 1, length(), length() + 9}) {
    const auto prompt = some_prompt(prompt_length);
    const auto count = static_cast<size_t>(2 * length() + 3);  // several shifts
    EXPECT_EQ(drawn_tokens(model(), {prompt}, {count})[0], likeliest_tokens(model(), prompt, count)) << prompt_length;
  }
}

TEST_P(RaggedBatch, EveryRowOfARaggedBatchDrawsWhatItDrawsAlone) {
  const std::vector<int64_t> lengths{7, length(), 1, length() + 9, 7, length() - 3, length() / 2};
  std::vector<Ids> prompts;
  std::vector<size_t> counts;  // rows leave at different times, before and after their contexts are full
  for (size_t row = 0; row < lengths.size(); ++row) {
    prompts.push_back(some_prompt(lengths[row], static_cast<int32_t>(row)));
    counts.push_back(row % 3 == 0 ? static_cast<size_t>(2 * length()) : 9 + 20 * row);
  }
  const auto together = drawn_tokens(model(), prompts, counts);
  for (size_t row = 0; row < prompts.size(); ++row) {
    EXPECT_EQ(together[row], drawn_tokens(model(), {prompts[row]}, {counts[row]})[0]) << "row " << row;
  }
}

TEST_P(RaggedBatch, WithAnInt8CacheTooEveryRowDrawsWhatItDrawsAlone) {
  const std::vector<Ids> prompts{some_prompt(7), some_prompt(length() - 2, 1), some_prompt(2, 2)};
  const std::vector<size_t> counts{static_cast<size_t>(2 * length()), 30, 9};
  const auto drawn = [&](const std::vector<Ids>& some, const std::vector<size_t>& how_many) {
    return drawn_tokens(model(), some, how_many, {.temperature = 0}, KvCacheKind::kInt8);
  };
  const auto together = drawn(prompts, counts);
  for (size_t row = 0; row < prompts.size(); ++row) {
    EXPECT_EQ(together[row], drawn({prompts[row]}, {counts[row]})[0]) << "row " << row;
  }
}

TEST_P(RaggedBatch, LogitsOfRaggedRowsAreThoseOfTheSingleTexts) {
  const c10::InferenceMode inference;
  const std::vector<Ids> texts{some_prompt(9, 1), some_prompt(3, 2), some_prompt(17, 3)};
  constexpr size_t kDecoded = 2;
  FloatKvCache cache(model().config().n_layers, 3, length());
  std::vector<std::span<const int32_t>> prompts;
  for (const auto& text : texts) prompts.push_back(std::span(text).first(text.size() - kDecoded));
  auto logits = prefill(model(), prompts, cache);
  for (size_t behind = kDecoded + 1; behind-- > 0;) {  // how many tokens of each text have not been read
    for (int64_t row = 0; row < 3; ++row) {
      const auto& text = texts[static_cast<size_t>(row)];
      const std::vector<int64_t> read(text.begin(), text.end() - static_cast<std::ptrdiff_t>(behind));
      const auto alone = model().logits(at::tensor(read, at::kLong).unsqueeze(0))[0][-1];
      EXPECT_TRUE(close(logits[row], alone, 3e-5)) << "row " << row << ", " << behind << " to go";
    }
    if (behind == 0) break;
    std::vector<int64_t> next;
    for (const auto& text : texts) next.push_back(text[text.size() - behind]);
    logits = decode(model(), next, cache);
  }
}

TEST_P(RaggedBatch, ARowsDrawsDependOnSeedAndRowAndNotOnItsNeighbours) {
  const auto prompt = some_prompt(6);
  const SamplingSettings sampling{.temperature = 1.0, .seed = 5};
  const auto among = [&](const Ids& other, size_t others_count) {
    return drawn_tokens(model(), {other, prompt, prompt}, {others_count, 30, 30}, sampling);
  };
  const auto first = among(some_prompt(20, 4), 3), second = among(some_prompt(2, 9), 40);
  EXPECT_EQ(first[1], second[1]);
  EXPECT_EQ(first[2], second[2]);
  EXPECT_NE(first[1], first[2]);
  auto later = sampling;
  later.first_row = 1;
  EXPECT_EQ(drawn_tokens(model(), {prompt, prompt}, {30, 30}, later), (std::vector<Ids>{first[1], first[2]}));
}

TEST_P(RaggedBatch, RepetitionPenaltyDrawsTheTokensThatHuggingFaceDraws) {
  const Golden golden("generation/repetition_penalty.safetensors");
  const auto expected = golden[std::string(GetParam()) + ".ids"];
  const auto inputs = Golden(std::string("models/") + GetParam() + "/case.safetensors")["input_ids"].to(at::kInt);
  std::vector<Ids> prompts;
  for (int64_t row = 0; row < 2; ++row) {
    const auto ids = inputs[row].contiguous();
    prompts.emplace_back(ids.data_ptr<int32_t>(), ids.data_ptr<int32_t>() + ids.numel());
  }
  const SamplingSettings sampling{.temperature = 0, .repetition_penalty = golden["penalty"].item<double>()};
  const auto count = static_cast<size_t>(expected.size(1));
  const auto drawn = drawn_tokens(model(), prompts, {count, count}, sampling);
  for (size_t row = 0; row < 2; ++row) {
    EXPECT_TRUE(close(at::tensor(drawn[row]), expected[static_cast<int64_t>(row)], 0)) << "row " << row;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, RaggedBatch, testing::Values("gpt2_tiny", "llama_tiny", "llama_tied", "qwen3_tiny"),
                         [](const auto& parameter) { return std::string(parameter.param); });

TEST(KvCache, RowsThatDoNotDifferTakeThePathWithoutAMask) {
  FloatKvCache cache(1, 2, 8);
  const auto x = at::ones({2, 1, 3, 4});
  cache.attend(0, x, x, x);
  EXPECT_FALSE(cache.next_positions(1).each.defined());
  EXPECT_EQ(cache.next_positions(1).first, 3);
  cache.set_length(1, 1);
  EXPECT_TRUE(at::equal(cache.next_positions(2).each, at::tensor({3, 4, 1, 2}, at::kLong).view({2, 2})));
}

TEST(KvCache, StoresInTheDtypeOfItsKeys) {
  const auto x = at::ones({1, 1, 2, 4}, at::kBFloat16);
  FloatKvCache cache(1, 1, 8);
  EXPECT_EQ(cache.attend(0, x, x, x).scalar_type(), at::kBFloat16);
}

// --- texts ---

class GenerateTexts : public testing::Test {
 protected:
  // A model that always draws the token after the last one: 'a', 'b', ... , without any weights but a trick's. Token
  // i's embedding is e_i; nothing changes it on its way; the head gives e_(i + 1) the greatest logit.
  GenerateTexts() {
    loaded_ = build_model({.vocab_size = kLetters,
                           .max_sequence_length = 16,
                           .n_layers = 1,
                           .n_heads = 1,
                           .n_kv_heads = 1,
                           .head_dim = kLetters,
                           .d_model = kLetters,
                           .d_ff = 4},
                          {});
    loaded_.arena->parameters().zero_();
    const auto parameters = loaded_.model->named_parameters();
    const auto unit = at::eye(kLetters);
    parameters["model.embed_tokens.weight"].detach().copy_(unit);
    parameters["model.norm.weight"].detach().fill_(1);
    parameters["lm_head.weight"].detach().copy_(unit.roll(1, 0));
  }

  std::vector<Generation> generate(const std::vector<std::string>& prompts, const GenerationSettings& settings) {
    std::vector<Ids> ids;
    for (const auto& prompt : prompts) ids.push_back(encode_prompt(tokenizer_, prompt, "prompt"));
    return generate_texts(*loaded_.model, tokenizer_, ids, settings);
  }

  static constexpr int64_t kLetters = 8;
  CharTokenizer tokenizer_{{'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}};
  LoadedModel loaded_;
};

TEST_F(GenerateTexts, EachRowEndsForItsOwnReason) {
  const auto results = generate(
      {"a", "h", "e"}, {.max_tokens = 4, .sampling = {.temperature = 0}, .stop = {"bc"}, .end_of_text = {6, 7}});
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].text, "");
  EXPECT_EQ(results[0].reason, FinishReason::kStop);
  EXPECT_EQ(results[0].ids, (Ids{1, 2}));
  EXPECT_EQ(results[1].text, "a");
  EXPECT_EQ(results[1].reason, FinishReason::kStop);
  EXPECT_EQ(results[2].text, "f");
  EXPECT_EQ(results[2].ids, (Ids{5, 6}));
  EXPECT_EQ(results[2].reason, FinishReason::kEndOfText);
  const auto whole = generate({"c"}, {.max_tokens = 20, .sampling = {.temperature = 0}, .stop = {}, .end_of_text = {}});
  EXPECT_EQ(whole[0].text, "defghabcdefghabcdefg");
  EXPECT_EQ(whole[0].reason, FinishReason::kLength);
}

TEST_F(GenerateTexts, AnEmptyPromptIsAnErrorThatNamesItsPlace) {
  const auto error = error_of([&] { encode_prompt(tokenizer_, "", "prompts.txt:3"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::kUsage);
  EXPECT_TRUE(std::string(error->what()).starts_with("prompts.txt:3: the prompt is empty")) << error->what();
}

TEST(EndOfText, ComesFromTheGenerationConfigOrElseFromTheModelsConfig) {
  using EndIds = std::vector<int64_t>;
  const TemporaryFolder folder;
  TransformerConfig config;
  EXPECT_EQ(read_end_of_text(folder.path(), config), EndIds{});
  config.special_tokens.eos = {5};
  EXPECT_EQ(read_end_of_text(folder.path(), config), EndIds{5});
  const auto with = [&](const std::string& ids) {
    write_file_atomically(folder / "generation_config.json", "{\"eos_token_id\": " + ids + "}");
    return read_end_of_text(folder.path(), config);
  };
  EXPECT_EQ(with("null"), EndIds{5});
  EXPECT_EQ(with("3"), EndIds{3});
  EXPECT_EQ(with("[7, 2]"), (EndIds{7, 2}));
  for (const char* wrong : {"-1", "1.5", "\"5\"", "[1, []]", "true"}) EXPECT_THROW(with(wrong), Error) << wrong;
}

}  // namespace
}  // namespace slm
