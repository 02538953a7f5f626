// `slm verify`: whether what was saved is still what was saved.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "checkpoint/adapter_config_json.h"
#include "checkpoint/residual_file.h"
#include "cli/commands.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "formats/manifest.h"
#include "formats/safetensors.h"
#include "formats/save_transaction.h"
#include "quantization/metadata_json.h"

namespace slm::cli {
namespace {

namespace fs = std::filesystem;

/// Prints a line for every thing looked at and counts the problems.
class Report {
 public:
  void ok(std::string_view line) { fmt::print("ok: {}\n", line); }
  void note(std::string_view line) { fmt::print("note: {}\n", line); }
  void problem(std::string_view line) {
    fmt::print("problem: {}\n", line);
    ++problems_;
  }
  int problems() const { return problems_; }

 private:
  int problems_ = 0;
};

void verify_tensor_file(const fs::path& path, Report& report) {
  try {
    const SafetensorsFile file(path);
    report.ok(
        fmt::format("{}: {} tensors; the header and the sizes are sound (only a checkpoint's manifest.json has "
                    "hashes of the values)",
                    path.string(), file.tensors().size()));
  } catch (const Error& error) {
    report.problem(error.what());
  }
}

// The problems of a checkpoint whose bytes are as they were saved.
std::vector<std::string> unreadable_files(const fs::path& folder, const Manifest& manifest) {
  std::vector<std::string> problems;
  for (const auto& [name, file] : manifest.files) {
    try {
      const auto path = folder / name;
      if (name.ends_with(".safetensors")) SafetensorsFile{path};
      if (name == kQuantizationMetadataFile) {
        const auto metadata = parse_metadata(read_file(path), path.string());
        if (metadata.residual_bits > 0) ResidualFile(folder, metadata);  // its header
      }
      if (path.filename() == kAdapterConfigFile) {
        read_adapter_config(parse_json(read_file(path), path.string()), path.string());
      }
    } catch (const Error& error) {
      problems.push_back(error.what());
    }
  }
  return problems;
}

void verify_checkpoint(const fs::path& folder, Report& report) {
  try {
    const Manifest manifest = read_manifest(folder);
    auto problems = find_damage(folder);
    if (problems.empty()) problems = unreadable_files(folder, manifest);
    for (const auto& problem : problems) report.problem(problem);
    if (!problems.empty()) return;
    uint64_t bytes = 0;
    for (const auto& [name, file] : manifest.files) bytes += file.size;
    report.ok(fmt::format("{}: {} of step {}, {} files, {} bytes", folder.string(), manifest.info.kind,
                          manifest.info.step, manifest.files.size(), bytes));
  } catch (const Error& error) {
    report.problem(error.what());
  }
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    entries.push_back(entry->path());
  }
  if (error) fail(ExitCode::kData, "{}: folder cannot be read: {}", folder.string(), error.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

void verify_run(const fs::path& run, Report& report) {
  bool found = false;
  for (const fs::path& entry : sorted_entries(run / "checkpoints")) {
    if (entry.filename().string().starts_with(kStagingPrefix)) {
      report.note(fmt::format("{}: left by a save that was interrupted; nothing reads it", entry.string()));
    } else if (entry.filename().string().starts_with(kSupersededPrefix)) {
      report.note(
          fmt::format("{}: set aside when the run went on from an earlier checkpoint; not verified", entry.string()));
    } else if (fs::is_symlink(entry)) {
      if (!fs::exists(entry)) {
        report.problem(
            fmt::format("{}: points to {}, which is missing", entry.string(), fs::read_symlink(entry).string()));
      }
    } else if (fs::is_directory(entry)) {
      verify_checkpoint(entry, report);
      found = true;
    }
  }
  if (!found) report.problem(fmt::format("{}: holds no checkpoint", (run / "checkpoints").string()));
  if (fs::exists(run / "quantized" / kManifestFile)) verify_checkpoint(run / "quantized", report);
}

void verify(const fs::path& path, Report& report) {
  if (!fs::exists(path)) fail(ExitCode::kData, "{}: no such file or folder", path.string());
  if (!fs::is_directory(path)) return verify_tensor_file(path, report);
  if (fs::exists(path / kManifestFile)) return verify_checkpoint(path, report);
  if (fs::is_directory(path / "checkpoints")) return verify_run(path, report);
  fail(ExitCode::kData,
       "{}: found neither {} nor checkpoints/; expected a checkpoint, a run's folder or a .safetensors file (a folder "
       "without manifest.json, as from Hugging Face, has nothing to verify against)",
       path.string(), kManifestFile);
}

}  // namespace

void add_verify(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("verify", "Check that saved files are whole and undamaged.");
  auto path = std::make_shared<std::string>();
  command->add_option("path", *path, "A run's folder, a checkpoint, or one .safetensors file")->required();
  command->footer(
      "Compares every file with the sizes and SHA-256 in manifest.json and prints one line for each checkpoint, or "
      "for\n"
      "each damaged file. Exits with 0 where all is well and with 3 otherwise.\n\n"
      "Examples:\n"
      "  slm verify runs/quickstart\n"
      "  slm verify runs/quickstart/checkpoints/latest\n"
      "  slm verify runs/quickstart/checkpoints/latest/model.safetensors");
  command->callback([path, &exit_code] {
    Report report;
    try {
      verify(*path, report);
    } catch (const fs::filesystem_error& error) {
      fail(ExitCode::kData, "{}: cannot be examined: {}", error.path1().string(), error.code().message());
    }
    if (report.problems() > 0) exit_code = static_cast<int>(ExitCode::kData);
  });
}

}  // namespace slm::cli
