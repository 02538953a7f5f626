#include "evaluation/sensitivity.h"

#include <algorithm>

#include "evaluation/divergence.h"
#include "model/tap.h"
#include "quantization/plan.h"
#include "quantization/quantize_layers.h"

namespace slm {
namespace {

std::vector<std::vector<std::string>> groups_of(const QuantizationPlan& plan, bool by_input) {
  std::vector<std::vector<std::string>> groups;
  for (const auto& layer : plan) {
    if (!layer.scheme) continue;
    const bool joins = by_input && !groups.empty() && linear_input(groups.back()[0]) == linear_input(layer.name);
    if (!joins) groups.emplace_back();
    groups.back().push_back(layer.name);
  }
  return groups;
}

// `plan` with no other layer than these.
QuantizationPlan only(QuantizationPlan plan, const std::vector<std::string>& layers) {
  for (auto& layer : plan) {
    if (std::find(layers.begin(), layers.end(), layer.name) == layers.end()) layer.scheme.reset();
  }
  return plan;
}

// Adds the float model's loss and the number of tokens to `result`.
SensitivityEntry measure(const SensitivityJob& job, const QuantizationPlan& plan,
                         const std::vector<std::string>& layers, Sensitivity& result) {
  SensitivityEntry entry{.layers = layers};
  const auto twin = job.model.share();
  const auto some = only(plan, layers);
  quantize_layers(*twin, some, job.settings, job.calibration);
  const auto divergence = compare_predictions(job.model, *twin, job.tokens, job.sequence_length, job.evaluation);
  entry.loss_increase = divergence.loss_difference();
  entry.kl_divergence = divergence.kl_divergence;
  entry.top1_agreement = divergence.top1_agreement;
  for (const auto& layer : some) {
    if (layer.scheme) entry.bytes_saved += layer.bytes_before - layer.bytes_after;
  }
  result.loss = divergence.loss_first;
  result.tokens = divergence.tokens;
  return entry;
}

}  // namespace

Sensitivity measure_sensitivity(const SensitivityJob& job, const std::function<void(double)>& on_entry) {
  const auto plan = plan_quantization(job.model, job.settings);
  Sensitivity result{
      .checkpoint = "", .scheme = describe(job.settings.scheme), .method = std::string(name_of(job.settings.method))};
  const auto groups = groups_of(plan, job.by_input);
  const auto steps = static_cast<double>(groups.size() + 2);
  const auto done = [&] {
    if (on_entry) on_entry(static_cast<double>(result.entries.size()) / steps);
  };
  std::vector<std::string> all;
  for (const auto& group : groups) {
    result.entries.push_back(measure(job, plan, group, result));
    all.insert(all.end(), group.begin(), group.end());
    done();
  }
  std::stable_sort(result.entries.begin(), result.entries.end(),
                   [](const auto& a, const auto& b) { return a.kl_divergence > b.kl_divergence; });
  result.exclude = layers_to_exclude(result.entries);
  result.all = measure(job, plan, all, result);
  const auto& exclude = result.exclude;
  std::erase_if(all,
                [&](const auto& name) { return std::find(exclude.begin(), exclude.end(), name) != exclude.end(); });
  if (!all.empty()) result.without_excluded = measure(job, plan, all, result);
  return result;
}

}  // namespace slm
