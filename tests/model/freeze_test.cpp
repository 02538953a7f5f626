#include "model/freeze.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/error_of.h"

namespace slm {
namespace {

const TransformerConfig kLlama{.n_layers = 2};
const TransformerConfig kTied{.n_layers = 1, .tie_embeddings = true};
const TransformerConfig kGpt2WithoutBiases{
    .n_layers = 1, .norm = NormKind::kLayerNorm, .activation = Activation::kGelu, .position = PositionKind::kLearned};

TEST(Freeze, GlobsNameParametersCanonically) {
  EXPECT_EQ(frozen_parameters(kLlama, {"lm_head.*", "*.1.self_attn.?_proj.weight"}),
            (std::set<std::string>{"lm_head.weight", "model.layers.1.self_attn.k_proj.weight",
                                   "model.layers.1.self_attn.o_proj.weight", "model.layers.1.self_attn.q_proj.weight",
                                   "model.layers.1.self_attn.v_proj.weight"}));
  EXPECT_EQ(frozen_parameters(kGpt2WithoutBiases, {"*.up_proj.*"}),
            std::set<std::string>{"model.layers.0.mlp.up_proj.weight"});
}

TEST(Freeze, NamesAGlobThatMatchesNothingAndTheNearestThatDoes) {
  const auto message = [](const TransformerConfig& config, const std::string& glob) {
    return message_of([&] { frozen_parameters(config, {"model.norm.weight", glob}); });
  };
  EXPECT_EQ(message(kLlama, "model.layer.0.*"),
            "freeze: 'model.layer.0.*' matches no parameter; did you mean model.layers.0.*?");
  EXPECT_EQ(message(kLlama, "model.layers.1"),
            "freeze: 'model.layers.1' matches no parameter; did you mean model.layers.1.*?");
  EXPECT_EQ(message(kLlama, "*.q_proj"), "freeze: '*.q_proj' matches no parameter; did you mean *.q_proj.*?");
  EXPECT_EQ(message(kLlama, "model.layers.*.self_atn.q_proj.weight"),
            "freeze: 'model.layers.*.self_atn.q_proj.weight' matches no parameter; did you mean "
            "model.layers.*.self_attn.q_proj.weight?");
  EXPECT_EQ(message(kLlama, "transformer.h.0.*"),
            "freeze: 'transformer.h.0.*' matches no parameter; the first of the model is model.embed_tokens.weight");
  EXPECT_EQ(message(kTied, "lm_head.*"),
            "freeze: 'lm_head.*' matches no parameter: the head is tied, so freeze model.embed_tokens.weight instead");
}

TEST(Freeze, SomethingMustBeLeftToTrain) {
  const auto error = error_of([] { frozen_parameters(kLlama, {"model.*", "lm_head.weight"}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::kUsage);
  EXPECT_STREQ(error->what(), "freeze: [model.*, lm_head.weight] leaves no parameter to train");
}

}  // namespace
}  // namespace slm
