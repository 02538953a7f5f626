// Tensor files in the safetensors format (https://github.com/huggingface/safetensors): eight bytes of header length,
// a JSON header, the tensors' bytes in one piece. Little-endian, row-major.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "formats/dtype.h"

namespace slm {

struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;   // empty: one element
  uint64_t begin = 0, end = 0;  // bytes, from the end of the header
};

/// A mapped file whose header has been checked in full: JSON as `parse_json` allows it; only the keys dtype, shape and
/// data_offsets; sizes that neither overflow nor contradict the shape; data without overlap, hole or rest.
class SafetensorsFile {
 public:
  /// Error (kData) naming path, tensor and what contradicts what.
  explicit SafetensorsFile(const std::filesystem::path& path);

  /// In the order of their data.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  /// nullptr where no tensor has that name.
  const TensorInfo* find(std::string_view name) const;
  /// The tensor's bytes, valid as long as this object; they need not be aligned to the element's size.
  std::span<const std::byte> data(const TensorInfo& tensor) const;
  /// Gives the memory of the tensor's pages back, where it was read through `data`; that reads them again.
  void forget(const TensorInfo& tensor) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  MappedFile file_;
  size_t data_begin_ = 0;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
};

struct TensorToWrite {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;
};

/// Writes a file that is on the disk on return, laid out as the safetensors package does: by (dtype, name), the widest
/// first, the data aligned to 8 bytes. Error (kFailed) as of FileWriter, which leaves a part of the file: write into a
/// SaveTransaction's folder. A doubled name, or data that contradicts its shape, is a bug of the caller.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace slm
