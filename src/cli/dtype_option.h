// --dtype, of the commands that time or compare what a model computes in.
#pragma once

#include <c10/core/ScalarType.h>

#include <CLI/CLI.hpp>
#include <string>

namespace slm::cli {

/// float32 (the default) or bfloat16, under the option's name `flag`.
void add_dtype_option(CLI::App& command, const std::string& flag, const std::string& text, at::ScalarType& dtype);

}  // namespace slm::cli
