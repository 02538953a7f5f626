#include "data/stories/stories.h"

#include <numeric>

#include "core/error.h"
#include "core/rng.h"
#include "data/stories/parser.h"
#include "data/stories/rules.h"

namespace slm::stories {
namespace {

size_t draw(std::span<const double> weights, double uniform) {
  double left = uniform * std::accumulate(weights.begin(), weights.end(), 0.0);
  size_t last = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    last = i;
    left -= weights[i];
    if (left < 0) break;
  }
  return last;
}

}  // namespace

Generated story(uint64_t seed, int64_t index) {
  const CounterRng rng(derive_key(seed, "stories"));
  uint64_t draws = 0;
  const Chooser choose = [&](std::span<const double> weights) {
    return draw(weights, rng.uniform(static_cast<uint64_t>(index), draws++));
  };
  return generate(grammar(), choose, grammar().rule_index("story"), grammar().empty_memory());
}

std::string text(uint64_t seed, int64_t count) {
  std::string all;
  for (int64_t index = 0; index < count; ++index) all += story(seed, index).text;
  return all;
}

double floor_bits_per_byte(uint64_t seed, int64_t count) {
  double bits = 0;
  size_t bytes = 0;
  for (int64_t index = 0; index < count; ++index) {
    const std::string one = story(seed, index).text;
    const Derivations found = parse(grammar(), one, grammar().rule_index("story"), grammar().empty_memory());
    SLM_CHECK(found.count == 1);
    bits -= found.log2_probability;
    bytes += one.size();
  }
  return bits / static_cast<double>(bytes);
}

}  // namespace slm::stories
