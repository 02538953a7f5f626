#include "config/explain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "config/minimal_config.h"
#include "core/file.h"

namespace slm {
namespace {

const std::string kRoot = SLM_SOURCE_DIR;

TEST(ConfigExplain, SaysTypeRangeDefaultResumeRuleAndRelatedKeys) {
  EXPECT_EQ(explain("wsd_decay_type"),
            "wsd_decay_type\n"
            "  Shape of the decay at the end. Only with lr_scheduler_type wsd.\n"
            "  type:    text\n"
            "  allowed: one of linear, cosine, 1-sqrt\n"
            "  default: linear\n"
            "  resume:  fixed (a resumed run must have the same value)\n"
            "  related: lr_scheduler_type\n");
  EXPECT_EQ(message_of([] { explain("n_layer"); }), "n_layer: unknown key; did you mean model.n_layers?");
}

TEST(ConfigExplain, AKeyWithoutADefaultIsNeeded) {
  for (const char* key : {"output_dir", "data.train", "model.n_layers"}) {
    EXPECT_NE(explain(key).find("\n  default: needed\n"), std::string::npos) << key;
  }
}

TEST(ConfigExplain, AWordForNotGivenIsAllowed) {
  EXPECT_NE(explain("device").find("\n  allowed: one of auto, cpu, cuda\n"), std::string::npos);
}

TEST(ConfigExplain, ABlockIsExplainedByItsKeys) {
  const auto text = explain("data");
  EXPECT_TRUE(text.starts_with("data:\n  The text to learn.\n  data.train (needed): ")) << text;
  EXPECT_EQ(text.find("model."), std::string::npos);
}

TEST(ConfigExplain, TheBaseOfAFileIsExplainedLikeAnyKey) {
  EXPECT_TRUE(explain("base").starts_with("base\n  Another config that this one begins from;"));
  EXPECT_EQ(message_of([] { explain("bse"); }), "bse: unknown key; did you mean base?");
}

TEST(ConfigExplain, RelatedKeysNameEachOtherInBothDirections) {
  const auto all = list_file_keys();
  const auto related = [&](const std::string& key) {
    const auto field = std::find_if(all.begin(), all.end(), [&](const auto& f) { return f.key == key; });
    const auto keys = related_keys(*field, all);
    return std::set<std::string>(keys.begin(), keys.end());
  };
  for (const auto& field : all) {
    for (const auto& other : related(field.key)) EXPECT_TRUE(related(other).contains(field.key)) << field.key << other;
    EXPECT_FALSE(related(field.key).contains(field.key)) << field.key;
  }
  EXPECT_EQ(related("model.bias"), (std::set<std::string>{"model.qkv_bias"}));
  EXPECT_TRUE(related("tokens_per_step").contains("model.max_sequence_length"));
}

TEST(ConfigExplain, EveryFieldIsExplainedInSentences) {
  for (const auto& field : list_file_keys()) EXPECT_TRUE(field.doc.ends_with(".")) << field.key;
}

TEST(ConfigExplain, EveryListHasEveryKeyOnce) {
  const auto fields = list_file_keys();
  std::set<std::string> keys;
  for (const auto& field : fields) keys.insert(field.key);
  EXPECT_EQ(keys.size(), fields.size());
  EXPECT_EQ(fields.size(), config_keys().size() + 1);
  for (const auto& key : keys) {
    EXPECT_NE(explain_all().find("\n" + key + " ("), std::string::npos) << key;
    EXPECT_NE(list_keys().find("\n" + key + " "), std::string::npos) << key;
  }
}

TEST(ConfigExplain, ThePageInDocsIsWhatTheProgramPrints) {
  EXPECT_TRUE(read_file(kRoot + "/docs/configuration.md") == markdown_page())
      << "docs/configuration.md is out of date; run scripts/generate_docs";
}

}  // namespace
}  // namespace slm
