#include "checkpoint/quantized_folder.h"

#include <c10/core/GradMode.h>

#include <cmath>
#include <map>
#include <set>

#include "checkpoint/compressed_tensors.h"
#include "checkpoint/folder_files.h"
#include "checkpoint/qat_folder.h"
#include "checkpoint/quantized_layer.h"
#include "checkpoint/residual_file.h"
#include "checkpoint/tensor_io.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/log.h"
#include "model/hugging_face/config_json.h"
#include "model/lora_linear.h"
#include "quantization/execution_summary.h"
#include "quantization/metadata_json.h"
#include "quantization/packed_linear.h"
#include "quantization/plan.h"
#include "quantization/residual.h"
#include "quantization/trainable_packed_linear.h"

namespace slm {
namespace {

// Puts the packed layers of a folder in the place of the dense ones.
class LayerReplacer {
 public:
  LayerReplacer(const std::filesystem::path& folder, const QuantizationMetadata& metadata, const ParameterFiles& files,
                at::Device device)
      : path_((folder / kQuantizationMetadataFile).string()), files_(files), device_(device) {
    for (const auto& layer : metadata.layers) layers_[layer.name] = &layer;
    for (const auto& left : metadata.left_float) left_float_.insert(left.name);
  }

  void replace_in(Transformer& model) {
    if (model.config().tie_embeddings && layers_.contains("lm_head")) {
      fail(ExitCode::kData, "{}: layers: lm_head has codes of its own, although config.json ties it to the embedding",
           path_);
    }
    model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) { replace(name, layer); });
    for (const auto& [name, layer] : layers_) {
      if (seen_.contains(name)) continue;
      fail(ExitCode::kData, "{}: layers: the model that config.json describes has no linear layer {}", path_, name);
    }
    const auto parameters = model.named_parameters();
    for (const auto& name : left_float_) {
      if (seen_.contains(name) || parameters.contains(name + ".weight")) continue;
      fail(ExitCode::kData, "{}: left_float: the model that config.json describes has no {}", path_, name);
    }
  }

  const std::set<std::string>& tensors() const { return tensors_; }

 private:
  void replace(const std::string& name, std::shared_ptr<Linear>& layer) {
    seen_.insert(name);
    const auto found = layers_.find(name);
    if (found == layers_.end()) {
      if (left_float_.contains(name)) return;
      fail(ExitCode::kData, "{}: the linear layer {} is neither in layers nor in left_float", path_, name);
    }
    const auto& info = *found->second;
    if (info.out_features != layer->out_features() || info.in_features != layer->in_features()) {
      fail(ExitCode::kData, "{}: layers: {}: shape [{}, {}] contradicts config.json, which asks for [{}, {}]", path_,
           name, info.out_features, info.in_features, layer->out_features(), layer->in_features());
    }
    const auto& bias = dynamic_cast<const DenseLinear&>(*layer).bias();
    layer = read_quantized_layer(files_, info, bias, device_, tensors_);
  }

  std::string path_;
  const ParameterFiles& files_;
  at::Device device_;
  std::map<std::string, const QuantizedLayerInfo*> layers_;
  std::set<std::string> left_float_, seen_;
  std::set<std::string> tensors_;  // that belong to the layers
};

void load_float_tensors(const ParameterFiles& files, const ParameterArena& arena,
                        const std::set<std::string>& of_layers) {
  std::set<std::string> known = of_layers;
  for (const auto& [name, value] : arena.values()) {
    const auto [file, info] = files.find(name);
    if (!info) fail(ExitCode::kData, "{}: {}: missing", files.path().string(), name);
    value.copy_(load_float(*file, *info, value.sizes()));
    file->forget(*info);
    known.insert(name);
  }
  for (const auto& name : files.names()) {
    if (known.contains(name)) continue;
    fail(ExitCode::kData, "{}: {}: the model that config.json and {} describe has no such tensor",
         files.path().string(), name, kQuantizationMetadataFile);
  }
  arena.update_shadows();
}

void check_coverage(const std::string& path, const QuantizationMetadata& metadata, const ParameterArena& arena) {
  const auto& stated = metadata.coverage;
  int64_t parameters = 0, bytes = 0;
  for (const auto& layer : metadata.layers) {
    parameters += layer.out_features * layer.in_features;
    bytes += quantized_bytes(layer.out_features, layer.in_features, layer.scheme);
  }
  const auto expect = [&](const char* key, int64_t found, int64_t counted) {
    if (found == counted) return;
    fail(ExitCode::kData, "{}: coverage: {} is {}, but the tensors have {}", path, key, found, counted);
  };
  expect("quantized_parameters", stated.quantized_parameters, parameters);
  expect("float_parameters", stated.float_parameters, arena.size());
  const double bits = 8.0 * static_cast<double>(bytes) / static_cast<double>(parameters);
  constexpr double kRounding = 1e-9;  // of one division
  if (!(std::abs(stated.bits_per_weight - bits) <= kRounding * bits)) {
    fail(ExitCode::kData, "{}: coverage: bits_per_weight is {}, but the tensors have {}", path, stated.bits_per_weight,
         bits);
  }
}

// What config.json tells other programs of the codes must be what the metadata tells slm.
void check_quantization_config(const std::filesystem::path& folder, const TransformerConfig& config,
                               const QuantizationMetadata& metadata) {
  const auto path = folder / "config.json";
  const nlohmann::json document = parse_json(read_file(path), path.string());
  const nlohmann::json found = document.value("quantization_config", nlohmann::json()),
                       expected = compressed_tensors_config(config, metadata).json;
  if (found == expected) return;
  const auto at = nlohmann::json::json_pointer(nlohmann::json::diff(found, expected)[0].at("path"));
  const auto value_at = [&](const nlohmann::json& json) { return json.contains(at) ? json[at].dump() : "nothing"; };
  fail(ExitCode::kData, "{}: quantization_config: found {} at '{}', but by {} expected {}", path.string(),
       value_at(found), at.to_string(), kQuantizationMetadataFile, value_at(expected));
}

// As it is saved; null for a float layer.
std::shared_ptr<const PackedLinear> packed_form(const std::shared_ptr<Linear>& layer) {
  const auto& base = without_adapter(layer);
  if (const auto trained = std::dynamic_pointer_cast<TrainablePackedLinear>(base)) {
    return std::make_shared<PackedLinear>(trained->packed());
  }
  return std::dynamic_pointer_cast<const PackedLinear>(base);
}

// The float parameters and the packed layers.
StateDict tensors_of(Transformer& model, const QuantizationMetadata& metadata, const ParameterArena* arena) {
  StateDict tensors;
  if (arena) {
    for (const auto& [name, value] : arena->values()) tensors.push_back({name, value});
  } else {
    for (const auto& parameter : model.named_parameters()) {
      tensors.push_back({parameter.key(), parameter.value().to(at::kFloat)});
    }
  }
  std::map<std::string, const QuantizedLayerInfo*> infos;
  for (const auto& layer : metadata.layers) infos[layer.name] = &layer;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    const auto packed = packed_form(layer);
    SLM_CHECK((packed != nullptr) == infos.contains(name));
    if (!packed) return;
    for (auto& tensor : quantized_tensors(*infos.at(name), *packed)) tensors.push_back(std::move(tensor));
  });
  return tensors;
}

}  // namespace

bool is_quantized_folder(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / kQuantizationMetadataFile) && !is_qat_folder(folder);
}

void expect_float_folder(const std::filesystem::path& folder) {
  if (!is_quantized_folder(folder)) return;
  fail(ExitCode::kData,
       "{}: holds a quantized model ({}), which can be neither trained nor quantized again; name the float model that "
       "it was made from",
       folder.string(), kQuantizationMetadataFile);
}

void expect_quantized_folder(const std::filesystem::path& folder) {
  if (is_quantized_folder(folder)) return;
  fail(
      ExitCode::kData,
      "{}: holds a float model, which has no codes to train (enable_quantized_finetuning); quantize it first, with slm "
      "quantize",
      folder.string());
}

void write_quantized_folder(const std::filesystem::path& folder, Transformer& model,
                            const QuantizationMetadata& metadata, const Tokenizer* tokenizer,
                            const ParameterArena* arena) {
  const c10::NoGradGuard no_grad;
  const auto tensors = tensors_of(model, metadata, arena);
  const auto& config = model.config();
  auto theirs = compressed_tensors_config(config, metadata);
  auto config_json = theirs.json.is_null() ? write_own_config_json(config) : write_config_json(config);
  if (theirs.json.is_null()) {
    log_info("only slm can load this quantized model, not transformers or vLLM: {}", theirs.why_none);
  } else {
    config_json["quantization_config"] = std::move(theirs.json);
  }
  write_description(folder, config_json, config, tokenizer);
  write_text(folder / kQuantizationMetadataFile, metadata_json(metadata));
  save_tensors(folder / "model.safetensors", tensors);
}

LoadedModel read_quantized_folder(const std::filesystem::path& folder, const ArenaSettings& settings) {
  const c10::NoGradGuard no_grad;
  const auto path = folder / kQuantizationMetadataFile;
  LoadedModel loaded;
  loaded.quantization = parse_metadata(read_file(path), path.string());
  loaded.model = std::make_shared<Transformer>(read_model_config(folder), settings.device);
  const ParameterFiles files(folder);
  LayerReplacer replacer(folder, *loaded.quantization, files, settings.device);
  replacer.replace_in(*loaded.model);
  loaded.arena = std::make_shared<ParameterArena>(*loaded.model, settings);
  loaded.model->fuse_projections();
  load_float_tensors(files, *loaded.arena, replacer.tensors());
  check_coverage(path.string(), *loaded.quantization, *loaded.arena);
  check_quantization_config(folder, loaded.model->config(), *loaded.quantization);
  log_info("{}: {}", folder.string(), summarize_execution(*loaded.model));
  return loaded;
}

ScalesByLayer load_dequantized(const std::filesystem::path& folder, const ParameterArena& arena, bool with_residual) {
  const c10::NoGradGuard no_grad;
  const auto loaded = read_quantized_folder(folder, {});
  const auto& metadata = *loaded.quantization;
  std::optional<ResidualFile> residuals;
  if (with_residual && metadata.residual_bits > 0) {
    residuals.emplace(folder, metadata);
    log_info("{}: {} residual bits a weight are kept; the masters begin with them", folder.string(),
             metadata.residual_bits);
  }
  auto values = loaded.arena->by_name();
  ScalesByLayer scales;
  loaded.model->visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    const auto packed = packed_form(layer);
    if (!packed) return;
    const auto weight = packed->weight();
    auto& value = values[name + ".weight"];
    value = residuals ? dequantize_with_residual(weight, residuals->read(name, weight), metadata.residual_bits)
                      : dequantize(weight);
    scales[name] = weight.scales;
  });
  for (const auto& [name, parameter] : arena.values()) parameter.copy_(values.at(name));
  arena.update_shadows();
  return scales;
}

}  // namespace slm
