#include "checkpoint/tensor_io.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/ranges.h>

#include <array>
#include <cstring>
#include <set>

#include "core/error.h"

namespace slm {
namespace {

struct DTypePair {
  DType file;
  at::ScalarType torch;
};
constexpr std::array kDTypes{DTypePair{DType::kF32, at::kFloat}, DTypePair{DType::kBF16, at::kBFloat16},
                             DTypePair{DType::kF16, at::kHalf},  DTypePair{DType::kF64, at::kDouble},
                             DTypePair{DType::kI64, at::kLong},  DTypePair{DType::kI32, at::kInt},
                             DTypePair{DType::kI16, at::kShort}, DTypePair{DType::kI8, at::kChar},
                             DTypePair{DType::kU8, at::kByte},   DTypePair{DType::kBool, at::kBool}};

DType file_dtype(at::ScalarType type) {
  for (const auto& pair : kDTypes) {
    if (pair.torch == type) return pair.file;
  }
  SLM_CHECK(!"a dtype that no tensor of slm has");
  return DType::kF32;
}

}  // namespace

at::Tensor load_tensor(const SafetensorsFile& file, const TensorInfo& info) {
  for (const auto& pair : kDTypes) {
    if (pair.file != info.dtype) continue;
    auto tensor = at::empty(info.shape, pair.torch);
    const auto bytes = file.data(info);
    SLM_CHECK(bytes.size() == tensor.nbytes());
    if (!bytes.empty()) std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
    file.forget(info);
    return tensor;
  }
  fail(ExitCode::kData, "{}: {}: dtype {} is not supported", file.path().string(), info.name, dtype_name(info.dtype));
}

at::Tensor load_float(const SafetensorsFile& file, const TensorInfo& info, at::IntArrayRef shape) {
  if (at::IntArrayRef(info.shape) != shape) {
    fail(ExitCode::kData, "{}: {}: shape [{}] contradicts config.json, which asks for [{}]", file.path().string(),
         info.name, fmt::join(info.shape, ", "), fmt::join(shape, ", "));
  }
  if (info.dtype != DType::kF32 && info.dtype != DType::kBF16 && info.dtype != DType::kF16) {
    fail(ExitCode::kData, "{}: {}: dtype {}, expected F32, BF16 or F16", file.path().string(), info.name,
         dtype_name(info.dtype));
  }
  const auto bytes = file.data(info);
  const bool is_aligned = reinterpret_cast<uintptr_t>(bytes.data()) % alignof(float) == 0;
  if (info.dtype != DType::kF32 || !is_aligned || bytes.empty()) return load_tensor(file, info).to(at::kFloat);
  auto* first = const_cast<std::byte*>(bytes.data());  // from_blob has no const form
  return at::from_blob(first, shape, at::kFloat);
}

void save_tensors(const std::filesystem::path& path, const StateDict& tensors) {
  std::vector<at::Tensor> kept;
  std::vector<TensorToWrite> to_write;
  for (const auto& [name, tensor] : tensors) {
    const auto& contiguous = kept.emplace_back(tensor.detach().cpu().contiguous());
    to_write.push_back({name,
                        file_dtype(contiguous.scalar_type()),
                        contiguous.sizes().vec(),
                        {static_cast<const std::byte*>(contiguous.data_ptr()), contiguous.nbytes()}});
  }
  write_safetensors(path, to_write, {{"format", "pt"}});
}

void load_state(const std::filesystem::path& path, const StateDict& state) {
  const SafetensorsFile file(path);
  std::set<std::string> expected;
  for (const auto& [name, tensor] : state) {
    expected.insert(name);
    const auto* info = file.find(name);
    if (!info) fail(ExitCode::kData, "{}: {}: missing", path.string(), name);
    const DType dtype = file_dtype(tensor.scalar_type());
    if (info->dtype != dtype || info->shape != tensor.sizes().vec()) {
      fail(ExitCode::kData, "{}: {}: found {} {}, expected {} {}", path.string(), name, dtype_name(info->dtype),
           info->shape, dtype_name(dtype), tensor.sizes().vec());
    }
    tensor.detach().copy_(load_tensor(file, *info));
  }
  for (const auto& info : file.tensors()) {
    if (!expected.contains(info.name)) {
      fail(ExitCode::kData, "{}: {}: no part of this run's state", path.string(), info.name);
    }
  }
}

}  // namespace slm
