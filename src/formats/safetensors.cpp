#include "formats/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/process_memory.h"
#include "formats/safetensors_header.h"

namespace slm {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian; so are the tensors here");

namespace {

constexpr size_t kLengthBytes = 8;

uint64_t header_length(std::span<const std::byte> file, const std::string& origin) {
  if (file.size() < kLengthBytes) {
    fail(ExitCode::kData, "{}: {} bytes; a safetensors file has at least {}", origin, file.size(), kLengthBytes);
  }
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= std::to_integer<uint64_t>(file[i]) << (8 * i);
  if (length > kMaxSafetensorsHeader) {
    fail(ExitCode::kData, "{}: a header of {} bytes; at most {} are allowed (no safetensors file?)", origin, length,
         kMaxSafetensorsHeader);
  }
  if (length > file.size() - kLengthBytes) {
    fail(ExitCode::kData, "{}: a header of {} bytes, but the file ends after {} (the file is incomplete)", origin,
         length, file.size() - kLengthBytes);
  }
  return length;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path), file_(path) {
  const auto bytes = file_.bytes();
  const uint64_t length = header_length(bytes, path.string());
  data_begin_ = kLengthBytes + length;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  auto header = parse_safetensors_header(text, bytes.size() - data_begin_, path.string());
  tensors_ = std::move(header.tensors);
  metadata_ = std::move(header.metadata);
  for (size_t i = 0; i < tensors_.size(); ++i) index_[tensors_[i].name] = i;
}

const TensorInfo* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

std::span<const std::byte> SafetensorsFile::data(const TensorInfo& tensor) const {
  return file_.bytes().subspan(data_begin_ + tensor.begin, tensor.end - tensor.begin);
}

void SafetensorsFile::forget(const TensorInfo& tensor) const {
  const auto bytes = data(tensor);
  discard_pages(const_cast<std::byte*>(bytes.data()), bytes.size());  // the mapping is private and read-only
}

void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<const TensorToWrite*> order;
  for (const TensorToWrite& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const TensorToWrite* a, const TensorToWrite* b) {
    return std::tie(b->dtype, a->name) < std::tie(a->dtype, b->name);
  });
  std::vector<TensorInfo> infos;
  uint64_t position = 0;
  for (const TensorToWrite* tensor : order) {
    SLM_CHECK(tensor_bytes(tensor->dtype, tensor->shape) == tensor->data.size());
    const uint64_t end = position + tensor->data.size();
    infos.push_back({tensor->name, tensor->dtype, tensor->shape, position, end});
    position = end;
  }
  const std::string header = safetensors_header_text(infos, metadata);
  SLM_CHECK(header.size() <= kMaxSafetensorsHeader);
  std::array<std::byte, kLengthBytes> length{};
  for (size_t i = 0; i < kLengthBytes; ++i) length[i] = static_cast<std::byte>(header.size() >> (8 * i));
  FileWriter writer(path);
  writer.write(length);
  writer.write(header);
  for (const TensorToWrite* tensor : order) writer.write(tensor->data);
  writer.close();
}

}  // namespace slm
