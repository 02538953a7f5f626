#include "core/glob.h"

#include <fnmatch.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>

namespace slm {
namespace {

TEST(Glob, TheStarStandsForDotsToo) {
  EXPECT_TRUE(glob_matches("model.layers.0.*", "model.layers.0.self_attn.q_proj.weight"));
  EXPECT_FALSE(glob_matches("model.layers.0.*", "model.layers.01.input_layernorm.weight"));
  EXPECT_TRUE(glob_matches("*.q_proj.*", "model.layers.0.self_attn.q_proj.weight"));
  EXPECT_FALSE(glob_matches("*.q_proj", "model.layers.0.self_attn.q_proj.weight"));
  EXPECT_FALSE(glob_matches("", "a"));
}

TEST(Glob, AgreesWithTheSystemsFnmatchOnStarsAndQuestionMarks) {
  const auto text = [](const std::string& letters) {
    return rc::gen::container<std::string>(rc::gen::elementOf(letters));
  };
  EXPECT_TRUE(rc::check([&] {
    const auto pattern = *text("ab.*?"), name = *text("ab.");
    RC_ASSERT(glob_matches(pattern, name) == (fnmatch(pattern.c_str(), name.c_str(), 0) == 0));
  }));
}

}  // namespace
}  // namespace slm
