// A config that is valid and says as little as one may, for tests that add a line to it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/load.h"
#include "core/error_of.h"

namespace slm {

/// Seven lines, without a length.
inline constexpr std::string_view kMinimalConfig =
    "output_dir: runs/a\n"
    "data: {train: builtin:stories}\n"
    "model:\n"
    "  max_sequence_length: 64\n"
    "  n_layers: 2\n"
    "  n_heads: 4\n"
    "  d_model: 64\n";

inline TrainingConfig parse_with(std::string_view lines, std::span<const std::string> overrides = {}) {
  return parse_training_config(std::string(kMinimalConfig) + "max_steps: 1000\n" + std::string(lines), "a.yaml",
                               overrides);
}

/// The message that text gives, or "no error".
inline std::string message_for(std::string_view yaml, std::span<const std::string> overrides = {}) {
  return message_of([&] { parse_training_config(yaml, "a.yaml", overrides); });
}

/// The message for lines added to the minimal config; the first is line 9.
inline std::string message_with(std::string_view lines, std::span<const std::string> overrides = {}) {
  return message_of([&] { parse_with(lines, overrides); });
}

}  // namespace slm
