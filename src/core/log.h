// Log lines go to stderr; results go to stdout and never through here. Where stderr is a terminal and NO_COLOR is not
// set, levels are coloured.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string_view>
#include <utility>

namespace slm {

/// Sets up the logger of the process; called once by main, and again with `file` when a run's log.txt is known
/// (then every line goes there too).
void init_log();
void add_log_file(const std::filesystem::path& file);

void log_info(std::string_view message);
void log_warning(std::string_view message);

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) requires(sizeof...(Args) > 0) {
  log_info(std::string_view(fmt::format(format, std::forward<Args>(args)...)));
}

template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) requires(sizeof...(Args) > 0) {
  log_warning(std::string_view(fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace slm
