#include "checkpoint/model_folder.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <map>

#include "checkpoint/adapted_model.h"
#include "checkpoint/folder_files.h"
#include "checkpoint/parameter_loader.h"
#include "checkpoint/qat_folder.h"
#include "checkpoint/quantized_folder.h"
#include "checkpoint/tensor_io.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "model/hugging_face/config_json.h"
#include "model/hugging_face/tensor_layout.h"

namespace slm {
namespace {

using Parameters = std::map<std::string, at::Tensor>;

// Zeros of a bias that the class has and the model has not: as long as its weight has outputs.
at::Tensor zero_bias(const FileTensor& layout, const Parameters& parameters) {
  int64_t size = 0;
  for (const auto& part : layout.parts) {
    const std::string weight = part.substr(0, part.size() - std::string_view("bias").size()) + "weight";
    size += parameters.at(weight).size(0);
  }
  return at::zeros({size});
}

// The tensor as the file has it; a view wherever possible.
at::Tensor to_file(const FileTensor& layout, const Parameters& parameters) {
  if (layout.always_zero) return zero_bias(layout, parameters);
  std::vector<at::Tensor> parts;
  for (const auto& part : layout.parts) parts.push_back(parameters.at(part));
  const auto joined = parts.size() == 1 ? parts[0] : at::cat(parts, 0);
  return layout.transposed ? joined.t() : joined;
}

}  // namespace

LoadedModel build_model(const TransformerConfig& config, const ArenaSettings& settings) {
  LoadedModel loaded;
  loaded.model = std::make_shared<Transformer>(config, settings.device);
  loaded.arena = std::make_shared<ParameterArena>(*loaded.model, settings);
  loaded.model->fuse_projections();
  return loaded;
}

void write_model_folder(const std::filesystem::path& folder, const TransformerConfig& config,
                        const ParameterArena& arena, const Tokenizer* tokenizer) {
  write_description(folder, write_config_json(config), config, tokenizer);
  const c10::NoGradGuard no_grad;
  const auto parameters = arena.by_name();
  StateDict tensors;
  for (const auto& layout : file_layout(config)) tensors.push_back({layout.name, to_file(layout, parameters)});
  save_tensors(folder / "model.safetensors", tensors);
}

TransformerConfig read_model_config(const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  auto json = parse_json(read_file(path), path.string());
  // What it tells other programs, quantization_metadata.json tells slm; read_quantized_folder compares the two.
  if (json.is_object() && is_quantized_folder(folder)) json.erase("quantization_config");
  return read_config_json(json, path.string());
}

void load_parameters(const std::filesystem::path& folder, const TransformerConfig& config, const ParameterArena& arena,
                     int64_t new_tokens) {
  const ParameterLoader loader(folder, config, arena, new_tokens);
  for (const auto& tensor : loader.layout()) loader.load(tensor);
  const c10::NoGradGuard no_grad;
  arena.update_shadows();
}

LoadedModel read_base_folder(const std::filesystem::path& folder, const ArenaSettings& settings) {
  LoadedModel loaded;
  if (is_quantized_folder(folder)) {
    loaded = read_quantized_folder(folder, settings);
  } else if (is_qat_folder(folder)) {
    loaded = read_qat_folder(folder, settings);
  } else {
    loaded = build_model(read_model_config(folder), settings);
    load_parameters(folder, loaded.model->config(), *loaded.arena);
  }
  if (std::filesystem::exists(folder / "tokenizer.json")) loaded.tokenizer = load_tokenizer(folder / "tokenizer.json");
  return loaded;
}

LoadedModel read_model_folder(const std::filesystem::path& folder, const ArenaSettings& settings) {
  auto loaded = read_base_folder(folder, settings);
  if (has_adapter(folder)) put_adapter_over(loaded, folder / kAdapterFolder, settings);
  return loaded;
}

}  // namespace slm
