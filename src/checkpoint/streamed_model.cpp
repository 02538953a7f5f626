#include "checkpoint/streamed_model.h"

#include <algorithm>

#include "core/block_index.h"
#include "core/process_memory.h"

namespace slm {
namespace {

constexpr std::string_view kWeight = ".weight";

// Which part of a model of `blocks` blocks a linear layer belongs to: a block, or the head behind the last.
int64_t part_of(const std::string& layer, int64_t blocks) { return block_index(layer).value_or(blocks); }

}  // namespace

StreamedModel::StreamedModel(const std::filesystem::path& folder) {
  loaded_ = build_model(read_model_config(folder), {});
  parent_ = loaded_.model->share();
  const auto& config = parent_->config();
  loader_ = std::make_unique<ParameterLoader>(folder, config, *loaded_.arena);
  parts_.resize(config.n_layers + 1);
  parent_->visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    if (name == "lm_head" && config.tie_embeddings) return;
    parts_[part_of(name, config.n_layers)].weights[name] = dynamic_cast<const DenseLinear&>(*layer).weight();
    discarded_.insert(name);
  });
  for (const auto& tensor : loader_->layout()) {
    const auto& first = tensor.parts[0];
    const auto layer = first.ends_with(kWeight) ? first.substr(0, first.size() - kWeight.size()) : "";
    if (discarded_.contains(layer)) {
      parts_[part_of(layer, config.n_layers)].tensors.push_back(&tensor);
    } else {
      loader_->load(tensor);
    }
  }
  if (std::filesystem::exists(folder / "tokenizer.json")) {
    loaded_.tokenizer = load_tokenizer(folder / "tokenizer.json");
  }
}

std::vector<std::string> StreamedModel::read_block(int64_t block) {
  const auto& part = parts_.at(block);
  std::vector<std::string> again;
  const auto missing = [&](const std::string& parameter) {
    return discarded_.contains(parameter.substr(0, parameter.size() - kWeight.size()));
  };
  for (const auto* tensor : part.tensors) {
    if (std::ranges::any_of(tensor->parts, missing)) loader_->load(*tensor);
  }
  for (const auto& [layer, weight] : part.weights) {
    if (discarded_.erase(layer) > 0) again.push_back(layer);
  }
  return again;
}

void StreamedModel::discard(const std::string& layer) {
  for (const auto& part : parts_) {
    const auto found = part.weights.find(layer);
    if (found == part.weights.end()) continue;
    discard_pages(found->second.data_ptr(), found->second.nbytes());
    discarded_.insert(layer);
  }
}

at::Tensor StreamedModel::hidden(const at::Tensor& ids, const ForwardSettings& settings) {
  auto& decoder = parent_->decoder();
  auto [x, context] = decoder.embed(ids, settings);
  for (int64_t block = 0; block < parent_->config().n_layers; ++block) {
    const auto again = read_block(block);
    x = decoder.run_block(block, x, context);
    for (const auto& layer : again) discard(layer);
  }
  return decoder.finish(x, context);
}

}  // namespace slm
