// `slm doctor`: what this machine has, which of it a run would use, and why.
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli/commands.h"
#include "kernels/device.h"
#include "kernels/gpu.h"

namespace slm::cli {
namespace {

/// One thing found: its name and value for programs, a plain line for people.
struct Fact {
  std::string key;
  nlohmann::json value;
  std::string line;
};

double gibibytes(uint64_t bytes) { return static_cast<double>(bytes) / (1ULL << 30); }

/// The value of the first "name : value" line, or "" (/proc files are missing in some sandboxes).
std::string proc_value(const char* file, std::string_view name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(name)) continue;
    const size_t colon = line.find(':');
    if (colon == line.npos) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == line.npos ? "" : line.substr(begin);
  }
  return "";
}

uint64_t proc_kibibytes(std::string_view name) {
  uint64_t kibibytes = 0;
  std::istringstream(proc_value("/proc/meminfo", name)) >> kibibytes;
  return kibibytes * 1024;
}

/// The cgroup's limit, where a container sets one below the machine's memory.
uint64_t memory_limit(uint64_t total) {
  uint64_t limit = std::numeric_limits<uint64_t>::max();
  std::ifstream("/sys/fs/cgroup/memory.max") >> limit;  // "max" leaves a 0
  return limit == 0 ? total : std::min(limit, total);
}

/// Instruction sets that products of small models profit from, in the kernel's spelling, x86-64's and aarch64's.
std::vector<std::string> instruction_sets() {
  constexpr std::array kKnown = {"avx2",     "fma",      "avx512f",  "avx512_bf16", "avx512_vnni",
                                 "avx_vnni", "amx_tile", "amx_bf16", "amx_int8",    "asimd",
                                 "asimddp",  "bf16",     "i8mm",     "sve"};
  std::istringstream flags(proc_value("/proc/cpuinfo", "flags") + " " + proc_value("/proc/cpuinfo", "Features"));
  std::vector<std::string> found;
  for (std::string flag; flags >> flag;) {
    if (std::find(kKnown.begin(), kKnown.end(), flag) != kKnown.end()) found.push_back(flag);
  }
  return found;
}

Fact processor() {
  const std::string model = proc_value("/proc/cpuinfo", "model name");
  const std::string name = model.empty() ? "unknown model" : model;
  return {"processor", name, fmt::format("processor: {}", name)};
}

Fact threads() {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  const int others = at::get_num_threads();
  return {
      "threads",
      {{"cores", cores}, {"training", cores}, {"other_commands", others}},
      fmt::format("threads: training {0}, one a core that this process may use (`threads:` in a config changes it); "
                  "other commands {1} ({2})",
                  cores, others, std::getenv("OMP_NUM_THREADS") ? "OMP_NUM_THREADS" : "LibTorch's choice")};
}

Fact memory() {
  const uint64_t total = proc_kibibytes("MemTotal");
  const uint64_t available = proc_kibibytes("MemAvailable");
  const uint64_t limit = memory_limit(total);
  return {"memory",
          {{"total_bytes", total}, {"available_bytes", available}, {"limit_bytes", limit}},
          fmt::format("memory: {:.1f} GiB free of {:.1f}{}", gibibytes(std::min(available, limit)), gibibytes(total),
                      limit < total ? fmt::format("; this container may use {:.1f}", gibibytes(limit)) : "")};
}

Fact instructions() {
  const std::vector<std::string> found = instruction_sets();
  return {"instruction_sets", found, fmt::format("instruction sets: {}", fmt::join(found, " "))};
}

Fact libtorch() {
  return {"libtorch",
          {{"version", TORCH_VERSION}, {"kernels", at::get_cpu_capability()}, {"mkldnn", at::get_mkldnn_version()}},
          fmt::format("LibTorch: {}, its kernels for {} (the widest that the processor and LibTorch both have)",
                      TORCH_VERSION, at::get_cpu_capability())};
}

Fact device() {
  const bool driver = std::filesystem::exists("/proc/driver/nvidia");
  const auto support = gpu_support();
  const auto used = choose_device(std::nullopt);
  std::vector<std::string> names;
  for (const auto& gpu : support.gpus) names.push_back(gpu.name);
  const auto why =
      fmt::format("; GPU: none used: {}, and {} NVIDIA driver is here", support.why_none, driver ? "an" : "no");
  return {"device",
          {{"used", device_name(used)}, {"cuda", cuda_version()}, {"gpus", names}, {"nvidia_driver", driver}},
          fmt::format("device: {}{}", describe_device(used), used.is_cuda() ? "" : why)};
}

Fact disk() {
  const auto here = std::filesystem::current_path();
  const auto space = std::filesystem::space(here);
  return {"disk",
          {{"folder", here.string()}, {"available_bytes", space.available}},
          fmt::format("disk: {:.1f} GiB free in {} (relative output_dir lies below it)", gibibytes(space.available),
                      here.string())};
}

void print_facts(bool as_json) {
  nlohmann::ordered_json all;
  for (const Fact& fact : {processor(), threads(), memory(), instructions(), libtorch(), device(), disk()}) {
    if (!as_json) fmt::print("{}\n", fact.line);
    all[fact.key] = fact.value;
  }
  if (as_json) fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

void add_doctor(CLI::App& app, int& /*exit_code*/) {
  auto* command = app.add_subcommand("doctor", "What this machine has, what a run would use of it, and why");
  auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "Print one JSON object instead of lines");
  command->footer("Examples:\n  slm doctor\n  slm doctor --json");
  command->callback([as_json] { print_facts(*as_json); });
}

}  // namespace slm::cli
