// Figures that are known: of a model without weights, which gives every token the same probability, of Hugging Face's
// goldens, and sums over one token at a time.
#include "evaluation/evaluate.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "checkpoint/model_folder.h"
#include "core/temporary_folder.h"
#include "data/char_tokenizer.h"
#include "data/stories/stories.h"
#include "data/write_token_file.h"
#include "evaluation/continuations.h"
#include "evaluation/divergence.h"
#include "evaluation/probe_scores.h"
#include "model/golden.h"

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
  const TokenStream tokens({{folder / "tokens.bin"}}, 7);
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

TEST(CompareKvCache, AFloatCacheCostsNothingAndAnInt8CacheLittle) {
  const TemporaryFolder folder;
  const auto loaded = read_model_folder(golden_path("models/llama_tiny"));
  const auto vocabulary = loaded.model->config().vocab_size;
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 400; ++i) ids.push_back(i * i % static_cast<int32_t>(vocabulary));
  write_token_file(folder / "tokens.bin", ids, vocabulary);
  const TokenStream tokens({{folder / "tokens.bin"}}, vocabulary);
  const auto cost = [&](KvCacheKind kind) {
    return compare_kv_cache(*loaded.model, kind, tokens, loaded.model->config().max_sequence_length, {});
  };
  const auto none = cost(KvCacheKind::kFloat), some = cost(KvCacheKind::kInt8);
  EXPECT_LE(std::abs(none.kl_divergence), 1e-9);
  EXPECT_EQ(none.flips, 0);
  EXPECT_GE(some.kl_divergence, 1e-8);
  EXPECT_LE(some.kl_divergence, 1e-3);
  EXPECT_EQ(some.tokens, none.tokens);
  EXPECT_NEAR(some.loss_first, none.loss_first, 1e-12);
}

// -ln p of tokens[i] after the `before` tokens that stand in front of it, asked for alone.
double loss_of_token(Transformer& model, const std::vector<int32_t>& tokens, int64_t i, int64_t before) {
  const c10::InferenceMode inference;
  const std::vector<int64_t> context(tokens.begin() + (i - before), tokens.begin() + i);
  const auto logits = model.logits(at::tensor(context, at::kLong).unsqueeze(0))[0][-1];
  return -logits.log_softmax(-1, at::kDouble)[tokens[static_cast<size_t>(i)]].item<double>();
}

TEST(Evaluate, WithAStrideEveryTokenIsScoredOnceInItsWindow) {
  const auto loaded = read_model_folder(golden_path("models/llama_tiny"));
  constexpr int64_t kTokens = 83, kWindow = 16, kStride = 6;
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < kTokens; ++i) ids.push_back(i * i * 31 % 128);
  const TemporaryFolder folder;
  write_token_file(folder / "tokens.bin", ids, 128);
  const TokenStream tokens({{folder / "tokens.bin"}}, 128);
  double sum = 0;
  for (int64_t i = 1; i < kTokens; ++i) {
    // The first window holds the targets 1 .. 16, the next ones 6 new ones each, from a place that is a multiple of 6.
    const int64_t window = i <= kWindow ? 0 : (i - kWindow + kStride - 1) / kStride;
    sum += loss_of_token(*loaded.model, ids, i, i - window * kStride);
  }
  const std::vector<int32_t> three_bytes_each(128, 3);
  const auto result = evaluate(*loaded.model, tokens, three_bytes_each, kWindow,
                               {.batch_size = 4, .max_batches = 0, .stride = kStride});
  EXPECT_EQ(result.tokens, kTokens - 1);
  EXPECT_NEAR(result.loss, sum / (kTokens - 1), 1e-5);
  EXPECT_NEAR(result.perplexity, std::exp(sum / (kTokens - 1)), 1e-3);
  EXPECT_NEAR(result.bits_per_byte, sum / std::log(2.0) / (3 * (kTokens - 1)), 1e-5);
}

// Every beginning of a golden's row as context, the rest as continuation; ragged rows side by side.
TEST(Continuations, LogProbabilitiesAreHuggingFacesTokenLosses) {
  for (const std::string name : {"llama_tiny", "llama_tied", "gpt2_tiny", "qwen3_tiny"}) {
    const auto loaded = read_model_folder(golden_path("models/" + name));
    const Golden golden("models/" + name + "/case.safetensors");
    const auto row = golden["input_ids"][0].to(at::kInt).contiguous();
    const std::vector<int32_t> ids(row.data_ptr<int32_t>(), row.data_ptr<int32_t>() + row.numel());
    const auto labels = golden["labels"][0], losses = golden["per_token_loss"][0];
    std::vector<Continuation> continuations;
    for (auto split = ids.begin() + 1; split != ids.end(); ++split) {
      continuations.push_back({{ids.begin(), split}, {split, ids.end()}});
    }
    const auto scores = score_continuations(*loaded.model, continuations, 5);
    ASSERT_EQ(scores.size(), continuations.size());
    for (size_t c = 0; c < scores.size(); ++c) {
      const size_t first = continuations[c].context.size();
      ASSERT_EQ(scores[c].size(), ids.size() - first);
      for (size_t i = 0; i < scores[c].size(); ++i) {
        const auto target = static_cast<int64_t>(first + i);
        if (labels[target].item<int64_t>() < 0) continue;  // the golden has no loss there
        EXPECT_NEAR(scores[c][i], -losses[target - 1].item<double>(), 2e-5) << name << " " << c << " " << i;
      }
    }
  }
}

TEST(Continuations, ALongContextIsCutAtItsBeginning) {
  const auto loaded = read_model_folder(golden_path("models/gpt2_tiny"));
  const int64_t window = loaded.model->config().max_sequence_length;
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < window + 30; ++i) ids.push_back(i * 53 % 128);
  const auto split = ids.end() - 3;
  const auto scores =
      score_continuations(*loaded.model, std::vector<Continuation>{{{ids.begin(), split}, {split, ids.end()}}}, 1);
  ASSERT_EQ(scores[0].size(), 3u);
  for (int64_t i = 0; i < 3; ++i) {
    // The window's last input is the token before the last target.
    const double loss = loss_of_token(*loaded.model, ids, window + 27 + i, window - 2 + i);
    EXPECT_NEAR(scores[0][static_cast<size_t>(i)], -loss, 2e-5);
  }
}

TEST(ProbeScores, AModelThatPrefersNothingIsRightNowhere) {
  CharacterSet characters;
  characters.add(stories::text(stories::kTrainSeed, 200), "stories");
  const CharTokenizer tokenizer(characters.code_points());
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
