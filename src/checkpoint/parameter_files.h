// The safetensors files of a model's folder: model.safetensors, or the shards that model.safetensors.index.json names.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "formats/safetensors.h"

namespace slm {

class ParameterFiles {
 public:
  struct Place {
    const SafetensorsFile* file;
    const TensorInfo* tensor;
  };

  /// Error (kData) where there is neither, or where the index contradicts its shards: a tensor that its shard lacks, or
  /// one that the index does not place there.
  explicit ParameterFiles(const std::filesystem::path& folder);

  /// Null pointers where no file has the tensor.
  Place find(const std::string& name) const;
  /// Every tensor's name, sorted.
  std::vector<std::string> names() const;
  /// model.safetensors or the index, for messages.
  const std::filesystem::path& path() const { return path_; }

 private:
  void open_shards();

  std::filesystem::path path_;
  std::map<std::string, SafetensorsFile> files_;   // by file name
  std::map<std::string, std::string> file_names_;  // by tensor
};

}  // namespace slm
