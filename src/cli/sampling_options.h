// The options of commands that draw text.
#pragma once

#include <CLI/CLI.hpp>

#include "generation/generate.h"

namespace slm::cli {

/// What the commands draw by where nothing else is said.
GenerationSettings default_sampling();

/// --max-tokens, --temperature, --top-k, --top-p, --repetition-penalty, --seed, --kv-cache and --stop.
void add_sampling_options(CLI::App& command, GenerationSettings& settings);

}  // namespace slm::cli
