#include "quantization/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/glob.h"
#include "quantization/pack_int4.h"
#include "quantization/packed_linear.h"

namespace slm {
namespace {

constexpr int64_t kFloatBytes = 4;

PlannedLayer plan_layer(const std::string& name, const Linear& layer, const QuantizationSettings& settings) {
  PlannedLayer planned{.name = name, .out_features = layer.out_features(), .in_features = layer.in_features()};
  planned.bytes_before = planned.out_features * planned.in_features * kFloatBytes;
  planned.bytes_after = planned.bytes_before;
  const auto excluded = std::find_if(settings.exclude.begin(), settings.exclude.end(),
                                     [&](const auto& pattern) { return glob_matches(pattern, name); });
  if (excluded != settings.exclude.end()) {
    planned.reason = fmt::format("quantization_exclude: {}", *excluded);
    return planned;
  }
  planned.scheme = settings.scheme;
  planned.bytes_after = quantized_bytes(planned.out_features, planned.in_features, settings.scheme);
  return planned;
}

void check_patterns(const QuantizationPlan& plan, const std::vector<std::string>& patterns) {
  for (const auto& pattern : patterns) {
    const bool used = std::any_of(plan.begin(), plan.end(),
                                  [&](const PlannedLayer& layer) { return glob_matches(pattern, layer.name); });
    if (used) continue;
    fail(ExitCode::kUsage, "quantization_exclude: \"{}\" matches no linear layer; the first is called {}, the last {}",
         pattern, plan.front().name, plan.back().name);
  }
}

}  // namespace

int64_t quantized_bytes(int64_t out_features, int64_t in_features, const Scheme& scheme) {
  constexpr int64_t kWordBytes = 4;
  const int64_t codes_of_row = scheme.bits == 8 ? in_features : int4_words(in_features) * kWordBytes;
  int64_t scales = 1;
  for (const int64_t size : scheme.scales_shape(out_features, in_features)) scales *= size;
  return out_features * codes_of_row + scales * kFloatBytes;
}

QuantizationPlan plan_quantization(Transformer& model, const QuantizationSettings& settings) {
  QuantizationPlan plan;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    if (dynamic_cast<const PackedLinear*>(layer.get())) {
      fail(ExitCode::kData, "{}: is quantized already; quantize the float model that it was made from", name);
    }
    plan.push_back(plan_layer(name, *layer, settings));
  });
  check_patterns(plan, settings.exclude);
  if (std::none_of(plan.begin(), plan.end(), [](const PlannedLayer& layer) { return layer.scheme.has_value(); })) {
    fail(ExitCode::kUsage, "quantization_exclude: leaves none of the {} linear layers to quantize", plan.size());
  }
  return plan;
}

std::string format_plan(const QuantizationPlan& plan, const QuantizationSettings& settings) {
  size_t width = 5;
  for (const auto& layer : plan) width = std::max(width, layer.name.size());
  std::string text = fmt::format("{:<{}}  {:>13}  {:>11}  {:>11}  scheme\n", "layer", width, "shape", "bytes", "after");
  int64_t before = 0, after = 0, quantized = 0;
  for (const auto& layer : plan) {
    text += fmt::format("{:<{}}  {:>13}  {:>11}  {:>11}  {}\n", layer.name, width,
                        fmt::format("{} x {}", layer.out_features, layer.in_features), layer.bytes_before,
                        layer.bytes_after, layer.scheme ? describe(*layer.scheme) : "float: " + layer.reason);
    before += layer.bytes_before;
    after += layer.bytes_after;
    quantized += layer.scheme ? 1 : 0;
  }
  text +=
      fmt::format("{} of {} linear layers, {} to {} bytes ({:+.1f} %); embeddings and norms stay float\n", quantized,
                  plan.size(), before, after, 100.0 * (static_cast<double>(after) / static_cast<double>(before) - 1));
  if (settings.scheme.bits == 4 && settings.scheme.per_tensor()) {
    text += "note: one scale for a whole layer at 4 bits costs a language model dearly; per_group loses far less\n";
  }
  return text;
}

}  // namespace slm
