#include "formats/safetensors_header.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/json.h"

namespace slm {

namespace {

constexpr const char* kMetadata = "__metadata__";

// Reads the tensors of one header; every message begins with the file and the tensor.
class TensorReader {
 public:
  TensorReader(const std::string& origin, const std::string& name, const nlohmann::json& entry)
      : origin_(origin), name_(name), entry_(entry) {}

  TensorInfo read() const {
    if (!entry_.is_object()) refuse("is no object; expected dtype, shape and data_offsets");
    for (const auto& [key, value] : entry_.items()) {
      if (key != "dtype" && key != "shape" && key != "data_offsets") {
        refuse(fmt::format("unknown key {}; expected dtype, shape and data_offsets", quote_json(key)));
      }
    }
    TensorInfo info{.name = name_, .dtype = dtype(), .shape = shape()};
    std::tie(info.begin, info.end) = offsets();
    const auto bytes = tensor_bytes(info.dtype, info.shape);
    if (!bytes) refuse("shape has more bytes than 64 bits can count");
    if (info.begin > info.end || info.end - info.begin != *bytes) {
      refuse(fmt::format("data_offsets [{}, {}] do not hold the {} bytes of its shape and dtype", info.begin, info.end,
                         *bytes));
    }
    return info;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    fail(ExitCode::kData, "{}: tensor {}: {}", origin_, quote_json(name_), what);
  }

  const nlohmann::json& member(const char* key) const {
    const auto found = entry_.find(key);
    if (found == entry_.end()) refuse(fmt::format("{} is missing", key));
    return *found;
  }

  DType dtype() const {
    const auto& value = member("dtype");
    if (!value.is_string()) refuse("dtype is no string");
    const auto& name = value.get_ref<const std::string&>();
    const auto dtype = find_dtype(name);
    if (!dtype) refuse(fmt::format("dtype {} is unknown; expected one of {}", quote_json(name), dtype_names()));
    return *dtype;
  }

  std::vector<int64_t> shape() const {
    const auto& value = member("shape");
    if (!value.is_array()) refuse("shape is no list");
    std::vector<int64_t> shape;
    for (const auto& dimension : value) shape.push_back(static_cast<int64_t>(count(dimension, "shape")));
    return shape;
  }

  std::pair<uint64_t, uint64_t> offsets() const {
    const auto& value = member("data_offsets");
    if (!value.is_array() || value.size() != 2) refuse("data_offsets is no list of two numbers");
    return {count(value[0], "data_offsets"), count(value[1], "data_offsets")};
  }

  uint64_t count(const nlohmann::json& value, const char* key) const {
    constexpr uint64_t kLargest = std::numeric_limits<int64_t>::max();
    if (!value.is_number_unsigned() || value.get<uint64_t>() > kLargest) {
      refuse(fmt::format("{} holds {}; expected integers from 0 to 2^63 - 1", key, quote_json(value.dump())));
    }
    return value.get<uint64_t>();
  }

  const std::string& origin_;
  const std::string& name_;
  const nlohmann::json& entry_;
};

std::map<std::string, std::string> read_metadata(const nlohmann::json& value, const std::string& origin) {
  if (!value.is_object()) fail(ExitCode::kData, "{}: {} is no object", origin, kMetadata);
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) fail(ExitCode::kData, "{}: {}: {} is no string", origin, kMetadata, quote_json(key));
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

// Every byte of the data belongs to exactly one tensor.
void check_cover(std::span<const TensorInfo> tensors, uint64_t data_size, const std::string& origin) {
  uint64_t position = 0;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.begin != position) {
      fail(ExitCode::kData, "{}: tensor {}: begins at byte {} of the data, but the one before it ends at {}", origin,
           quote_json(tensor.name), tensor.begin, position);
    }
    position = tensor.end;
  }
  if (position != data_size) {
    fail(ExitCode::kData, "{}: the tensors take {} bytes, but {} follow the header (the file is damaged or incomplete)",
         origin, position, data_size);
  }
}

}  // namespace

std::optional<uint64_t> tensor_bytes(DType dtype, std::span<const int64_t> shape) {
  uint64_t bytes = dtype_size(dtype);
  for (const int64_t dimension : shape) {
    if (dimension < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(dimension), &bytes)) return std::nullopt;
  }
  return bytes;
}

SafetensorsHeader parse_safetensors_header(std::string_view text, uint64_t data_size, const std::string& origin) {
  if (!text.starts_with('{'))
    fail(ExitCode::kData, "{}: the header does not begin with {{; no safetensors file", origin);
  const auto json = parse_json(text, origin + ": header", {.max_bytes = kMaxSafetensorsHeader, .max_depth = 3});
  SafetensorsHeader header;
  for (const auto& [name, entry] : json.items()) {
    if (name == kMetadata) {
      header.metadata = read_metadata(entry, origin);
    } else {
      header.tensors.push_back(TensorReader(origin, name, entry).read());
    }
  }
  std::stable_sort(header.tensors.begin(), header.tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  check_cover(header.tensors, data_size, origin);
  return header;
}

std::string safetensors_header_text(std::span<const TensorInfo> tensors,
                                    const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!metadata.empty()) json[kMetadata] = metadata;
  for (const TensorInfo& tensor : tensors) {
    SLM_CHECK(tensor.name != kMetadata && !json.contains(tensor.name));
    auto& entry = json[tensor.name];
    entry["dtype"] = dtype_name(tensor.dtype);
    entry["shape"] = tensor.shape;
    entry["data_offsets"] = {tensor.begin, tensor.end};
  }
  try {
    std::string text = json.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return text;
  } catch (const nlohmann::json::type_error& error) {
    fail(ExitCode::kFailed, "a tensor's name or metadata cannot be written: {}", error.what());
  }
}

}  // namespace slm
