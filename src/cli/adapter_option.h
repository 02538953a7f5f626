// --adapter: an adapter that was trained elsewhere, over a checkpoint.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "checkpoint/model_folder.h"

namespace slm::cli {

void add_adapter_option(CLI::App& command, std::string& adapter);

/// The checkpoint's model under `adapter`, or where that is empty as read_model_folder reads it.
LoadedModel read_under_adapter(const std::filesystem::path& checkpoint, const std::string& adapter,
                               const ArenaSettings& settings);

}  // namespace slm::cli
