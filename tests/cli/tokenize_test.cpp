// slm tokenize, and byte-level BPE from training to generation.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "core/file.h"

namespace slm {
namespace {

using Json = nlohmann::json;

const std::string kTokenizers = std::string(SLM_SOURCE_DIR) + "/tests/golden/tokenizers/";
const std::string kTokenizer = kTokenizers + "bpe_512_special/tokenizer.json";

std::string tokenize(const std::vector<std::string>& options, const std::string& input) {
  std::vector<std::string> arguments = {"tokenize", kTokenizer};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const auto result = run_slm(arguments, input);
  EXPECT_EQ(result.exit_code, 0) << result.error;
  return result.out;
}

std::string error_of_decoding(const std::string& input) {
  const auto result = run_slm({"tokenize", kTokenizer, "--decode"}, input);
  EXPECT_EQ(result.exit_code, 3) << result.out;
  EXPECT_EQ(result.out, "");
  return result.error;
}

}  // namespace

TEST(Tokenize, AnyBytesComeBackThroughEitherForm) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  for (const std::string& text :
       {std::string("Once upon a time.\n"), bytes, std::string("a<|endoftext|>b"), std::string()}) {
    EXPECT_EQ(tokenize({"--decode"}, tokenize({}, text)), text);
    EXPECT_EQ(tokenize({"--decode"}, tokenize({"--json"}, text)), text);
  }
}

TEST(Tokenize, PrintsIdsForPeopleAndForPrograms) {
  const auto ids = Json::parse(tokenize({"--json"}, "a<|endoftext|>"))["ids"];
  EXPECT_EQ(ids, (Json{65, 0}));
  EXPECT_EQ(tokenize({}, "a<|endoftext|>"), "65 0\n");
  EXPECT_GT(Json::parse(tokenize({"--json", "--plain-text"}, "a<|endoftext|>"))["ids"].size(), 5u);
  EXPECT_EQ(tokenize({"--decode", "--json"}, "[65, 0]"), "{\"text\":\"a<|endoftext|>\"}\n");
}

TEST(Tokenize, AWrongIdIsNamedWithItsPlace) {
  EXPECT_NE(error_of_decoding("1 2\n3 x7 4").find("standard input:2:3: found \"x7\", expected a token id of 0 .. 511"),
            std::string::npos);
  EXPECT_NE(error_of_decoding("1 512").find("standard input:1:3: found \"512\""), std::string::npos);
  EXPECT_NE(error_of_decoding("{\"ids\": [1, -1]}").find("standard input: ids[1]: found -1"), std::string::npos);
  EXPECT_NE(error_of_decoding("{\"id\": [1]}").find("standard input: expected {\"ids\": [...]}"), std::string::npos);
  EXPECT_NE(error_of_decoding("[1,").find("standard input:1:"), std::string::npos);
  const auto missing = run_slm({"tokenize", "nowhere.json"}, "x");
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_NE(missing.error.find("nowhere.json"), std::string::npos);
}

TEST(Tokenize, AModelOnBytePairsIsTrainedAndTellsItsEndOfText) {
  const TestFolder folder;
  const auto run = (folder / "run").string();
  const auto trained =
      run_slm({"train", std::string(SLM_SOURCE_DIR) + "/configs/quickstart.yaml", "output_dir=" + run,
               "data.tokenizer=" + kTokenizer, "model.d_model=32", "model.n_layers=1", "model.n_heads=2", "max_steps=2",
               "warmup_steps=1", "eval_batches=1", "sample_steps=0", "threads=1"});
  ASSERT_EQ(trained.exit_code, 0) << trained.error;
  const std::string checkpoint = run + "/checkpoints/latest/";
  EXPECT_EQ(Json::parse(read_file(checkpoint + "config.json"))["eos_token_id"], 0);
  EXPECT_EQ(Json::parse(read_file(checkpoint + "tokenizer_config.json"))["eos_token"], "<|endoftext|>");
  EXPECT_EQ(read_file(checkpoint + "tokenizer.json"), read_file(kTokenizer));
  const auto generated = run_slm({"generate", run, "--prompt", "Once<|endoftext|>", "--max-tokens", "3", "--json"});
  ASSERT_EQ(generated.exit_code, 0) << generated.error;
  EXPECT_EQ(Json::parse(generated.out)["prompt_ids"].back(), 0);
  EXPECT_EQ(run_slm({"evaluate", run, "--json"}).exit_code, 0);
  EXPECT_EQ(run_slm({"tokenize", run}, "Once<|endoftext|>").out.substr(0, 3),
            run_slm({"tokenize", kTokenizer}, "Once").out.substr(0, 3));
}

}  // namespace slm
