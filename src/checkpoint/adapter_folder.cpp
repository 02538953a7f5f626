#include "checkpoint/adapter_folder.h"

#include <c10/core/GradMode.h>
#include <fmt/ranges.h>

#include <map>
#include <set>

#include "checkpoint/adapter_config_json.h"
#include "checkpoint/folder_files.h"
#include "checkpoint/tensor_io.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "model/adapter_targets.h"
#include "model/hugging_face/tensor_layout.h"
#include "model/model_size.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "base_model.model.";

std::string without_suffix(const std::string& name, std::string_view suffix) {
  return name.substr(0, name.size() - suffix.size());
}

// A module of the Hugging Face class with linear layers of ours in it, one behind the other along its outputs.
struct Module {
  std::string path;
  std::vector<std::string> layers;  // canonical
  bool transposed = false;

  std::string a() const { return std::string(kPrefix) + path + ".lora_A.weight"; }
  std::string b() const { return std::string(kPrefix) + path + ".lora_B.weight"; }
};

std::vector<Module> modules_of(const TransformerConfig& config) {
  const auto names = block_linear_layers(config);
  const std::set<std::string> linear(names.begin(), names.end());
  std::vector<Module> modules;
  for (const auto& tensor : file_layout(config)) {
    Module module{without_suffix(tensor.name, ".weight"), {}, tensor.transposed};
    for (const auto& part : tensor.parts) module.layers.push_back(without_suffix(part, ".weight"));
    if (tensor.name.ends_with(".weight") && linear.contains(module.layers[0])) modules.push_back(std::move(module));
  }
  return modules;
}

// (N, K) of a layer of the blocks.
std::pair<int64_t, int64_t> size_of(const TransformerConfig& config, const std::string& layer) {
  const int64_t query = config.n_heads * config.head_dim, key = config.n_kv_heads * config.head_dim;
  if (layer.ends_with(".q_proj")) return {query, config.d_model};
  if (layer.ends_with(".k_proj") || layer.ends_with(".v_proj")) return {key, config.d_model};
  if (layer.ends_with(".o_proj")) return {config.d_model, query};
  if (layer.ends_with(".down_proj")) return {config.d_model, config.d_ff};
  return {config.d_ff, config.d_model};
}

// Reads what a folder has, module by module.
class AdapterReader {
 public:
  AdapterReader(const fs::path& folder, const TransformerConfig& config)
      : config_(config), read_(config_of(folder)), file_(folder / kAdapterTensorsFile) {}

  std::vector<AdapterWeights> read() {
    std::vector<AdapterWeights> weights;
    for (const auto& module : modules_of(config_)) read_module(module, weights);
    for (const auto& tensor : file_.tensors()) {
      if (known_.contains(tensor.name)) continue;
      fail(ExitCode::kData, "{}: {}: the model ({}) has no such layer that may have an adapter", file_.path().string(),
           tensor.name, describe(config_));
    }
    if (weights.empty()) fail(ExitCode::kData, "{}: holds no adapter", file_.path().string());
    return weights;
  }

 private:
  static ReadAdapterConfig config_of(const fs::path& folder) {
    const auto path = folder / kAdapterConfigFile;
    return read_adapter_config(parse_json(read_file(path), path.string()), path.string());
  }

  void read_module(const Module& module, std::vector<AdapterWeights>& weights) {
    const auto *a = file_.find(module.a()), *b = file_.find(module.b());
    if (!a && !b) return;
    if (!a || !b) fail(ExitCode::kData, "{}: {}: missing", file_.path().string(), a ? module.b() : module.a());
    known_.insert({a->name, b->name});
    int64_t outputs = 0;
    for (const auto& layer : module.layers) outputs += size_of(config_, layer).first;
    const int64_t inputs = size_of(config_, module.layers[0]).second, rank = read_.rank;
    expect_shape(*a, {rank, inputs});
    expect_shape(*b, {outputs, rank});
    const auto whole_a = load_float(file_, *a, a->shape), whole_b = load_float(file_, *b, b->shape);
    int64_t row = 0;
    for (const auto& layer : module.layers) {
      const int64_t rows = size_of(config_, layer).first;
      weights.push_back({layer, read_.scale, whole_a.clone(), whole_b.narrow(0, row, rows).clone()});
      row += rows;
    }
  }

  void expect_shape(const TensorInfo& tensor, const std::vector<int64_t>& shape) const {
    if (tensor.shape == shape) return;
    fail(ExitCode::kData, "{}: {}: shape [{}], but the layer and r of {} ask for [{}]", file_.path().string(),
         tensor.name, fmt::join(tensor.shape, ", "), kAdapterConfigFile, fmt::join(shape, ", "));
  }

  const TransformerConfig& config_;
  ReadAdapterConfig read_;
  SafetensorsFile file_;
  std::set<std::string> known_;
};

}  // namespace

bool has_adapter(const fs::path& checkpoint) { return fs::exists(checkpoint / kAdapterFolder / kAdapterConfigFile); }

void write_adapter(const fs::path& folder, const TransformerConfig& config, const AdapterInfo& info,
                   const std::vector<AdapterWeights>& weights) {
  std::map<std::string, const AdapterWeights*> by_layer;
  for (const auto& weight : weights) by_layer[weight.layer] = &weight;
  std::vector<std::string> paths;
  StateDict tensors;
  bool is_conv1d = false;
  for (const auto& module : modules_of(config)) {
    const auto found = by_layer.find(module.layers[0]);
    if (found == by_layer.end()) continue;
    SLM_CHECK(module.layers.size() == 1);  // layers_to_adapt refuses joined ones
    paths.push_back(module.path);
    tensors.push_back({module.a(), found->second->a});
    tensors.push_back({module.b(), found->second->b});
    is_conv1d = module.transposed;
  }
  SLM_CHECK(paths.size() == weights.size());
  make_folder(folder);
  write_text(folder / kAdapterConfigFile, write_adapter_config(info, paths, is_conv1d).dump(2) + "\n");
  save_tensors(folder / kAdapterTensorsFile, tensors);
}

std::vector<AdapterWeights> read_adapter(const fs::path& folder, const TransformerConfig& config) {
  const c10::NoGradGuard no_grad;
  if (!fs::exists(folder / kAdapterConfigFile)) {
    fail(ExitCode::kData, "{}: no {}; expected a folder that peft saved, or the folder adapter of a checkpoint",
         folder.string(), kAdapterConfigFile);
  }
  return AdapterReader(folder, config).read();
}

}  // namespace slm
