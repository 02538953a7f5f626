#include "checkpoint/parameter_files.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace slm {
namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

}  // namespace

ParameterFiles::ParameterFiles(const std::filesystem::path& folder) : path_(folder / kSingle) {
  if (!std::filesystem::exists(path_) && std::filesystem::exists(folder / kIndex)) {
    path_ = folder / kIndex;
    open_shards();
    return;
  }
  const auto& file = files_.emplace(kSingle, path_).first->second;
  for (const auto& tensor : file.tensors()) file_names_[tensor.name] = kSingle;
}

void ParameterFiles::open_shards() {
  const auto json = parse_json(read_file(path_), path_.string());
  const auto map = json.find("weight_map");
  if (map == json.end() || !map->is_object()) fail(ExitCode::kData, "{}: weight_map: missing", path_.string());
  for (const auto& [name, value] : map->items()) {
    const std::string file_name = value.is_string() ? value.get<std::string>() : "";
    if (file_name.empty() || std::filesystem::path(file_name).filename() != file_name) {
      fail(ExitCode::kData, "{}: {}: found {}, expected a file's plain name", path_.string(), name, value.dump());
    }
    file_names_[name] = file_name;
    const auto& file = files_.try_emplace(file_name, path_.parent_path() / file_name).first->second;
    if (!file.find(name))
      fail(ExitCode::kData, "{}: {}: missing, but {} places it there", file.path().string(), name, kIndex);
  }
  for (const auto& [file_name, file] : files_) {
    for (const auto& tensor : file.tensors()) {
      const auto placed = file_names_.find(tensor.name);
      if (placed != file_names_.end() && placed->second == file_name) continue;
      fail(ExitCode::kData, "{}: {}: {} does not place it there", file.path().string(), tensor.name, kIndex);
    }
  }
}

ParameterFiles::Place ParameterFiles::find(const std::string& name) const {
  const auto found = file_names_.find(name);
  if (found == file_names_.end()) return {nullptr, nullptr};
  const auto& file = files_.at(found->second);
  return {&file, file.find(name)};
}

std::vector<std::string> ParameterFiles::names() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : file_names_) names.push_back(name);
  return names;
}

}  // namespace slm
