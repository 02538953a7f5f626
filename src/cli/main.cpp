#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <csignal>
#include <cstdio>
#include <new>

#include "cli/commands.h"
#include "core/error.h"
#include "core/log.h"
#include "kernels/block_cache.h"
#include "kernels/gpu.h"

namespace slm::cli {
namespace {

std::string version() {
  const auto cuda = cuda_version();
  return fmt::format("slm {} ({} {}, LibTorch {}{})", SLM_VERSION,
#ifdef __clang__
                     "Clang", __clang_version__,
#else
                     "GCC", __VERSION__,
#endif
                     TORCH_VERSION, cuda.empty() ? "" : ", CUDA " + cuda);
}

int report(ExitCode code, std::string_view message) {
  fmt::print(stderr, "error: {}\n", message);
  return static_cast<int>(code);
}

int out_of_memory() {
  return report(ExitCode::kOutOfMemory,
                "no memory left; use a smaller model, micro_batch_size or model.max_sequence_length");
}

int run(int argc, char** argv) {
  CLI::App app("Train small language models from YAML, and look into every number on the way.", "slm");
  app.set_version_flag("--version", version());
  app.require_subcommand(1);
  int exit_code = 0;
  add_train(app, exit_code);
  add_quantize(app, exit_code);
  add_merge(app, exit_code);
  add_evaluate(app, exit_code);
  add_compare(app, exit_code);
  add_generate(app, exit_code);
  add_chat(app, exit_code);
  add_prepare(app, exit_code);
  add_tokenize(app, exit_code);
  add_report(app, exit_code);
  add_inspect(app, exit_code);
  add_logits(app, exit_code);
  add_verify(app, exit_code);
  add_config(app, exit_code);
  add_doctor(app, exit_code);
  app.footer("Examples:\n  slm train configs/quickstart.yaml\n  slm config explain learning_rate\n  slm doctor");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);  // prints help, version or what is wrong
    return code == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  return exit_code;
}

}  // namespace
}  // namespace slm::cli

int main(int argc, char** argv) {
  using namespace slm;
  std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is then an error of write, with a message, like a full disk
  init_log();
  use_block_cache();
  try {
    return cli::run(argc, argv);
  } catch (const Error& error) {
    return cli::report(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return cli::out_of_memory();
  } catch (const c10::OutOfMemoryError&) {  // a GPU's
    return cli::out_of_memory();
  } catch (const c10::Error& error) {
    // LibTorch's CPU allocator has no exception type of its own.
    const std::string_view message = error.what_without_backtrace();
    if (message.find("can't allocate memory") != message.npos) return cli::out_of_memory();
    return cli::report(ExitCode::kFailed, message);
  } catch (const std::exception& error) {
    return cli::report(ExitCode::kFailed, error.what());
  }
}
