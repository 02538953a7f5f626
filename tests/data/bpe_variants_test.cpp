// Tokenizers of every kind that slm reads, against the ids that Hugging Face's `tokenizers` gave.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/json_lines.h"
#include "core/temporary_folder.h"
#include "data/bpe/bpe_tokenizer.h"

namespace slm {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<int32_t>;

struct Variant {
  std::string name;
  Json file;
  Json cases;
};

const std::vector<Variant>& variants() {
  static const auto all = [] {
    std::vector<Variant> read;
    for (auto& [origin, row] : read_json_lines(SLM_SOURCE_DIR "/tests/golden/tokenizers/variants.jsonl")) {
      read.push_back({row["name"], row["tokenizer"], row["cases"]});
    }
    return read;
  }();
  return all;
}

void expect_golden_ids(const Variant& variant, const Tokenizer& tokenizer) {
  for (const Json& row : variant.cases) {
    const auto text = row["text"].get<std::string>();
    const auto what = variant.name + ": " + row["text"].dump();
    const auto ids = row["ids"].get<Ids>();
    EXPECT_EQ(tokenizer.encode(text, "text", {.recognize_special = true}), ids) << what;
    EXPECT_EQ(tokenizer.encode(text), row.value("plain", ids)) << what;
    EXPECT_EQ(tokenizer.encode(text, "text", {.recognize_special = true, .add_special = true}),
              row.value("with_template", ids))
        << what;
  }
}

}  // namespace

TEST(BpeVariants, IdsAreThoseOfHuggingFace) {
  ASSERT_EQ(variants().size(), 16u);
  for (const Variant& variant : variants()) {
    expect_golden_ids(variant, *BpeTokenizer::from_json(variant.file, variant.name));
  }
}

TEST(BpeVariants, AreReadAsTheyAreWritten) {
  const TemporaryFolder folder;
  for (const Variant& variant : variants()) {
    const std::string written = BpeTokenizer::from_json(variant.file, variant.name)->to_json();
    const auto again = BpeTokenizer::from_json(Json::parse(written), variant.name);
    EXPECT_EQ(again->to_json(), written) << variant.name;
    EXPECT_EQ(Json::parse(written), variant.file) << variant.name;
    expect_golden_ids(variant, *again);
  }
}

}  // namespace slm
