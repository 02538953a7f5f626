// The commands on a quantized checkpoint: a folder of the goldens, which has no tokenizer.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "core/file.h"
#include "formats/manifest.h"
#include "formats/safetensors.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

const fs::path kQuantized = fs::path(SLM_SOURCE_DIR) / "tests/golden/quantized/llama_tiny_int8_static";

TEST(QuantizedCheckpoint, LogitsSayHowItsLayersRun) {
  const TestFolder folder;
  const auto out = (folder / "logits.safetensors").string();
  const auto result = run_slm({"logits", kQuantized.string(), "--ids", "5,9,2", "--out", out});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_NE(result.error.find("15 of 15 linear layers int8 static, "), std::string::npos) << result.error;
  const SafetensorsFile file(out);
  EXPECT_EQ(file.find("logits")->shape, (std::vector<int64_t>{1, 3, 128}));
}

TEST(QuantizedCheckpoint, VerifyReadsItsMetadataToo) {
  const auto sound = run_slm({"verify", kQuantized.string()});
  EXPECT_EQ(sound.exit_code, 0);
  EXPECT_TRUE(sound.out.starts_with("ok: " + kQuantized.string() + ": quantized of step 0, ")) << sound.out;
  const TestFolder folder;
  const auto copy = folder / "copy";
  fs::copy(kQuantized, copy);
  const auto path = copy / "quantization_metadata.json";
  auto json = nlohmann::json::parse(read_file(path));
  json["bits"] = 5;
  write_file_atomically(path, json.dump());
  write_manifest(copy, describe_folder(copy, {.kind = "quantized"}));  // the hashes are right, the content is not
  const auto wrong = run_slm({"verify", copy.string()});
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_EQ(wrong.out, "problem: " + path.string() + ": bits is 5; expected 8 or 4\n");
}

TEST(QuantizedCheckpoint, IsNeitherTrainedNorQuantizedAgainAndNothingIsLeftBehind) {
  const TestFolder folder;
  const auto out = folder / "out";
  const auto config = std::string(SLM_SOURCE_DIR) + "/configs/quickstart.yaml";
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"train", config, "init_from=" + kQuantized.string(), "output_dir=" + out.string()},
           {"quantize", kQuantized.string(), out.string()}}) {
    const auto result = run_slm(arguments);
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_NE(result.error.find(kQuantized.string() + ": holds a quantized model (quantization_metadata.json), which "
                                                      "can be neither trained nor quantized again"),
              std::string::npos)
        << result.error;
    EXPECT_TRUE(fs::is_empty(folder.path()));
  }
}

}  // namespace
}  // namespace slm
