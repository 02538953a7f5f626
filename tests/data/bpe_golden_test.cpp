// Byte-level BPE against the ids that Hugging Face's `tokenizers` gave.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "core/json_lines.h"
#include "data/bpe/bpe_tokenizer.h"
#include "data/bpe/make_tokenizer.h"

namespace slm {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<int32_t>;

const std::string kFolder = SLM_SOURCE_DIR "/tests/golden/tokenizers/";

// RFC 4648; the goldens are whole groups of four characters.
std::string from_base64(const std::string& text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(kDigits.find(c));
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count);
    }
  }
  return bytes;
}

// By name, each once.
const Tokenizer& tokenizer(const std::string& name) {
  static std::map<std::string, std::shared_ptr<const Tokenizer>> loaded;
  auto& found = loaded[name];
  if (!found) found = load_tokenizer(kFolder + name + "/tokenizer.json");
  return *found;
}

}  // namespace

TEST(BpeGolden, IdsOfEveryStringAreThoseOfHuggingFace) {
  int compared = 0;
  for (const auto& [origin, row] : read_json_lines(kFolder + "strings.jsonl")) {
    if (!row["valid_utf8"]) continue;
    const std::string text = from_base64(row["bytes"]);
    for (const auto& [name, ids] : row["ids"].items()) {
      EXPECT_EQ(tokenizer(name).encode(text, origin, {.recognize_special = true}), ids.get<Ids>())
          << name << " " << origin << " " << row["text"];
      ++compared;
    }
    if (row.contains("ids_as_ordinary_text")) {
      for (const auto& [name, ids] : row["ids_as_ordinary_text"].items()) {
        EXPECT_EQ(tokenizer(name).encode(text, origin), ids.get<Ids>()) << name << " " << origin;
      }
    }
  }
  EXPECT_GT(compared, 600);
}

TEST(BpeGolden, TextComesBackWhateverItsBytes) {
  for (const auto& [origin, row] : read_json_lines(kFolder + "strings.jsonl")) {
    const std::string text = from_base64(row["bytes"]);
    for (const auto& [name, ids] : row["ids"].items()) {
      EXPECT_EQ(tokenizer(name).decode(tokenizer(name).encode(text)), text) << name << " " << origin;
    }
  }
}

TEST(BpeGolden, IdsStandForTheBytesThatHuggingFaceSays) {
  for (const auto& [origin, row] : read_json_lines(kFolder + "decode.jsonl")) {
    EXPECT_EQ(tokenizer(row["tokenizer"]).decode(row["ids"].get<Ids>()), from_base64(row["bytes"])) << origin;
  }
}

TEST(BpeGolden, WritesTheFilesThatHuggingFaceWroteByteForByte) {
  for (const char* name : {"bpe_512", "bpe_2048", "bpe_512_special"}) {
    EXPECT_EQ(tokenizer(name).to_json(), read_file(kFolder + name + "/tokenizer.json")) << name;
  }
}

TEST(BpeGolden, AVocabularyFromTrainingGivesTheFileThatHuggingFaceWritesAfterIt) {
  for (const char* name : {"bpe_512", "bpe_2048", "bpe_512_special"}) {
    const std::string file = read_file(kFolder + name + "/tokenizer.json");
    const Json json = Json::parse(file);
    const auto id_of = [&](const Json& token) {
      return json["model"]["vocab"][token.get<std::string>()].get<int32_t>();
    };
    BpeVocabulary vocabulary;
    for (int32_t id = 0; id < tokenizer(name).vocab_size(); ++id) {
      vocabulary.tokens.emplace_back(tokenizer(name).token_bytes(id));
    }
    for (const Json& merge : json["model"]["merges"]) vocabulary.merges.emplace_back(id_of(merge[0]), id_of(merge[1]));
    for (const Json& token : json["added_tokens"]) vocabulary.special.push_back(token["content"]);
    const auto made = make_bpe_tokenizer(vocabulary, gpt2_pre_tokenizer());
    EXPECT_EQ(made->to_json(), file) << name;
    EXPECT_EQ(made->encode("Hello there"), tokenizer(name).encode("Hello there")) << name;
  }
}

TEST(BpeGolden, EndOfTextIsTheSpecialTokenThatDividesTexts) {
  EXPECT_EQ(tokenizer("bpe_512").end_of_text(), std::nullopt);
  EXPECT_EQ(tokenizer("bpe_512_special").end_of_text(), 0);
  EXPECT_TRUE(tokenizer("bpe_512_special").is_special(0));
  EXPECT_FALSE(tokenizer("bpe_512_special").is_special(1));
  EXPECT_EQ(token_byte_counts(tokenizer("bpe_512_special"))[0], 0);
}

}  // namespace slm
