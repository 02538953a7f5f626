#include "generation/sampler.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "model/golden.h"

namespace slm {
namespace {

const std::vector<float> kLogits{1.0f, 3.0f, 2.0f, 3.0f, -1.0f};

TEST(Sampler, TemperatureZeroTakesTheFirstOfTheLikeliest) {
  Sampler sampler({.temperature = 0});
  EXPECT_EQ(sampler.next(kLogits), 1);
}

TEST(Sampler, DistributionIsTheSoftmaxOfLogitsOverTemperature) {
  const auto p = sampling_distribution(kLogits, {.temperature = 0.5});
  double sum = 0;
  for (const float x : kLogits) sum += std::exp(x / 0.5);
  for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(p[i], std::exp(kLogits[i] / 0.5) / sum, 1e-15);
}

TEST(Sampler, TopKKeepsTheLikeliestAndAmongEqualsTheFirst) {
  const auto p = sampling_distribution(kLogits, {.top_k = 1});
  EXPECT_EQ(p, (std::vector<double>{0, 1, 0, 0, 0}));
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  // softmax: .054, .397, .146, .397, .007: two tokens reach .79, the third is needed for .87
  const auto two = sampling_distribution(kLogits, {.top_p = 0.79});
  EXPECT_EQ(two[2], 0.0);
  EXPECT_NEAR(two[1], 0.5, 1e-12);
  const auto three = sampling_distribution(kLogits, {.top_p = 0.87});
  EXPECT_GT(three[2], 0.0);
  EXPECT_EQ(three[0], 0.0);
}

TEST(Sampler, VerySmallTopPStillKeepsOneToken) {
  const auto p = sampling_distribution(kLogits, {.top_p = 0.0});
  EXPECT_EQ(p, (std::vector<double>{0, 1, 0, 0, 0}));
}

TEST(Sampler, DrawsFollowTheDistribution) {
  const SamplingSettings settings{.seed = 9};
  const auto p = sampling_distribution(kLogits, settings);
  Sampler sampler(settings);
  std::vector<int> counts(kLogits.size());
  constexpr int kDraws = 50000;
  for (int i = 0; i < kDraws; ++i) ++counts[static_cast<size_t>(sampler.next(kLogits))];
  for (size_t i = 0; i < p.size(); ++i) {
    const double deviation = std::sqrt(kDraws * p[i] * (1 - p[i]));
    EXPECT_NEAR(counts[i], kDraws * p[i], 5 * deviation) << i;
  }
}

TEST(Sampler, RepetitionPenaltyEqualsHuggingFacesProcessor) {
  const Golden golden("generation/repetition_penalty.safetensors");
  auto logits = golden["logits"].clone();
  const auto context = golden["context"].to(at::kInt);
  const auto values = std::span(logits.data_ptr<float>(), static_cast<size_t>(logits.numel()));
  const auto ids = std::span(context.const_data_ptr<int32_t>(), static_cast<size_t>(context.numel()));
  penalize_repetition(values, ids, golden["penalty"].item<double>());
  EXPECT_TRUE(close(logits, golden["penalized"], 0));
  EXPECT_FALSE(close(logits, golden["logits"], 0));
}

TEST(Sampler, RepetitionPenaltyLooksAtTheContextOnly) {
  Sampler sampler({.temperature = 0, .repetition_penalty = 2});
  EXPECT_EQ(sampler.next(kLogits), 1);
  EXPECT_EQ(sampler.next(kLogits, std::vector<int32_t>{4, 1}), 3);
  EXPECT_EQ(sampler.next(kLogits, std::vector<int32_t>{1, 3, 1}), 2);
}

TEST(Sampler, TheRowDecidesTheDrawsToo) {
  const auto draws = [](uint64_t row) {
    Sampler sampler({.seed = 1}, row);
    std::vector<int32_t> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(sampler.next(kLogits));
    return ids;
  };
  EXPECT_EQ(draws(0), draws(0));
  EXPECT_NE(draws(0), draws(1));
  EXPECT_NE(draws(1), draws(2));
}

TEST(Sampler, TheSeedDecidesTheDraws) {
  const auto draws = [](uint64_t seed) {
    Sampler sampler({.seed = seed});
    std::vector<int32_t> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(sampler.next(kLogits));
    return ids;
  };
  EXPECT_EQ(draws(1), draws(1));
  EXPECT_NE(draws(1), draws(2));
}

}  // namespace
}  // namespace slm
