// The prompts of slm generate, from the command line or a file.
#pragma once

#include <string>
#include <vector>

namespace slm::cli {

struct Prompt {
  std::string text;
  std::string origin;  // --prompt or file:line, for messages
};

/// A .txt file with a prompt a line, or a .jsonl file of objects with `prompt`. Error (kUsage) for another kind of
/// file, (kData) naming file and line where a prompt is missing.
std::vector<Prompt> read_prompts(const std::string& path);

}  // namespace slm::cli
