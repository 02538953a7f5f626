#include "cli/device_option.h"

namespace slm::cli {

void add_device_option(CLI::App& command, std::optional<std::string>& device) {
  command
      .add_option_function<std::string>(
          "--device",
          [&device](const std::string& name) {
            if (name != "auto") device = name;
          },
          "auto: a GPU where the program and the machine have one; cpu; cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->default_str("auto");
}

}  // namespace slm::cli
