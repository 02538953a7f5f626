#include "cli/dtype_option.h"

namespace slm::cli {

void add_dtype_option(CLI::App& command, const std::string& flag, const std::string& text, at::ScalarType& dtype) {
  command
      .add_option_function<std::string>(
          flag, [&dtype](const std::string& name) { dtype = name == "bfloat16" ? at::kBFloat16 : at::kFloat; }, text)
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->default_str("float32");
}

}  // namespace slm::cli
