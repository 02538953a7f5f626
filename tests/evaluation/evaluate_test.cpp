// A model without weights gives every token the same probability, so that every figure is known exactly.
#include "evaluation/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "checkpoint/model_folder.h"
#include "core/temporary_folder.h"
#include "data/char_tokenizer.h"
#include "data/stories/stories.h"
#include "evaluation/probe_scores.h"

namespace slm {
namespace {

LoadedModel uniform_model(int64_t vocab_size, int64_t window) {
  auto loaded = build_model({.vocab_size = vocab_size,
                             .max_sequence_length = window,
                             .n_layers = 1,
                             .n_heads = 1,
                             .n_kv_heads = 1,
                             .head_dim = 4,
                             .d_model = 4,
                             .d_ff = 8},
                            {});
  loaded.arena->parameters().zero_();
  return loaded;
}

TEST(Evaluate, AUniformModelNeedsTheLogarithmOfTheVocabulary) {
  const TemporaryFolder folder;
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 100; ++i) ids.push_back(i % 7);
  write_token_file(folder / "tokens.bin", ids, 7);
  const TokenFile tokens(folder / "tokens.bin", 7);
  const std::vector<int32_t> two_bytes_each(7, 2);
  const auto loaded = uniform_model(7, 8);
  std::vector<double> shares;
  const auto result = evaluate(*loaded.model, tokens, two_bytes_each, 8, {.batch_size = 5},
                               [&](double share) { shares.push_back(share); });
  EXPECT_EQ(result.tokens, 96);  // 12 windows of 8 targets; 3 tokens are left over
  EXPECT_NEAR(result.loss, std::log(7.0), 1e-6);
  EXPECT_NEAR(result.perplexity, 7.0, 1e-5);
  EXPECT_NEAR(result.bits_per_byte, std::log2(7.0) / 2, 1e-6);
  EXPECT_EQ(shares.size(), 3u);
  EXPECT_EQ(shares.back(), 1.0);
  EXPECT_EQ(evaluate(*loaded.model, tokens, two_bytes_each, 8, {.batch_size = 5, .max_batches = 2}).tokens, 80);
}

TEST(ProbeScores, AModelThatPrefersNothingIsRightNowhere) {
  std::set<char32_t> characters;
  collect_characters(stories::text(stories::kTrainSeed, 200), "stories", characters);
  const CharTokenizer tokenizer(characters);
  const auto loaded = uniform_model(tokenizer.vocab_size(), 128);
  const auto scores = score_probes(*loaded.model, tokenizer);
  ASSERT_EQ(scores.size(), 4u);
  for (const auto& score : scores) {
    EXPECT_EQ(score.right, 0) << score.ability;
    EXPECT_EQ(score.total, 50) << score.ability;
  }
}

}  // namespace
}  // namespace slm
