#include "training/kept_residual.h"

#include "checkpoint/residual_file.h"
#include "core/log.h"
#include "quantization/residual.h"

namespace slm {
namespace {

const char* describe_conversion(int kept, int ours) {
  if (ours == 0) return "left out";
  if (ours == kept) return "taken as they are";
  return ours > kept ? "widened, which is exact" : "rounded";
}

}  // namespace

int residual_bits_of(const QuantizationConfig& config, const QuantizationMetadata& parent) {
  if (config.residual_bits) return static_cast<int>(*config.residual_bits);
  if (parent.finetuning) return parent.finetuning->residual_bits;
  if (parent.residual_bits > 0) return parent.residual_bits;
  return parent.scheme.bits == 4 ? 4 : 0;
}

void begin_with_kept_residual(const QuantizedFinetuning& codes, const std::filesystem::path& folder,
                              const QuantizationMetadata& metadata) {
  const int kept = metadata.residual_bits, ours = codes.settings().residual_bits;
  if (kept == 0) return;
  log_info("{}: {} residual bits a weight are kept; with quantization_residual_bits {} they are {}", folder.string(),
           kept, ours, describe_conversion(kept, ours));
  if (ours == 0) return;
  const ResidualFile file(folder, metadata);
  for (const auto& layer : codes.layers()) {
    const auto weight = layer.linear->codes()->weight();
    layer.linear->codes()->set_residual(convert_residual(file.read(layer.name, weight), weight, kept, ours));
  }
}

}  // namespace slm
