#include "model/adapter_targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include "config/suggest.h"
#include "core/error.h"
#include "core/glob.h"
#include "model/hugging_face/tensor_layout.h"

namespace slm {
namespace {

constexpr std::string_view kWeight = "_proj.weight";

std::string layer_of(const std::string& weight) {
  return weight.substr(0, weight.size() - std::string_view(".weight").size());
}

// What a person may have meant: a layer by its whole name, or all of its kind.
std::vector<std::string> suggestions(const std::vector<std::string>& layers) {
  std::set<std::string> all(layers.begin(), layers.end());
  for (const auto& layer : layers) {
    const auto kind = layer.substr(layer.rfind('.') + 1);
    all.insert({"*." + kind, kind});
  }
  return {all.begin(), all.end()};
}

[[noreturn]] void fail_unmatched(const std::string& glob, const std::vector<std::string>& layers) {
  if (glob_matches(glob, "lm_head")) {
    fail(ExitCode::kUsage, "lora_targets: '{}' matches the head alone; adapters lie over the layers of the blocks",
         glob);
  }
  const auto all = suggestions(layers);
  auto near = nearest_name(glob, all);
  if (near && near->find('.') == std::string::npos) near = "*." + *near;
  fail(ExitCode::kUsage, "lora_targets: '{}' matches no linear layer of the blocks{}", glob,
       near ? fmt::format("; did you mean {}?", *near)
            : fmt::format("; the first is {}, the last {}", layers.front(), layers.back()));
}

// Layers that share a module of the class.
void refuse_joined(const TransformerConfig& config, const std::set<std::string>& wanted) {
  for (const auto& tensor : file_layout(config)) {
    if (tensor.parts.size() == 1) continue;
    const auto found = std::ranges::find_if(
        tensor.parts, [&](const auto& part) { return part.ends_with(kWeight) && wanted.contains(layer_of(part)); });
    if (found == tensor.parts.end()) continue;
    fail(ExitCode::kUsage,
         "lora_targets: {} lies in {} of the Hugging Face class, of which peft's format has one adapter for q, k and v "
         "together; expected other layers, as in ['*.o_proj', '*.up_proj', '*.down_proj']",
         layer_of(*found), layer_of(tensor.name));
  }
}

}  // namespace

std::vector<std::string> block_linear_layers(const TransformerConfig& config) {
  std::vector<std::string> layers;
  for (const auto& name : parameter_names(config)) {
    if (name.ends_with(kWeight)) layers.push_back(layer_of(name));
  }
  return layers;
}

std::vector<std::string> layers_to_adapt(const TransformerConfig& config, const std::vector<std::string>& globs) {
  const auto layers = block_linear_layers(config);
  if (globs.empty()) fail(ExitCode::kUsage, "lora_targets: [] leaves no layer to adapt");
  std::set<std::string> wanted;
  for (const auto& glob : globs) {
    bool matches = false;
    for (const auto& layer : layers) {
      if (!glob_matches(glob, layer)) continue;
      wanted.insert(layer);
      matches = true;
    }
    if (!matches) fail_unmatched(glob, layers);
  }
  refuse_joined(config, wanted);
  std::vector<std::string> found;
  std::ranges::copy_if(layers, std::back_inserter(found), [&](const auto& layer) { return wanted.contains(layer); });
  return found;
}

}  // namespace slm
