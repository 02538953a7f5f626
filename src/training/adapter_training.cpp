#include "training/adapter_training.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/quantized_folder.h"
#include "core/error.h"
#include "core/numbers.h"
#include "model/adapter_targets.h"
#include "model/hugging_face/tensor_layout.h"
#include "model/model_size.h"
#include "quantization/trainable_packed_linear.h"
#include "training/builders.h"

namespace slm {
namespace {

std::vector<AdapterShape> shapes_over(const TransformerConfig& shape, const AdapterConfig& adapters) {
  std::vector<AdapterShape> shapes;
  const double scale = *adapters.alpha / static_cast<double>(adapters.rank);
  for (const auto& layer : layers_to_adapt(shape, adapters.targets)) shapes.push_back({layer, adapters.rank, scale});
  return shapes;
}

}  // namespace

std::vector<AdapterShape> adapted_layers(const TrainingConfig& config) {
  auto model = config.model;
  model.vocab_size = model.vocab_size.value_or(1);
  return shapes_over(transformer_config(model), config.adapters);
}

void refuse_adapted_parent(const std::filesystem::path& folder) {
  if (!has_adapter(folder)) return;
  fail(ExitCode::kUsage, "init_from: {} is a model under adapters; make one model of them first, with slm merge",
       folder.string());
}

void refuse_grown_base(const TransformerConfig& shape, const std::filesystem::path& folder) {
  const int64_t theirs = read_model_config(folder).vocab_size;
  if (shape.vocab_size == theirs) return;
  fail(ExitCode::kUsage,
       "init_from: {} has {} tokens and the data needs {}; adapters train over a frozen model, which cannot learn new "
       "ones",
       folder.string(), theirs, shape.vocab_size);
}

void build_adapted_model(TrainingSetup& setup, const TransformerConfig& shape, const std::filesystem::path& parent,
                         ArenaSettings arena) {
  const auto names = parameter_names(shape);
  arena.frozen = {names.begin(), names.end()};
  auto& loaded = setup.loaded;
  if (is_quantized_folder(parent)) {
    verify_or_warn(parent);
    loaded = read_quantized_folder(parent, arena);
    keep_codes(*loaded.model);
  } else {
    loaded = build_model(shape, arena);
  }
  arena.frozen = {};
  setup.adapters = std::make_unique<Adapters>(*loaded.model, shapes_over(shape, setup.config.adapters), arena);
}

void restore_adapters(const Adapters& adapters, const std::filesystem::path& checkpoint,
                      const TransformerConfig& shape) {
  const auto folder = checkpoint / kAdapterFolder;
  const auto weights = read_adapter(folder, shape);
  std::set<std::string> ours, theirs;
  for (const auto& each : adapters.shapes()) ours.insert(fmt::format("{} of rank {}", each.layer, each.rank));
  for (const auto& each : weights) theirs.insert(fmt::format("{} of rank {}", each.layer, each.a.size(0)));
  if (ours != theirs) {
    std::vector<std::string> different;
    std::ranges::set_symmetric_difference(ours, theirs, std::back_inserter(different));
    fail(ExitCode::kData, "{}: has other adapters than its config asks for: {}", folder.string(), different[0]);
  }
  adapters.set_weights(weights);
}

std::optional<AdapterMemory> adapter_memory(const TrainingConfig& config, const TransformerConfig& shape) {
  if (!config.adapters.is_on()) return std::nullopt;
  const Transformer sketch(shape);
  const auto parameters = sketch.named_parameters();
  AdapterMemory memory;
  for (const auto& [layer, rank, scale] : shapes_over(shape, config.adapters)) {
    const auto& weight = parameters[layer + ".weight"];
    memory.parameters += rank * (weight.size(0) + weight.size(1));
    memory.kept += rank + (config.adapters.dropout > 0 ? weight.size(1) : 0);
  }
  memory.kept_by_block = (memory.kept + shape.n_layers - 1) / shape.n_layers;
  return memory;
}

AdapterInfo adapter_info(const TrainingConfig& config) {
  const auto& adapters = config.adapters;
  return {.base = config.init_from.value_or(""),
          .rank = adapters.rank,
          .alpha = adapters.alpha.value_or(0),
          .dropout = adapters.dropout};
}

std::string describe_adapters(const TrainingSetup& setup) {
  const auto& adapters = *setup.adapters;
  const int64_t trained = adapters.arena().size(), frozen = model_size(setup.loaded.model->config()).parameters;
  return fmt::format("{} parameters in adapters of rank {} over {} linear layers, {:.2f} % beside {} frozen ones",
                     with_commas(trained), setup.config.adapters.rank, adapters.shapes().size(),
                     100 * static_cast<double>(trained) / static_cast<double>(frozen), with_commas(frozen));
}

}  // namespace slm
