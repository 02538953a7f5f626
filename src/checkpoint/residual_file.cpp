#include "checkpoint/residual_file.h"

#include <fmt/ranges.h>

#include <set>

#include "checkpoint/tensor_io.h"
#include "core/error.h"
#include "quantization/metadata_json.h"
#include "quantization/residual.h"

namespace slm {

std::string residual_name(const std::string& layer) { return "residual." + layer + ".weight"; }

void write_residuals(const std::filesystem::path& folder, const StateDict& residuals) {
  save_tensors(folder / kResidualFile, residuals);
}

ResidualFile::ResidualFile(const std::filesystem::path& folder, const QuantizationMetadata& metadata)
    : file_(folder / kResidualFile), bits_(metadata.residual_bits) {
  SLM_CHECK(bits_ > 0);
  const DType dtype = bits_ < 8 ? DType::kI8 : DType::kI16;
  const auto path = file_.path().string();
  std::set<std::string> expected;
  for (const auto& layer : metadata.layers) {
    const auto name = residual_name(layer.name);
    const std::vector<int64_t> shape{layer.out_features, layer.in_features};
    expected.insert(name);
    const auto* info = file_.find(name);
    if (!info) {
      fail(ExitCode::kData, "{}: {}: missing, but {} says that {} bits of each weight are kept", path, name,
           kQuantizationMetadataFile, bits_);
    }
    if (info->dtype == dtype && info->shape == shape) continue;
    fail(ExitCode::kData, "{}: {}: found {} {}, but {} asks for {} {}", path, name, dtype_name(info->dtype),
         info->shape, kQuantizationMetadataFile, dtype_name(dtype), shape);
  }
  for (const auto& info : file_.tensors()) {
    if (expected.contains(info.name)) continue;
    fail(ExitCode::kData, "{}: {}: {} lists no such layer", path, info.name, kQuantizationMetadataFile);
  }
}

at::Tensor ResidualFile::read(const std::string& layer, const QuantizedWeight& weight) const {
  const auto name = residual_name(layer);
  const auto* info = file_.find(name);
  SLM_CHECK(info);
  const auto residual = load_tensor(file_, *info).to(weight.codes.device());
  if (const auto place = find_foreign_residual(residual, weight, bits_)) {
    const auto [row, column] = *place;
    fail(ExitCode::kData, "{}: {}: the number at row {}, column {} is {}, which does not belong to the code {} there",
         file_.path().string(), name, row, column, residual[row][column].item<int64_t>(),
         weight.codes[row][column].item<int64_t>());
  }
  return residual;
}

}  // namespace slm
