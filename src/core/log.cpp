#include "core/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <memory>
#include <vector>

#include "core/error.h"
#include "core/terminal.h"

namespace slm {

namespace {

spdlog::sink_ptr make_stderr_sink() {
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(colors_forbidden() ? spdlog::color_mode::never
                                                                                       : spdlog::color_mode::automatic);
  sink->set_pattern("%H:%M:%S %^%l%$: %v");
  return sink;
}

// The sinks of the process, and the logger that writes to them; sinks may be exchanged while others log.
spdlog::sinks::dist_sink_mt& sinks() {
  static const auto all = [] {
    auto made = std::make_shared<spdlog::sinks::dist_sink_mt>();
    made->add_sink(make_stderr_sink());
    return made;
  }();
  return *all;
}

spdlog::logger& logger() {
  static spdlog::logger instance = [] {
    // A shared_ptr that owns nothing: `sinks()` lives as long as the process.
    spdlog::logger made("slm", spdlog::sink_ptr(spdlog::sink_ptr(), &sinks()));
    made.flush_on(spdlog::level::info);
    return made;
  }();
  return instance;
}

}  // namespace

void init_log() { sinks().set_sinks({make_stderr_sink()}); }

void add_log_file(const std::filesystem::path& file) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string());
    sink->set_pattern("%Y-%m-%dT%H:%M:%S%z %l: %v");
    sinks().add_sink(std::move(sink));
  } catch (const spdlog::spdlog_ex& error) {
    fail(ExitCode::kFailed, "{}: log file cannot be opened: {}", file.string(), error.what());
  }
}

void log_info(std::string_view message) {
  logger().log(spdlog::level::info, spdlog::string_view_t(message.data(), message.size()));
}

void log_warning(std::string_view message) {
  logger().log(spdlog::level::warn, spdlog::string_view_t(message.data(), message.size()));
}

}  // namespace slm
