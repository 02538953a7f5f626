#include "report/sensitivity.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/numbers.h"
#include "report/layer_names.h"

namespace slm {
namespace {

using Json = nlohmann::ordered_json;

// "0.self_attn.q_proj, k_proj, v_proj": layers that share an input share all but the last part of their names.
std::string names_of(const SensitivityEntry& entry) {
  std::string text = short_layer_name(entry.layers[0]);
  for (size_t i = 1; i < entry.layers.size(); ++i) text += fmt::format(",{}", layer_kind(entry.layers[i]));
  return text;
}

std::string cost(const SensitivityEntry& entry) {
  return fmt::format("loss {:+.5f}, KL {:.6f}, top-1 agreement {:.2f} %", entry.loss_increase, entry.kl_divergence,
                     100 * entry.top1_agreement);
}

// As a config has it, a line each, and as an override.
std::string exclude_key(const std::vector<std::string>& layers) {
  std::string text = "quantization_exclude:\n";
  for (const auto& layer : layers) text += "  - " + layer + "\n";
  return text + fmt::format("# behind slm quantize: 'quantization_exclude=[{}]'\n", fmt::join(layers, ", "));
}

Json entry_json(const SensitivityEntry& entry) {
  return {{"layers", entry.layers},
          {"loss_increase", entry.loss_increase},
          {"kl_divergence", entry.kl_divergence},
          {"top1_agreement", entry.top1_agreement},
          {"bytes_saved", entry.bytes_saved}};
}

}  // namespace

std::vector<std::string> layers_to_exclude(const std::vector<SensitivityEntry>& entries) {
  double all = 0, taken = 0;
  for (const auto& entry : entries) all += entry.kl_divergence;
  std::vector<std::string> layers;
  const size_t most = std::max<size_t>(1, entries.size() - std::min<size_t>(1, entries.size()));
  for (size_t i = 0; i < std::min(most, entries.size()) && (i == 0 || taken < all / 2); ++i) {
    taken += entries[i].kl_divergence;
    layers.insert(layers.end(), entries[i].layers.begin(), entries[i].layers.end());
  }
  return layers;
}

std::string sensitivity_text(const Sensitivity& sensitivity, const TextStyle& style) {
  constexpr int kBarBeside = 86, kShortestBar = 8;
  const int bar_width = style.width - kBarBeside;
  double sum = 0;
  for (const auto& entry : sensitivity.entries) sum += entry.kl_divergence;
  TextTable table({{.head = "layer", .to_the_left = true},
                   {.head = "loss"},
                   {.head = "KL"},
                   {.head = "of the sum"},
                   {.head = "saves"},
                   {.head = "top-1", .rank = 1},
                   {.head = "", .to_the_left = true, .rank = 2}});
  for (const auto& entry : sensitivity.entries) {
    const double share = sum > 0 ? entry.kl_divergence / sum : 0;
    const double of_largest = sum > 0 ? entry.kl_divergence / sensitivity.entries[0].kl_divergence : 0;
    table.add({names_of(entry), fmt::format("{:+.5f}", entry.loss_increase), fmt::format("{:.6f}", entry.kl_divergence),
               fmt::format("{:.1f} %", 100 * share), byte_size(entry.bytes_saved),
               fmt::format("{:.2f} %", 100 * entry.top1_agreement),
               bar_width < kShortestBar ? "" : text_bar(of_largest, bar_width, {.width = style.width})});
  }
  std::string text =
      fmt::format("{}\n{}, method {}; loss {:.5f} over {} tokens\n\n", style.strong(sensitivity.checkpoint),
                  sensitivity.scheme, sensitivity.method, sensitivity.loss, with_commas(sensitivity.tokens));
  text += table.text(style);
  text += style.faint("each alone quantized, all others float; KL in nats per token\n");
  text += fmt::format("\nall quantized:          {}\n", cost(sensitivity.all));
  text += fmt::format("all but those below:    {}\n", cost(sensitivity.without_excluded));
  text += fmt::format("leaving them float:     loss {:+.5f}, and {} more\n\n",
                      sensitivity.without_excluded.loss_increase - sensitivity.all.loss_increase,
                      byte_size(sensitivity.all.bytes_saved - sensitivity.without_excluded.bytes_saved));
  return text + exclude_key(sensitivity.exclude);
}

nlohmann::ordered_json sensitivity_json(const Sensitivity& sensitivity) {
  Json entries = Json::array();
  for (const auto& entry : sensitivity.entries) entries.push_back(entry_json(entry));
  return {{"checkpoint", sensitivity.checkpoint},
          {"scheme", sensitivity.scheme},
          {"method", sensitivity.method},
          {"tokens", sensitivity.tokens},
          {"loss", sensitivity.loss},
          {"entries", std::move(entries)},
          {"all", entry_json(sensitivity.all)},
          {"exclude", sensitivity.exclude},
          {"without_excluded", entry_json(sensitivity.without_excluded)}};
}

}  // namespace slm
