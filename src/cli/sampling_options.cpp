#include "cli/sampling_options.h"

namespace slm::cli {

GenerationSettings default_sampling() {
  return {.max_tokens = 200, .sampling = {.temperature = 0.8}, .stop = {}, .end_of_text = {}};
}

void add_sampling_options(CLI::App& command, GenerationSettings& settings) {
  auto& sampling = settings.sampling;
  command.add_option("--max-tokens", settings.max_tokens, "Tokens to draw at most")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--temperature", sampling.temperature, "0: always the likeliest token")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--top-k", sampling.top_k, "Draw among the k likeliest; 0: all")->check(CLI::NonNegativeNumber);
  command.add_option("--top-p", sampling.top_p, "Draw among the fewest that reach this probability together")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      .add_option("--repetition-penalty", sampling.repetition_penalty,
                  "Above 1: tokens that the text holds already become less likely (CTRL)")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--seed", sampling.seed, "The same seed draws the same text")->capture_default_str();
  command
      .add_option_function<std::string>(
          "--kv-cache",
          [&settings](const std::string& kind) {
            settings.kv_cache = kind == name_of(KvCacheKind::kInt8) ? KvCacheKind::kInt8 : KvCacheKind::kFloat;
          },
          "How keys and values of earlier tokens are kept: int8 takes about half the memory of bfloat16")
      ->check(CLI::IsMember({std::string(name_of(KvCacheKind::kFloat)), std::string(name_of(KvCacheKind::kInt8))}))
      ->default_str(std::string(name_of(KvCacheKind::kFloat)));
  command.add_option("--stop", settings.stop, "End before this text; may be given several times")
      ->allow_extra_args(false);
}

}  // namespace slm::cli
