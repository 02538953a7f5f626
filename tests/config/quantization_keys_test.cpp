// The quantization keys in one line.
#include "config/quantization_keys.h"

#include <gtest/gtest.h>

#include "core/error_of.h"

namespace slm {
namespace {

QuantizationConfig read(const std::string& text) {
  QuantizationConfig defaults;
  defaults.type = "weight_only";
  return read_quantization_keys(text, "--as", defaults);
}

std::string message(const std::string& text) {
  return message_of([&] { read(text); });
}

TEST(QuantizationKeys, AreThoseOfAConfigWithoutThePrefix) {
  const auto q = read("bits=4,granularity=per_group,group_size=32,method=mse,exclude=[lm_head,'*.down_proj']");
  EXPECT_EQ(q.bits, 4);
  EXPECT_EQ(q.granularity, "per_group");
  EXPECT_EQ(q.group_size, 32);
  EXPECT_EQ(q.method, "mse");
  EXPECT_EQ(q.exclude, (std::vector<std::string>{"lm_head", "*.down_proj"}));
  EXPECT_EQ(q.type, "weight_only");
  EXPECT_EQ(q.mode, "ptq");
}

TEST(QuantizationKeys, GranularityFollowsFromTheBits) {
  EXPECT_EQ(read("bits=4").granularity, "per_group");
  EXPECT_EQ(read("bits=8").granularity, "per_channel");
}

TEST(QuantizationKeys, WhatIsWrongIsSaidAllAtOnceWithTheNearestKey) {
  EXPECT_EQ(message("bitz=4"), "--as: bitz: unknown key; did you mean bits?");
  EXPECT_EQ(message("exclude=*.down_proj"),
            "--as: exclude: not valid YAML: the referenced anchor is not defined; a text that begins with * stands in "
            "quotes: \"*.down_proj\"");
  EXPECT_EQ(message("bits=5"), "--as: bits: found '5', expected one of 8, 4");
  EXPECT_EQ(message("bits"), "--as: found 'bits', expected key=value");
  EXPECT_EQ(message("bits=4,bits=8"), "--as: bits: given twice");
  EXPECT_TRUE(message("mode=none").starts_with("--as: mode: unknown key; expected one of ")) << message("mode=none");
  EXPECT_EQ(message("group_size=64"), "--as: group_size: has no effect with granularity per_channel");
  EXPECT_EQ(message("smooth=0.5"), "--as: smooth: has no effect with type weight_only");
  EXPECT_EQ(message("bits=4,grup_size=3,method=awq"),
            "--as: method: found 'awq', expected one of rtn, mse, gptq\n"
            "--as: grup_size: unknown key; did you mean group_size?");
  EXPECT_EQ(error_of([] { read(""); })->code(), ExitCode::kUsage);
}

}  // namespace
}  // namespace slm
