#include "quantization/execution_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "quantization/packed_linear.h"

namespace slm {
namespace {

std::string execution_of(const Linear& layer) {
  if (const auto* packed = dynamic_cast<const PackedLinear*>(&layer)) return packed->execution();
  const auto* dense = dynamic_cast<const DenseLinear*>(&layer);
  return dense && dense->weight().scalar_type() == at::kBFloat16 ? "bfloat16" : "float32";
}

}  // namespace

std::string summarize_execution(Transformer& model) {
  std::vector<std::pair<std::string, int64_t>> counts;  // quantized ones first, each group where its first layer stands
  int64_t quantized = 0, all = 0;
  model.visit_linears([&](const std::string&, std::shared_ptr<Linear>& layer) {
    const auto execution = execution_of(*layer);
    const auto found = std::find_if(counts.begin(), counts.end(), [&](const auto& e) { return e.first == execution; });
    const bool packed = dynamic_cast<PackedLinear*>(layer.get()) != nullptr;
    if (found != counts.end()) {
      ++found->second;
    } else {
      counts.insert(packed ? counts.begin() + quantized : counts.end(), {execution, 1});
      quantized += packed ? 1 : 0;
    }
    ++all;
  });
  if (quantized == 0) return {};
  std::string text;
  for (const auto& [execution, count] : counts) {
    text += text.empty() ? fmt::format("{} of {} linear layers {}", count, all, execution)
                         : fmt::format("; {} {}", count, execution);
  }
  return text;
}

}  // namespace slm
