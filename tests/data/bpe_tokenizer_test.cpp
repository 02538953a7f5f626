// What holds for every byte-level BPE, whatever Hugging Face says about single texts.
#include "data/bpe/bpe_tokenizer.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "core/error_of.h"
#include "core/file.h"
#include "core/json.h"
#include "core/rng.h"
#include "core/temporary_folder.h"

namespace slm {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<int32_t>;

const std::string kFolder = SLM_SOURCE_DIR "/tests/golden/tokenizers/";

Json golden(const std::string& name) { return Json::parse(read_file(kFolder + name + "/tokenizer.json")); }

std::shared_ptr<const Tokenizer> load(const Json& json) { return BpeTokenizer::from_json(json, "t.json"); }

// bpe_512_special, whose vocabulary holds "<|endoftext|>" at 0, after a change.
std::shared_ptr<const Tokenizer> changed(const std::function<void(Json&)>& change) {
  Json json = golden("bpe_512_special");
  change(json);
  return load(json);
}

std::string message_after(const std::function<void(Json&)>& change) {
  return message_of([&] { changed(change); });
}

// Printable text, white space and bytes that are no UTF-8, in random order.
std::string random_bytes(RngStream& stream, uint64_t most) {
  std::string text(stream.below(most + 1), '\0');
  for (char& byte : text) {
    const bool printable = stream.below(4) > 0;
    byte = static_cast<char>(printable ? 0x20 + stream.below(0x5F) : stream.below(256));
  }
  return text;
}

// A megabyte of lines, some of which a special token divides.
std::string long_text() {
  RngStream stream(42);
  std::string text;
  while (text.size() < 1'000'000) {
    text += random_bytes(stream, 200) + (stream.below(20) == 0 ? "<|endoftext|>" : "\nand so ");
  }
  return text;
}

Json vocabulary_of(const std::vector<std::string>& tokens) {
  Json json = Json::object();
  for (const auto& token : tokens) json[token] = json.size();
  return json;
}

// A tokenizer of these tokens and merges, without cutting the text.
Json bare(const std::vector<std::string>& tokens, const Json& merges) {
  const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  return {{"pre_tokenizer", bytes},
          {"decoder", bytes},
          {"model", {{"type", "BPE"}, {"vocab", vocabulary_of(tokens)}, {"merges", merges}}}};
}

}  // namespace

TEST(BpeTokenizer, TenThousandRandomByteStringsComeBack) {
  RngStream stream(41);
  for (const char* name : {"bpe_512", "bpe_2048"}) {
    const auto tokenizer = load(golden(name));
    for (int i = 0; i < 5000; ++i) {
      const std::string text = random_bytes(stream, 60);
      ASSERT_EQ(tokenizer->decode(tokenizer->encode(text)), text) << name << " " << quote_json(text);
    }
  }
}

TEST(BpeTokenizer, EachByteThatIsNotUtf8IsAPieceOfItsOwn) {
  const auto tokenizer = load(golden("bpe_512"));
  const auto byte = [&](char value) { return tokenizer->encode(std::string(1, value))[0]; };
  const Ids word = tokenizer->encode("the");
  Ids expected = word;
  for (const char value : {'\xFF', '\xE2', '\x82'}) expected.push_back(byte(value));
  expected.insert(expected.end(), word.begin(), word.end());
  EXPECT_EQ(tokenizer->encode("the\xFF\xE2\x82the"), expected);
}

TEST(BpeTokenizer, ALongTextThatIsWorkedOnInBlocksGivesTheIdsOfItsPieces) {
  const std::string text = long_text();
  std::vector<std::string_view> pieces;
  gpt2_pre_tokenizer()->split(text, pieces);
  const auto whole = changed([](Json& json) { json["pre_tokenizer"]["use_regex"] = false; });
  Ids expected;
  for (const auto piece : pieces) {
    const auto ids = whole->encode(piece);
    expected.insert(expected.end(), ids.begin(), ids.end());
  }
  EXPECT_TRUE(changed([](Json&) {})->encode(text) == expected);
}

TEST(BpeTokenizer, IdsAreEqualForAnyNumberOfThreads) {
  const auto tokenizer = changed([](Json&) {});
  const std::string text = long_text();
  const auto ids = tokenizer->encode(text, "text", {.recognize_special = true});
  for (const int threads : {2, 3, 8}) {
    EXPECT_TRUE(tokenizer->encode(text, "text", {.recognize_special = true, .threads = threads}) == ids) << threads;
  }
  EXPECT_TRUE(tokenizer->decode(ids) == text);
}

TEST(BpeTokenizer, SeveralThreadsMayEncodeAtOnce) {
  const auto tokenizer = load(golden("bpe_2048"));
  const std::string text = read_file(kFolder + "strings.jsonl");
  const Ids ids = tokenizer->encode(text);
  std::vector<std::thread> threads;
  std::vector<Ids> results(4);
  for (auto& result : results) threads.emplace_back([&] { result = tokenizer->encode(text); });
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, ids);
}

TEST(BpeTokenizer, BothSpellingsOfMergesGiveEqualFiles) {
  const auto as_strings = [](Json& json) {
    for (Json& merge : json["model"]["merges"]) {
      merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
    }
    json["model"]["merges"].insert(json["model"]["merges"].begin(), "#version: 0.2");
  };
  EXPECT_EQ(changed(as_strings)->to_json(), changed([](Json&) {})->to_json());
}

TEST(BpeTokenizer, ReadsWhatGpt2sOwnFileLeavesOut) {
  const auto like_gpt2 = [](Json& json) {
    for (const char* key : {"type", "byte_fallback", "ignore_merges"}) json["model"].erase(key);
    json["model"]["continuing_subword_prefix"] = json["model"]["end_of_word_suffix"] = "";
    for (const char* key : {"pre_tokenizer", "post_processor", "decoder"}) json[key].erase("use_regex");
    json["added_tokens"][0]["normalized"] = true;
  };
  EXPECT_EQ(changed(like_gpt2)->encode("Hello there"), changed([](Json&) {})->encode("Hello there"));
}

TEST(BpeTokenizer, APieceThatIsATokenStaysWholeOnlyWhereMergesLeadToItOrAreIgnored) {
  const Json merges = {"b c"};
  Json json = bare({"a", "b", "c", "bc", "abc"}, merges);
  EXPECT_EQ(load(json)->encode("abc"), (Ids{0, 3}));
  json["model"]["ignore_merges"] = true;
  EXPECT_EQ(load(json)->encode("abc"), (Ids{4}));
}

TEST(BpeTokenizer, AByteThatTheVocabularyLacksIsAnErrorWithItsPlace) {
  const auto tokenizer = load(bare({"a", "b", "\xC4\x8A"}, Json::array()));  // the last one is the line feed
  EXPECT_EQ(
      message_of([&] { tokenizer->encode("ab\nbcb", "x.txt"); }),
      "x.txt:2:2: byte 0x63 (number 4) is not in the tokenizer's vocabulary, which lacks some bytes; remove it or "
      "use a tokenizer with all 256");
}

TEST(BpeTokenizer, AnIdOutsideTheVocabularyIsAnError) {
  const auto tokenizer = load(golden("bpe_512"));
  for (const int32_t id : {-1, 512}) EXPECT_EQ(error_of([&] { tokenizer->token_bytes(id); })->code(), ExitCode::kData);
}

TEST(BpeTokenizer, NamesItsBeginAndEndInTheConfigForAutoTokenizer) {
  const auto with_begin = [](Json& json) {
    json["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single",
         {{{"SpecialToken", {{"id", "<|endoftext|>"}, {"type_id", 0}}}},
          {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
        {"pair", Json::array()},
        {"special_tokens",
         {{"<|endoftext|>", {{"id", "<|endoftext|>"}, {"ids", {0}}, {"tokens", {"<|endoftext|>"}}}}}}};
  };
  const Json config = Json::parse(tokenizer_config_json(*changed(with_begin), 64));
  EXPECT_EQ(config["bos_token"], "<|endoftext|>");
  EXPECT_EQ(config["eos_token"], "<|endoftext|>");
  EXPECT_FALSE(Json::parse(tokenizer_config_json(*load(golden("bpe_512")), 64)).contains("eos_token"));
}

TEST(BpeTokenizer, RefusesByNameWhatItDoesNotDo) {
  const auto names = [](const std::string& message, const std::string& key) {
    return message.starts_with("t.json: " + key + ": ");
  };
  const std::vector<std::pair<const char*, Json>> model_keys = {
      {"type", "WordPiece"},          {"type", "Unigram"}, {"dropout", 0.1},
      {"unk_token", "<unk>"},         {"fuse_unk", true},  {"byte_fallback", true},
      {"end_of_word_suffix", "</w>"}, {"new", 1},          {"continuing_subword_prefix", "##"}};
  for (const auto& [key, value] : model_keys) {
    const std::string message = message_after([&](Json& j) {
      j["model"][key] = value;
      if (std::string_view(key) != "unk_token") return;
      j["model"]["vocab"].erase("!");  // so that the vocabulary needs it
      j["model"]["vocab"]["!!"] = 1;
    });
    EXPECT_TRUE(names(message, std::string("model.") + key)) << message;
  }
  const std::vector<std::pair<const char*, Json>> keys = {{"normalizer", {{"type", "Lowercase"}}},
                                                          {"truncation", {{"max_length", 5}}},
                                                          {"padding", {{"pad_id", 0}}},
                                                          {"new", 1},
                                                          {"version", "2.0"},
                                                          {"added_tokens", 3}};
  for (const auto& [key, value] : keys) {
    const std::string message = message_after([&](Json& j) { j[key] = value; });
    EXPECT_TRUE(names(message, key)) << message;
  }
  EXPECT_TRUE(names(message_after([](Json& j) { j["decoder"]["type"] = "Metaspace"; }), "decoder.type"));
  EXPECT_TRUE(names(message_after([](Json& j) { j["decoder"]["new"] = 1; }), "decoder.new"));
  EXPECT_TRUE(names(message_after([](Json& j) {
                      j["post_processor"] = {{"type", "BertProcessing"}};
                    }),
                    "post_processor.type"));
  EXPECT_TRUE(
      names(message_after([](Json& j) { j["added_tokens"][0]["single_word"] = true; }), "added_tokens[0].single_word"));
  EXPECT_TRUE(names(message_after([](Json& j) { j["added_tokens"][0].erase("lstrip"); }), "added_tokens[0].lstrip"));
}

TEST(BpeTokenizer, AnUnknownTokenIsHarmlessWhereEveryByteHasAToken) {
  const auto tokenizer = changed([](Json& json) { json["model"]["unk_token"] = "<|endoftext|>"; });
  EXPECT_EQ(tokenizer->encode("caf\xC3\xA9"), load(golden("bpe_512_special"))->encode("caf\xC3\xA9"));
  EXPECT_EQ(Json::parse(tokenizer->to_json())["model"]["unk_token"], "<|endoftext|>");
}

TEST(BpeTokenizer, ABrokenVocabularyIsNamedExactly) {
  const auto with = [](const char* token, const Json& id) {
    return message_after([&](Json& json) { json["model"]["vocab"][token] = id; });
  };
  EXPECT_EQ(with("!", 2), "t.json: model.vocab: \"!\" and \"\\\"\" both have the id 2");
  EXPECT_EQ(with("!", 600),
            "t.json: model.vocab: no token has the id 1, but \"!\" has 600; expected each of 0 .. 511 once");
  for (const Json& id : {Json(-1), Json(1.0), Json("1"), Json(18446744073709551615u)}) {
    EXPECT_EQ(with("!", id),
              "t.json: model.vocab: the id of \"!\" is " + id.dump() + ", expected each of 0 .. 511 once");
  }
  EXPECT_EQ(with("", 512), "t.json: model.vocab: the token of id 512 is empty");
  EXPECT_TRUE(with("\xE2\x96\x81the", 512).starts_with("t.json: model.vocab: \"\xE2\x96\x81the\" holds a character"));
  EXPECT_TRUE(
      message_after([](Json& json) { json["model"]["vocab"] = Json::object(); }).starts_with("t.json: model.vocab"));
  const TemporaryFolder folder;
  write_file_atomically(folder / "t.json", "{\"model\": {\n \"vocab\": {\"a\": 0, \"a\": 1}}}");
  EXPECT_TRUE(message_of([&] {
                load_tokenizer(folder / "t.json");
              }).ends_with("t.json:2:20: key \"a\" stands twice; expected it once"));
}

TEST(BpeTokenizer, ABrokenMergeIsNamedExactly) {
  const auto with = [](const Json& merge) {
    return message_after([&](Json& json) { json["model"]["merges"][3] = merge; });
  };
  EXPECT_EQ(with("e zz"), "t.json: model.merges[3]: \"zz\" of the merge \"e zz\" is not in model.vocab");
  EXPECT_EQ(with("z q"), "t.json: model.merges[3]: \"zq\" of the merge \"z q\" is not in model.vocab");
  for (const Json& merge : {Json("e"), Json("e  r"), Json(" e"), Json("e "), Json(7), Json({"e"}), Json({"e", 1})}) {
    EXPECT_EQ(with(merge), "t.json: model.merges[3]: found " + merge.dump() + ", expected \"a b\" or [\"a\", \"b\"]");
  }
  EXPECT_EQ(
      message_after([](Json& json) { json["model"]["merges"][3] = json["model"]["merges"][1]; }),
      "t.json: model.merges[3]: the merge " + golden("bpe_512_special")["model"]["merges"][1].dump() + " stands twice");
}

TEST(BpeTokenizer, ABrokenAddedTokenIsNamedExactly) {
  const auto with = [](const char* content, int64_t id) {
    return message_after([&](Json& json) {
      Json token = json["added_tokens"][0];
      token["content"] = content;
      token["id"] = id;
      json["added_tokens"].push_back(token);
    });
  };
  EXPECT_EQ(with("<x>", 513),
            "t.json: added_tokens[1]: \"<x>\" has the id 513, expected 512 (the first one that is free)");
  EXPECT_EQ(with("!", 512), "t.json: added_tokens[1]: \"!\" has the id 512, expected 1 (which it has in model.vocab)");
  EXPECT_EQ(with("<|endoftext|>", 0), "t.json: added_tokens[1]: \"<|endoftext|>\" stands twice");
  EXPECT_EQ(with("", 512), "t.json: added_tokens[1].content: empty; expected text");
  EXPECT_EQ(with("<x>", 512), "no error");
}

}  // namespace slm
