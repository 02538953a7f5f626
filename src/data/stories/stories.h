// builtin:stories, a corpus that needs no file: short stories drawn from our own grammar (rules.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data/stories/grammar.h"

namespace slm::stories {

/// The name by which a config asks for the corpus.
inline constexpr std::string_view kName = "builtin:stories";

/// Seeds and sizes of the two texts: about 2.1 MB and 130 kB.
inline constexpr uint64_t kTrainSeed = 1;
inline constexpr int64_t kTrainStories = 5000;
inline constexpr uint64_t kValidationSeed = 2;
inline constexpr int64_t kValidationStories = 300;

/// The story with this number: a pure function of both.
Generated story(uint64_t seed, int64_t index);

/// Stories 0 .. count - 1, one behind the other.
std::string text(uint64_t seed, int64_t count);

/// The exact floor of stories 0 .. count - 1: minus log2 of their probability (as the parser finds it), divided by
/// their bytes. No predictor does better on average than one that knows the grammar.
double floor_bits_per_byte(uint64_t seed, int64_t count);

}  // namespace slm::stories
