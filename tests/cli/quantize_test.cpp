// A trained model is quantized, compared with what it was made from, and quantized at the end of its training.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

#include "cli/train_command.h"
#include "formats/safetensors.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

class QuantizeCommand : public TrainCommand {
 protected:
  static nlohmann::json metadata(const fs::path& folder) {
    return nlohmann::json::parse(read_file(folder / "quantization_metadata.json"));
  }
};

class QuantizeMethod : public QuantizeCommand, public testing::WithParamInterface<std::string> {};

// The float weights are given back on the way and read again for the comparison: of matrices over a page.
TEST_P(QuantizeMethod, CompareFindsWhatTheMetadataSays) {
  ASSERT_EQ(train({"micro_batch_size=8", "model.d_model=64"}).exit_code, 0);
  const auto out = run("q4");
  const auto quantized = run_slm({"quantize", run().string(), out.string(), "quantization_bits=4",
                                  "quantization_method=" + GetParam(), "quantization_calibration_batches=2"});
  ASSERT_EQ(quantized.exit_code, 0) << quantized.error;
  EXPECT_NE(quantized.error.find(" times the float model's "), std::string::npos) << quantized.error;
  const auto quality = metadata(out)["quality"];
  constexpr double kTokens = 12 * 8 * 16;  // 12 steps of 8 windows of 16
  const SafetensorsFile file(run() / "checkpoints/best/model.safetensors");
  double parameters = 0;
  for (const auto& tensor : file.tensors())
    parameters += static_cast<double>(tensor.end - tensor.begin) / sizeof(float);
  EXPECT_DOUBLE_EQ(quality["tokens_per_parameter"], kTokens / parameters);

  const auto result = run_slm({"compare", run().string(), out.string(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["tokens"], quality["tokens"]);
  EXPECT_EQ(json["kl_divergence"], quality["kl_divergence"]);
  EXPECT_EQ(json["top1_agreement"], quality["top1_agreement"]);
  EXPECT_EQ(json["second"]["loss"], quality["validation_loss"]);
  EXPECT_EQ(json["first"]["loss"], metadata(out)["parent"]["validation_loss"]);
  EXPECT_EQ(json["second"]["tensor_bytes"], fs::file_size(out / "model.safetensors"));
  EXPECT_EQ(json["first"]["tensor_bytes"], fs::file_size(run() / "checkpoints/best/model.safetensors"));
  EXPECT_EQ(json["places"][0]["name"], "hidden.embeddings");
  EXPECT_EQ(json["places"][0]["relative_error"], 0);
  EXPECT_GT(json["places"].back()["relative_error"], 0);
  EXPECT_GT(json["first"]["int8_kv_cache"]["kl_divergence"], 0);
  EXPECT_LT(json["first"]["int8_kv_cache"]["kl_divergence"], 1e-3);
  const auto& speed = json["second"]["writing_tokens_per_second"];
  EXPECT_LE(speed["slowest"], speed["median"]);
  EXPECT_LE(speed["median"], speed["fastest"]);
}

INSTANTIATE_TEST_SUITE_P(All, QuantizeMethod, testing::Values("rtn", "gptq"),
                         [](const auto& parameter) { return parameter.param; });

// Of a tied head the float weight goes on being the embedding.
TEST_F(QuantizeCommand, AModelWithATokenizerOfItsOwnIsReadWithItsRunsText) {
  ASSERT_EQ(train({"data.tokenizer=bpe", "data.vocab_size=300"}).exit_code, 0);
  const auto result = run_slm({"quantize", run().string(), run("q").string(), "quantization_method=gptq"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(read_file(run("q") / "tokenizer.json"), read_file(run() / "checkpoints/best/tokenizer.json"));
  EXPECT_GT(metadata(run("q"))["quality"]["tokens"], 0);
  const auto ranked = run_slm({"inspect", run().string(), "--sensitivity", "--json"});
  EXPECT_EQ(ranked.exit_code, 0) << ranked.error;
}

// slm inspect --as holds the whole model, slm quantize a block of it at a time. The weights are larger than a page, so
// that what is given back is lost.
TEST_P(QuantizeMethod, ReadingBlockByBlockFindsTheSameErrors) {
  ASSERT_EQ(train({"model.d_model=128", "max_steps=3"}).exit_code, 0);
  const auto result = run_slm({"quantize", run().string(), run("q").string(), "quantization_bits=4",
                               "quantization_type=weight_only", std::string("quantization_method=") + GetParam()});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto layers = [](const std::vector<std::string>& arguments) {
    const auto inspected = run_slm(arguments);
    EXPECT_EQ(inspected.exit_code, 0) << inspected.error;
    return nlohmann::json::parse(inspected.out)["layers"];
  };
  const auto as = std::string("bits=4,method=") + GetParam();
  const auto whole = layers({"inspect", run().string(), "--as", as, "--json"});
  const auto streamed = layers({"inspect", run("q").string(), "--parent", run().string(), "--json"});
  ASSERT_EQ(whole.size(), 15u);
  ASSERT_EQ(streamed.size(), whole.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_TRUE(whole[i]["sqnr_db"].is_number());
    EXPECT_EQ(streamed[i]["sqnr_db"], whole[i]["sqnr_db"]) << whole[i]["name"];
  }
}

TEST_F(QuantizeCommand, ATiedEmbeddingStaysAsItWasToTheBit) {
  for (const std::string fraction : {"0.1", "0"}) {  // with a comparison at the end, and without
    const auto name = "tied" + fraction;
    ASSERT_EQ(train({to(name), "model.architecture=gpt2", "model.d_model=256", "data.validation_fraction=" + fraction,
                     "eval_steps=0", "max_steps=2", "warmup_steps=1"})
                  .exit_code,
              0);
    const auto out = run(name + "-q8");
    const auto result =
        run_slm({"quantize", run(name).string(), out.string(), "quantization_type=dynamic", "micro_batch_size=2"});
    ASSERT_EQ(result.exit_code, 0) << result.error;
    const SafetensorsFile before(run(name) / "checkpoints/latest/model.safetensors"), after(out / "model.safetensors");
    const auto* was = before.find("transformer.wte.weight");
    const auto* is = after.find("model.embed_tokens.weight");
    ASSERT_TRUE(was && is);
    EXPECT_TRUE(std::ranges::equal(before.data(*was), after.data(*is))) << fraction;
    EXPECT_EQ(metadata(out)["quality"].is_null(), fraction == "0");
  }
}

TEST_F(QuantizeCommand, RefusesKeysThatItDoesNotReadAndTextThatTheModelCannotRead) {
  ASSERT_EQ(train().exit_code, 0);
  const auto error = [&](const std::vector<std::string>& more, int code) {
    std::vector<std::string> arguments{"quantize", run().string(), run("out").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto result = run_slm(arguments);
    EXPECT_EQ(result.exit_code, code) << result.error;
    EXPECT_FALSE(fs::exists(run("out")));
    return result.error;
  };
  EXPECT_NE(error({"learning_rate=5"}, kUsage).find("learning_rate: is not read by slm quantize; expected a key"),
            std::string::npos);
  EXPECT_NE(error({"quantization_bit=4"}, kUsage).find("did you mean quantization_bits?"), std::string::npos);
  EXPECT_NE(error({"quantization_mode=none"}, kUsage).find("quantization_mode: is not read"), std::string::npos);
  EXPECT_NE(error({"quantization_calibration_batches=1000000000000"}, 4)
                .find("quantization_calibration_batches: the hidden states of 1000000000000 batches take"),
            std::string::npos);
  EXPECT_NE(error({"--data", "builtin:chat"}, kData).find("special tokens"), std::string::npos);
}

TEST_F(QuantizeCommand, ComparedWithItselfNothingDiffers) {
  ASSERT_EQ(train().exit_code, 0);
  const auto result = run_slm({"compare", run().string(), run().string(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["kl_divergence"], 0);
  EXPECT_EQ(json["flips"], 0);
  for (const auto& place : json["places"]) EXPECT_EQ(place["relative_error"], 0) << place;
}

TEST_F(QuantizeCommand, CompareRefusesModelsOfOtherShapeOrTokenizer) {
  ASSERT_EQ(train().exit_code, 0);
  ASSERT_EQ(train({to("wide"), "model.d_model=32"}).exit_code, 0);
  const auto wide = run_slm({"compare", run().string(), run("wide").string()});
  EXPECT_EQ(wide.exit_code, kData);
  EXPECT_NE(wide.error.find("have different shapes (2 layers x 16, "), std::string::npos) << wide.error;
  const auto other = folder_.file("other.txt", repeated(20) + "Quite other letters: #&%");
  ASSERT_EQ(train({to("other"), "data.train=" + other}).exit_code, 0);
  const auto tokenizer = run_slm({"compare", run().string(), run("other").string()});
  EXPECT_EQ(tokenizer.exit_code, kData);
  EXPECT_NE(tokenizer.error.find("have different tokenizers"), std::string::npos) << tokenizer.error;
}

TEST_F(QuantizeCommand, ANameThatIsTakenIsRefusedBeforeAnyTextIsRead) {
  ASSERT_EQ(train().exit_code, 0);
  fs::remove(text_);
  const auto result = run_slm({"quantize", run().string(), run().string()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.error.find(run().string() + ": exists already"), std::string::npos) << result.error;
}

TEST_F(QuantizeCommand, AFinishedRunIsQuantizedWhenItIsResumedSo) {
  ASSERT_EQ(train().exit_code, 0);
  const auto result = train({"resume=auto", "quantization_mode=ptq", "quantization_bits=4"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(metadata(run() / "quantized")["bits"], 4);
}

TEST_F(QuantizeCommand, AWrongExcludeIsAnErrorBeforeTheTraining) {
  const auto result = train({"quantization_mode=ptq", "quantization_exclude=nonsense"});
  EXPECT_EQ(result.exit_code, kUsage);
  EXPECT_NE(result.error.find("\"nonsense\" matches no linear layer"), std::string::npos) << result.error;
  EXPECT_FALSE(fs::exists(run() / "metrics.jsonl"));
}

TEST_F(QuantizeCommand, ASignalStopsItAndLeavesNothing) {
  ASSERT_EQ(train({"model.d_model=128", "model.n_layers=8", "max_steps=2", "warmup_steps=1"}).exit_code, 0);
  Process process({"quantize", run().string(), run("q4").string(), "quantization_method=gptq", "quantization_bits=4"});
  const auto staged = [&] {
    for (const auto& entry : fs::directory_iterator(folder_ / "")) {
      if (entry.path().filename().string().starts_with(".tmp-q4-")) return true;
    }
    return false;
  };
  while (!staged()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  process.send(SIGTERM);
  const auto stopped = process.wait();
  EXPECT_EQ(stopped.exit_code, 128 + SIGTERM) << stopped.error;
  EXPECT_FALSE(staged());
  EXPECT_FALSE(fs::exists(run("q4")));
}

TEST_F(QuantizeCommand, ARunThatEndsInQuantizingPutsTheNewModelInThePlaceOfTheOld) {
  const std::vector<std::string> ends_quantized{"quantization_mode=ptq", "quantization_type=weight_only",
                                                "lr_scheduler_type=constant"};
  auto overrides = ends_quantized;
  ASSERT_EQ(train(overrides).exit_code, 0);
  const auto quantized = run() / "quantized";
  EXPECT_EQ(metadata(quantized)["parent"]["step"], 12);
  overrides.insert(overrides.end(), {"max_steps=24", "resume=must"});
  const auto longer = train(overrides);
  ASSERT_EQ(longer.exit_code, 0) << longer.error;
  EXPECT_EQ(metadata(quantized)["parent"]["step"], 24);
  EXPECT_EQ(run_slm({"verify", quantized.string()}).exit_code, 0);
  for (const auto& entry : fs::directory_iterator(run())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".tmp-")) << entry.path();
  }
}

}  // namespace
}  // namespace slm
