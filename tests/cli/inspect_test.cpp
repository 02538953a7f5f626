// slm inspect on models of the goldens, as a person and as a program would read it.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/process.h"
#include "core/file.h"

namespace slm {
namespace {

const std::string kLlama = std::string(SLM_SOURCE_DIR) + "/tests/golden/models/llama_tiny";

// With a terminal's width in the environment of the program.
std::string output(std::vector<std::string> arguments, const char* columns) {
  setenv("COLUMNS", columns, 1);
  arguments.insert(arguments.begin(), "inspect");
  const auto result = run_slm(arguments);
  unsetenv("COLUMNS");
  EXPECT_EQ(result.exit_code, 0) << result.error;
  return result.out;
}

std::string error(std::vector<std::string> arguments, int code) {
  arguments.insert(arguments.begin(), "inspect");
  const auto result = run_slm(arguments);
  EXPECT_EQ(result.exit_code, code) << result.error;
  EXPECT_EQ(result.out, "");
  return result.error;
}

void expect_plain_within(const std::string& text, size_t width) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool long_name = line.starts_with(kLlama);  // the folder is as long as it is
    EXPECT_TRUE(line.size() <= width || long_name) << line;
    EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < 127; })) << line;
  }
}

TEST(Inspect, ThroughAPipeEverythingIsPlainAndFitsItsColumns) {
  for (const char* columns : {"80", "120"}) {
    const auto width = static_cast<size_t>(std::stoi(columns));
    expect_plain_within(output({kLlama}, columns), width);
    expect_plain_within(output({kLlama, "--as", "bits=4"}, columns), width);
    expect_plain_within(output({kLlama, "--as", "bits=8", "--layer", "0.*", "--layer", "lm_head"}, columns), width);
    expect_plain_within(output({kLlama, "--layer", "1.mlp.up_proj"}, columns), width);
  }
}

TEST(Inspect, JsonHoldsEveryLayerAndTheCountsOfTheOnesAskedFor) {
  const auto json = nlohmann::json::parse(
      output({kLlama, "--as", "bits=4,granularity=per_group,group_size=16,exclude=lm_head", "--json"}, "80"));
  EXPECT_EQ(json["kind"], "as_if");
  EXPECT_EQ(json["scheme"], "int4 per_group 16 weight_only");
  EXPECT_EQ(json["layers"].size(), json["totals"]["layers"]);
  EXPECT_EQ(json["totals"]["quantized_layers"].get<int>() + 1, json["totals"]["layers"].get<int>());
  EXPECT_EQ(json["left_float"][0]["name"], "lm_head");
  EXPECT_EQ(json["left_float"][0]["reason"], "quantization_exclude: lm_head");
  const auto one =
      nlohmann::json::parse(output({kLlama, "--as", "bits=4", "--json", "--layer", "1.self_attn.k_proj"}, "80"));
  ASSERT_EQ(one["layers"].size(), 1u);
  const auto& layer = one["layers"][0];
  int64_t count = 0;
  for (const auto& each : layer["codes"]["counts"]) count += each.get<int64_t>();
  EXPECT_EQ(count, layer["shape"][0].get<int64_t>() * layer["shape"][1].get<int64_t>());
  EXPECT_EQ(layer["codes"]["counts"].size(), 15u);
}

TEST(Inspect, APageIsWrittenWhole) {
  const TestFolder folder;
  const auto page = (folder / "x.html").string();
  EXPECT_EQ(output({kLlama, "--as", "bits=4", "--html", page}, "80"), page + "\n");
  const auto text = read_file(page);
  EXPECT_TRUE(text.starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(text.ends_with("</html>\n"));
}

TEST(Inspect, SaysWhatIsWrongAndWhatWasMeant) {
  EXPECT_NE(error({kLlama, "--layer", "0.self_attn.q_prj"}, 2).find("the nearest are model.layers.0.self_attn.q_proj"),
            std::string::npos);
  EXPECT_NE(error({kLlama, "--layer", "q_proj"}, 2).find("is the end of 2 names"), std::string::npos);
  EXPECT_NE(error({kLlama, "--as", "bitz=4"}, 2).find("--as: bitz: unknown key; did you mean bits?"),
            std::string::npos);
  EXPECT_NE(error({kLlama, "--as", "bits=4,exclude=nothing"}, 2).find("matches no linear layer"), std::string::npos);
  EXPECT_NE(error({kLlama, "--parent", kLlama}, 2).find("--parent: goes with a quantized checkpoint"),
            std::string::npos);
  EXPECT_NE(error({kLlama, "--data", "x.txt"}, 2).find("--data: is read with"), std::string::npos);
  EXPECT_NE(error({kLlama, "--batches", "3"}, 2).find("--batches: goes with"), std::string::npos);
  EXPECT_NE(error({kLlama, "--by-input"}, 2).find("--by-input: goes with --sensitivity"), std::string::npos);
  EXPECT_NE(error({"--sensitivity", kLlama, "--layer", "x"}, 2).find("--sensitivity: goes with"), std::string::npos);
  EXPECT_NE(error({"--sensitivity", kLlama}, 2).find("names no text; give one with --data"), std::string::npos);
  EXPECT_NE(error({kLlama, "--as", "bits=8,type=static"}, 2).find("give one with --data"), std::string::npos);
  EXPECT_EQ(error({"nowhere"}, 3).empty(), false);
}

// A model that was trained for a moment, so that it has a text.
class InspectATrainedModel : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TestFolder;
    const auto config =
        folder_->file("config.yaml",
                      "model: {architecture: llama, max_sequence_length: 32, n_layers: 2, n_heads: 2, d_model: 32}\n"
                      "data: {train: 'builtin:stories'}\noutput_dir: '" +
                          run() + "'\nmax_steps: 3\nmicro_batch_size: 4\nwarmup_steps: 1\nthreads: 1\n");
    const auto result = run_slm({"train", config});
    ASSERT_EQ(result.exit_code, 0) << result.error;
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::string run() { return (*folder_ / "run").string(); }

  static TestFolder* folder_;
};
TestFolder* InspectATrainedModel::folder_ = nullptr;

TEST_F(InspectATrainedModel, WithATextErrorsThroughTheDepthAndTheLossAreMeasured) {
  const auto json = nlohmann::json::parse(
      output({run(), "--as", "bits=4", "--data", "builtin:stories", "--batches", "1", "--json"}, "80"));
  EXPECT_EQ(json["output_errors"]["layers"].size(), 15u);
  EXPECT_EQ(json["output_errors"]["blocks"].size(), 2u);
  EXPECT_GT(json["quality"]["kl_divergence"].get<double>(), 0);
  const auto text = output({run(), "--as", "bits=4", "--data", "builtin:stories", "--batches", "1"}, "80");
  expect_plain_within(text.substr(text.find("\nlayer")), 80);
  EXPECT_NE(text.find("with all before"), std::string::npos) << text;
}

TEST_F(InspectATrainedModel, StaticRangesAreCalibratedOnTheRunsText) {
  const auto text = output({run(), "--as", "bits=8,type=static", "--layer", "lm_head"}, "80");
  EXPECT_NE(text.find("activations  static, from"), std::string::npos) << text;
}

TEST_F(InspectATrainedModel, SensitivityRanksEveryLayerAndEndsWithTheKeyToPaste) {
  const auto text = output({"--sensitivity", run(), "--batches", "1"}, "80");
  expect_plain_within(text.substr(text.find('\n')), 80);
  EXPECT_NE(text.find("\nquantization_exclude:\n  - "), std::string::npos) << text;
  const auto json =
      nlohmann::json::parse(output({"--sensitivity", run(), "--batches", "1", "--by-input", "--json"}, "80"));
  EXPECT_EQ(json["entries"].size(), 9u);  // four inputs a block, and the head's
  EXPECT_EQ(json["all"]["layers"].size(), 15u);
}

}  // namespace
}  // namespace slm
