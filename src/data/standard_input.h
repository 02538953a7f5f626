// Standard input as a source: it is written to a file first, because a text is read more than once.
#pragma once

#include <cstdint>
#include <filesystem>

namespace slm {

/// Copies what comes to `path` and returns how many bytes that were; nothing is read from a terminal.
int64_t copy_standard_input(const std::filesystem::path& path);

}  // namespace slm
