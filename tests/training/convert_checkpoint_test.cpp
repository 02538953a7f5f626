// What quantization-aware training leaves becomes codes without anything else.
#include <gtest/gtest.h>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/qat_folder.h"
#include "config/load.h"
#include "core/error_of.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "training/quantize_checkpoint.h"
#include "training/train.h"

namespace slm {
namespace {

class ConvertCheckpoint : public testing::Test {
 protected:
  ConvertCheckpoint() {
    std::string text;
    for (int i = 0; i < 20; ++i) text += "It was the season of light; it was the season of darkness.\n";
    write_file_atomically(folder_ / "text.txt", text);
    const auto yaml =
        "model: {architecture: llama, max_sequence_length: 16, n_layers: 1, n_heads: 2, d_model: 16}\ndata: {train: '" +
        (folder_ / "text.txt").string() + "', validation_fraction: 0}\noutput_dir: '" + (folder_ / "run").string() +
        "'\nmax_steps: 4\nmicro_batch_size: 2\nwarmup_steps: 0\nthreads: 1\nsave_steps: 0\neval_steps: 0\n"
        "quantization_mode: qat\nqat_start_step: 2\n";
    config_ = parse_training_config(yaml, "config.yaml");
    train(config_, yaml);
    checkpoint_ = find_checkpoint(folder_ / "run");
    config_.quantization.granularity = "per_channel";
  }

  TemporaryFolder folder_;
  TrainingConfig config_;
  std::filesystem::path checkpoint_;
};

// The ranges of static activations are known: nothing is calibrated, so no text is asked for.
TEST_F(ConvertCheckpoint, StaticRangesNeedNoText) {
  SaveTransaction out(folder_ / "packed");
  const auto done = quantize_checkpoint({.checkpoint = checkpoint_, .out = out, .config = config_});
  ASSERT_TRUE(done);
  EXPECT_EQ(done->mode, "qat");
  EXPECT_EQ(read_file(folder_ / "packed" / "model.safetensors"),
            read_file(folder_ / "run" / "quantized" / "model.safetensors"));
}

TEST_F(ConvertCheckpoint, WhatAFolderHoldsIsSeenFromItsMetadata) {
  EXPECT_TRUE(is_qat_folder(checkpoint_));
  EXPECT_FALSE(is_qat_folder(folder_ / "run" / "quantized"));
  EXPECT_FALSE(is_qat_folder(folder_.path()));
  const auto path = folder_ / "quantization_metadata.json";
  for (const char* float_text : {R"({"layers": [{"qat": {}}], "qat": null})", R"({"qat": 3})", R"([{"qat": {}}])"}) {
    write_file_atomically(path, float_text);
    EXPECT_FALSE(is_qat_folder(folder_.path())) << float_text;
  }
  // What comes behind is not looked at.
  write_file_atomically(path, R"({"layers": [], "qat": {"places": [1, 2)");
  EXPECT_TRUE(is_qat_folder(folder_.path()));
  write_file_atomically(path, R"({"layers": [}, "qat": {}})");
  EXPECT_NE(message_of([&] { is_qat_folder(folder_.path()); }).find("quantization_metadata.json:1:13: "),
            std::string::npos);
}

}  // namespace
}  // namespace slm
