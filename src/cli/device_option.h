// --device, of every command that computes.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

namespace slm::cli {

/// auto leaves `device` empty, as choose_device takes it.
void add_device_option(CLI::App& command, std::optional<std::string>& device);

}  // namespace slm::cli
