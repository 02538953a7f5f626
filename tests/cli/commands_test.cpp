// generate, evaluate, logits and the help of every command.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/process.h"
#include "core/file.h"
#include "formats/safetensors.h"

namespace slm {
namespace {

const std::string kModels = std::string(SLM_SOURCE_DIR) + "/tests/golden/models/";

TEST(Commands, VersionNamesCompilerAndLibTorch) {
  const auto result = run_slm({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find("LibTorch 2."), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("GCC"), std::string::npos) << result.out;
}

TEST(Commands, EveryHelpEndsWithExamples) {
  for (const char* command : {"train", "evaluate", "generate", "chat", "prepare", "tokenize", "inspect", "logits",
                              "verify", "config", "doctor"}) {
    const auto result = run_slm({command, "--help"});
    EXPECT_EQ(result.exit_code, 0);
    const auto examples = result.out.find("Examples:\n  slm " + std::string(command));
    EXPECT_NE(examples, std::string::npos) << result.out;
  }
}

TEST(Commands, WrongUseExitsWithTwo) {
  EXPECT_EQ(run_slm({}).exit_code, 2);
  EXPECT_EQ(run_slm({"tarin"}).exit_code, 2);
  EXPECT_EQ(run_slm({"generate", "nowhere"}).exit_code, 2);
  EXPECT_EQ(run_slm({"generate", "nowhere", "--prompt", "x"}).exit_code, 3);
  EXPECT_EQ(run_slm({"generate", "nowhere", "--prompt", "x", "--prompts-file", "y.txt"}).exit_code, 2);
  EXPECT_EQ(run_slm({"generate", "nowhere", "--prompts-file", "y.csv"}).exit_code, 2);
  EXPECT_EQ(run_slm({"evaluate", "nowhere", "--choices", "x", "--stride", "3"}).exit_code, 2);
}

TEST(Commands, LogitsAreSavedWithEveryTappedTensor) {
  const TestFolder folder;
  const auto out = (folder / "x.safetensors").string();
  const auto result = run_slm({"logits", kModels + "gpt2_tiny", "--ids", "5,9,2", "--out", out, "--tap"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const SafetensorsFile file(out);
  ASSERT_NE(file.find("logits"), nullptr);
  EXPECT_EQ(file.find("logits")->shape, (std::vector<int64_t>{1, 3, 128}));
  for (const char* name : {"hidden.embeddings", "attention.0", "mlp.1", "hidden.block.1", "hidden.final"}) {
    EXPECT_NE(file.find(name), nullptr) << name;
  }
}

TEST(Commands, LogitsReadRowsOfIdsFromAFile) {
  const TestFolder folder;
  const auto out = (folder / "x.safetensors").string();
  const auto rows = folder.file("rows.json", "[[1, 2], [3, 4], [5, 6]]");
  ASSERT_EQ(run_slm({"logits", kModels + "llama_tiny", "--ids-file", rows, "--out", out}).exit_code, 0);
  EXPECT_EQ(SafetensorsFile(out).find("logits")->shape[0], 3);
  const auto ragged = folder.file("ragged.json", "[[1, 2], [3]]");
  EXPECT_EQ(run_slm({"logits", kModels + "llama_tiny", "--ids-file", ragged, "--out", out}).exit_code, 3);
}

TEST(Commands, LogitsRefuseIdsOutsideTheVocabulary) {
  const TestFolder folder;
  const auto result = run_slm({"logits", kModels + "gpt2_tiny", "--ids", "5,128", "--out", (folder / "x").string()});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.error.find("found 128, expected 0 to 127"), std::string::npos) << result.error;
}

// A trained model and its text, made once for the tests below.
class TrainedModel : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TestFolder;
    std::string text;
    for (int i = 0; i < 100; ++i) text += "the cat sat on the mat; ";
    const auto file = folder_->file("text.txt", text);
    const auto config = folder_->file(
        "config.yaml",
        "model: {architecture: llama, max_sequence_length: 32, n_layers: 1, n_heads: 2, d_model: 32}\ndata: {train: '" +
            file + "'}\noutput_dir: '" + run() +
            "'\nmax_steps: 300\nmicro_batch_size: 8\nwarmup_steps: 5\nlearning_rate: 5e-3\nthreads: 1\n");
    const auto result = run_slm({"train", config});
    ASSERT_EQ(result.exit_code, 0) << result.error;
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::string run() { return (*folder_ / "run").string(); }

  static TestFolder* folder_;
};
TestFolder* TrainedModel::folder_ = nullptr;

TEST_F(TrainedModel, ContinuesTheTextPastItsWindow) {
  const auto result =
      run_slm({"generate", run(), "--prompt", "the cat sat", "--max-tokens", "61", "--temperature", "0"});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(result.out, "the cat sat on the mat; the cat sat on the mat; the cat sat on the mat; \n");
}

TEST_F(TrainedModel, KeepsKeysAndValuesAsFloatsOrAsInt8) {
  const auto text = [&](const std::string& kind) {
    return run_slm(
        {"generate", run(), "--prompt", "the cat sat", "--max-tokens", "13", "--temperature", "0", "--kv-cache", kind});
  };
  EXPECT_EQ(text("float").out, "the cat sat on the mat; \n");
  EXPECT_EQ(text("int8").out, "the cat sat on the mat; \n");
  const auto wrong = text("int4");
  EXPECT_NE(wrong.exit_code, 0);
  EXPECT_NE(wrong.error.find("--kv-cache"), std::string::npos) << wrong.error;
}

TEST_F(TrainedModel, StopsBeforeTheStopString) {
  const auto result =
      run_slm({"generate", run(), "--prompt", "the cat", "--temperature", "0", "--stop", "mat", "--stop", "xyz"});
  EXPECT_EQ(result.out, "the cat sat on the \n");
}

// Every JSON object of a command that prints one a line.
std::vector<nlohmann::json> json_lines(const std::string& text) {
  std::istringstream lines(text);
  std::vector<nlohmann::json> rows;
  for (std::string line; std::getline(lines, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

TEST_F(TrainedModel, SeveralPromptsAreContinuedAsEachAloneWould) {
  const auto prompts = folder_->file("prompts.jsonl", "{\"prompt\": \"the cat sat\"}\n{\"prompt\": \"on\"}\n");
  const auto result = run_slm({"generate", run(), "--prompts-file", prompts, "--max-tokens", "50", "--temperature", "0",
                               "--batch-size", "2", "--stop", "; the", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto rows = json_lines(result.out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["text"], " on the mat");
  EXPECT_EQ(rows[1]["text"], " the mat");
  EXPECT_EQ(rows[1]["finish_reason"], "stop");
  EXPECT_EQ(rows[1]["prompt"], "on");
  EXPECT_EQ(rows[1]["prompt_ids"].size(), 2u);
  EXPECT_EQ(rows[1]["ids"].size(), std::string(" the mat; the").size());
  EXPECT_EQ(rows[1]["row"], 1);
}

TEST_F(TrainedModel, SeveralPromptsWithoutJsonArePrintedWholeAndNumbered) {
  const std::string expected = "--- 1 of 3\nthe cat sat\n--- 2 of 3\non the mat;\n--- 3 of 3\nthe cat sat\n";
  const auto text = folder_->file("prompts.txt", "the cat\non the\nthe cat\n");
  const auto from_file =
      run_slm({"generate", run(), "--prompts-file", text, "--max-tokens", "4", "--temperature", "0"});
  EXPECT_EQ(from_file.out, expected.substr(0, 23) + "--- 2 of 3\non the mat\n--- 3 of 3\nthe cat sat\n");
  const auto from_options = run_slm({"generate", run(), "--prompt", "the cat", "--prompt", "on the mat", "--prompt",
                                     "the cat", "--max-tokens", "4", "--temperature", "0"});
  EXPECT_EQ(from_options.out, "--- 1 of 3\nthe cat sat\n--- 2 of 3\non the mat; th\n--- 3 of 3\nthe cat sat\n");
}

TEST_F(TrainedModel, ARowsTextDependsOnNeitherBatchSizeNorNeighbours) {
  const auto texts = [](std::vector<std::string> more) {
    std::vector<std::string> arguments{"generate",     run(), "--temperature", "2",        "--seed",        "3",
                                       "--max-tokens", "60",  "--json",        "--prompt", "the cat sat on"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return json_lines(run_slm(arguments).out);
  };
  const auto some = texts({"--prompt", "t", "--prompt", "mat"});
  const auto others = texts({"--prompt", "t", "--prompt", "the cat sat on the mat; the", "--batch-size", "2"});
  ASSERT_EQ(some.size(), 3u);
  ASSERT_EQ(others.size(), 3u);
  EXPECT_EQ(some[0], others[0]);
  EXPECT_EQ(some[1], others[1]);
  const auto streamed = run_slm(
      {"generate", run(), "--temperature", "2", "--seed", "3", "--max-tokens", "60", "--prompt", "the cat sat on"});
  EXPECT_EQ(streamed.out, "the cat sat on" + some[0]["text"].get<std::string>() + "\n");
}

TEST_F(TrainedModel, AWrongPromptOfAFileIsNamedBeforeAnythingIsPrinted) {
  const auto message = [](const std::string& name, const std::string& content) {
    const auto file = folder_->file(name, content);
    const auto result = run_slm({"generate", run(), "--prompts-file", file, "--max-tokens", "1"});
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.exit_code, 0);
    return result.error;
  };
  EXPECT_NE(message("a.txt", "the\n\ncat\n").find("a.txt:2: the prompt is empty"), std::string::npos);
  EXPECT_NE(message("b.txt", "the\nZ\n").find("b.txt:2"), std::string::npos);
  EXPECT_NE(message("c.jsonl", "{\"prompt\": 3}\n").find("c.jsonl:1: expected an object with \"prompt\""),
            std::string::npos);
  EXPECT_NE(message("d.txt", "").find("d.txt: empty file"), std::string::npos);
}

TEST_F(TrainedModel, RepetitionPenaltyChangesTheText) {
  const auto text = [](const char* penalty) {
    return run_slm({"generate", run(), "--prompt", "the cat", "--temperature", "2", "--max-tokens", "30",
                    "--repetition-penalty", penalty})
        .out;
  };
  EXPECT_EQ(text("1"), text("1.0"));
  EXPECT_NE(text("3"), text("1"));
}

TEST_F(TrainedModel, TheSeedDecidesTheText) {
  const auto text = [](const char* seed) {
    return run_slm({"generate", run(), "--prompt", "t", "--temperature", "3", "--max-tokens", "40", "--seed", seed})
        .out;
  };
  EXPECT_EQ(text("1"), text("1"));
  EXPECT_NE(text("1"), text("2"));
}

TEST_F(TrainedModel, ACharacterThatTheTokenizerLacksIsNamedWithItsPlace) {
  const auto result = run_slm({"generate", run(), "--prompt", "the cat Z"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.error.find("'Z' (U+005A)"), std::string::npos) << result.error;
  EXPECT_NE(result.error.find("8"), std::string::npos) << result.error;
}

TEST_F(TrainedModel, EvaluateGivesTheLossOfTheRunsOwnValidationText) {
  const auto result = run_slm({"evaluate", run(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto json = nlohmann::json::parse(result.out);
  std::istringstream lines(read_file(run() + "/metrics.jsonl"));
  nlohmann::json last;
  for (std::string line; std::getline(lines, line);) {
    const auto row = nlohmann::json::parse(line);
    if (row["type"] == "evaluation") last = row;
  }
  EXPECT_EQ(json["tokens"], last["tokens"]);
  EXPECT_NEAR(json["loss"].get<double>(), last["loss"].get<double>(), 1e-6);
  EXPECT_NEAR(json["bits_per_byte"].get<double>(), json["loss"].get<double>() / std::log(2.0), 1e-9);
}

TEST_F(TrainedModel, EvaluateWithAStrideScoresEveryTokenButTheFirst) {
  const auto other = folder_->file("other.txt", "the cat sat on the mat; the mat sat on the cat; ma");
  const auto json = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"evaluate", run(), "--data", other, "--length", "16", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return nlohmann::json::parse(run_slm(arguments).out);
  };
  EXPECT_EQ(json({})["tokens"], 48);
  EXPECT_EQ(json({"--stride", "16"})["tokens"], 49);
  EXPECT_EQ(json({"--stride", "5"})["tokens"], 49);
  EXPECT_NE(json({"--stride", "5"})["loss"], json({"--stride", "16"})["loss"]);
  const auto refused = run_slm({"evaluate", run(), "--data", other, "--length", "16", "--stride", "17"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.error.find("--stride: found 17, expected at most the window's 16"), std::string::npos);
}

// ln softmax(logits)[id] at every place of `ids`, from what slm logits writes.
std::vector<double> log_probabilities(const std::string& checkpoint, const std::vector<int>& ids) {
  const TestFolder folder;
  const auto out = (folder / "logits.safetensors").string();
  const auto file = folder.file("ids.json", nlohmann::json(ids).dump());
  EXPECT_EQ(run_slm({"logits", checkpoint, "--ids-file", file, "--out", out}).exit_code, 0);
  const SafetensorsFile tensors(out);
  const auto& info = *tensors.find("logits");
  const auto vocab = static_cast<size_t>(info.shape[2]);
  std::vector<float> logits(ids.size() * vocab);
  std::memcpy(logits.data(), tensors.data(info).data(), logits.size() * sizeof(float));
  std::vector<double> result{0};  // nothing stands before the first
  for (size_t t = 1; t < ids.size(); ++t) {
    const float* row = &logits[(t - 1) * vocab];
    double sum = 0;
    for (size_t id = 0; id < vocab; ++id) sum += std::exp(static_cast<double>(row[id]));
    result.push_back(row[ids[t]] - std::log(sum));
  }
  return result;
}

TEST_F(TrainedModel, ChoicesAreScoredByTheLogitsOfContextAndChoice) {
  const auto file = folder_->file(
      "choices.jsonl", R"({"context": "the cat sat on the", "choices": [" cat;", " mat;", " the"], "answer": 1})"
                       "\n"
                       R"({"context": "the mat; the ", "choices": ["cat sat on the mat", "nst"], "answer": 0})"
                       "\n"
                       R"({"context": "the mat; the", "choices": [" mat", " cat"], "answer": 0})"
                       "\n"
                       R"({"context": "the", "choices": [" mat", " cat"]})"
                       "\n");
  const auto result = run_slm({"evaluate", run(), "--choices", file, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto report = nlohmann::json::parse(result.out);
  EXPECT_EQ(report["answered"], 3);
  EXPECT_EQ(report["items"].size(), 4u);
  EXPECT_EQ(report["items"][0]["prediction"], 1);
  EXPECT_NEAR(report["acc"].get<double>(), 2.0 / 3, 1e-12);
  EXPECT_TRUE(report["items"][3]["answer"].is_null());
  for (const auto& item : report["items"]) {
    const auto prompt = run_slm({"generate", run(), "--prompt", item["context"], "--max-tokens", "0", "--json"});
    const auto context = nlohmann::json::parse(prompt.out)["prompt_ids"].get<std::vector<int>>();
    for (const auto& choice : item["choices"]) {
      // White space at the context's end belongs to the choice.
      const bool spaced = item["context"].get<std::string>().ends_with(' ');
      std::vector<int> ids(context.begin(), context.end() - (spaced ? 1 : 0));
      const size_t first = ids.size();
      for (const auto& token : choice["tokens"]) ids.push_back(token["id"]);
      const auto expected = log_probabilities(run(), ids);
      double sum = 0;
      std::string text;
      for (size_t i = first; i < ids.size(); ++i) {
        const auto& token = choice["tokens"][i - first];
        EXPECT_NEAR(token["log_probability"].get<double>(), expected[i], 2e-5);
        sum += expected[i];
        text += token["text"];
      }
      EXPECT_NEAR(choice["log_probability"].get<double>(), sum, 1e-4);
      EXPECT_EQ(text, std::string(spaced ? " " : "").append(choice["text"].get<std::string>()));
      EXPECT_EQ(choice["bytes"], choice["text"].get<std::string>().size());
    }
  }
  const auto printed = run_slm({"evaluate", run(), "--choices", file});
  EXPECT_NE(printed.out.find("acc       0.6667 (2 of 3; "), std::string::npos) << printed.out;
}

TEST_F(TrainedModel, ABadLineOfChoicesExitsWithThree) {
  const auto file = folder_->file("bad.jsonl", "{\"context\": \"the\", \"choices\": [\"c\"]}\n{\"context\": 3}\n");
  const auto result = run_slm({"evaluate", run(), "--choices", file});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.error.find("bad.jsonl:2: context or choices"), std::string::npos) << result.error;
}

TEST_F(TrainedModel, EvaluateReadsAnotherFile) {
  const auto other = folder_->file("other.txt", std::string(200, 't'));
  const auto result = run_slm({"evaluate", run(), "--data", other, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_GT(nlohmann::json::parse(result.out)["loss"].get<double>(), 1.0);
}

}  // namespace
}  // namespace slm
