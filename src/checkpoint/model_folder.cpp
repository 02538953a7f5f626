#include "checkpoint/model_folder.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <set>
#include <unordered_map>

#include "checkpoint/generation_config.h"
#include "checkpoint/parameter_files.h"
#include "checkpoint/tensor_io.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "model/hugging_face/config_json.h"
#include "model/hugging_face/tensor_layout.h"

namespace slm {
namespace {

using Parameters = std::unordered_map<std::string, at::Tensor>;

Parameters parameters_by_name(const ParameterArena& arena) {
  Parameters parameters;
  for (const auto& [name, value] : arena.values()) parameters.emplace(name, value);
  return parameters;
}

void write_text(const std::filesystem::path& path, std::string_view text) {
  FileWriter writer(path);
  writer.write(text);
  writer.close();
}

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

// GPT-2's first folders lack the prefix.
ParameterFiles::Place find_tensor(const ParameterFiles& files, const std::string& name) {
  constexpr std::string_view kPrefix = "transformer.";
  const auto place = files.find(name);
  return place.tensor || !name.starts_with(kPrefix) ? place : files.find(name.substr(kPrefix.size()));
}

void expect_shape(const SafetensorsFile& file, const TensorInfo& info, const std::vector<int64_t>& expected) {
  if (info.shape == expected) return;
  fail(ExitCode::kData, "{}: {}: shape [{}] contradicts config.json, which asks for [{}]", file.path().string(),
       info.name, fmt::join(info.shape, ", "), fmt::join(expected, ", "));
}

at::Tensor load_float(const SafetensorsFile& file, const TensorInfo& info) {
  if (info.dtype != DType::kF32 && info.dtype != DType::kBF16 && info.dtype != DType::kF16) {
    fail(ExitCode::kData, "{}: {}: dtype {}, expected F32, BF16 or F16", file.path().string(), info.name,
         dtype_name(info.dtype));
  }
  return load_tensor(file, info).to(at::kFloat);
}

// Rows of the tensor that the file lacks.
int64_t new_rows(const FileTensor& layout, int64_t new_tokens) {
  const bool by_token = layout.parts[0] == "model.embed_tokens.weight" || layout.parts[0] == "lm_head.weight";
  return by_token ? new_tokens : 0;
}

void load_one(const ParameterFiles& files, const FileTensor& layout, const Parameters& parameters, int64_t new_tokens) {
  const auto [found, info] = find_tensor(files, layout.name);
  if (!info) fail(ExitCode::kData, "{}: {}: missing", files.path().string(), layout.name);
  const auto& file = *found;
  const int64_t missing = new_rows(layout, new_tokens);
  auto shape = to_file(layout, parameters).sizes().vec();
  shape[0] -= missing;
  expect_shape(file, *info, shape);
  const auto tensor = load_float(file, *info);
  if (layout.always_zero) {
    if (tensor.count_nonzero().item<int64_t>() == 0) return;
    fail(ExitCode::kData, "{}: {}: not zero, although config.json says that the model has no biases (slm_bias)",
         file.path().string(), layout.name);
  }
  const auto ours = layout.transposed ? tensor.t() : tensor;  // out x in
  int64_t row = 0;
  for (const auto& part : layout.parts) {
    const auto& parameter = parameters.at(part);
    const int64_t rows = parameter.size(0) - missing;
    parameter.narrow(0, 0, rows).copy_(ours.narrow(0, row, rows));
    if (missing > 0) parameter.narrow(0, rows, missing).copy_(ours.mean(0, true));
    row += rows;
  }
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
  write_text(folder / "config.json", write_config_json(config).dump(2) + "\n");
  write_text(folder / "generation_config.json", generation_config_json(config, tokenizer));
  if (tokenizer) {
    write_text(folder / "tokenizer.json", tokenizer->to_json());
    write_text(folder / "tokenizer_config.json", tokenizer_config_json(*tokenizer, config.max_sequence_length));
  }
  const c10::NoGradGuard no_grad;
  const auto parameters = parameters_by_name(arena);
  StateDict tensors;
  for (const auto& layout : file_layout(config)) tensors.push_back({layout.name, to_file(layout, parameters)});
  save_tensors(folder / "model.safetensors", tensors);
}

TransformerConfig read_model_config(const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  return read_config_json(parse_json(read_file(path), path.string()), path.string());
}

void load_parameters(const std::filesystem::path& folder, const TransformerConfig& config, const ParameterArena& arena,
                     int64_t new_tokens) {
  const c10::NoGradGuard no_grad;
  const ParameterFiles files(folder);
  const auto parameters = parameters_by_name(arena);
  std::set<std::string> known;
  for (const auto& layout : file_layout(config)) {
    load_one(files, layout, parameters, new_tokens);
    known.insert(find_tensor(files, layout.name).tensor->name);
  }
  for (const auto& name : files.names()) {
    if (known.contains(name) || ignorable_tensor(config, name)) continue;
    fail(ExitCode::kData, "{}: {}: the model that config.json describes has no such tensor", files.path().string(),
         name);
  }
  arena.update_shadows();
}

LoadedModel read_model_folder(const std::filesystem::path& folder, const ArenaSettings& settings) {
  auto loaded = build_model(read_model_config(folder), settings);
  load_parameters(folder, loaded.model->config(), *loaded.arena);
  if (std::filesystem::exists(folder / "tokenizer.json")) loaded.tokenizer = load_tokenizer(folder / "tokenizer.json");
  return loaded;
}

}  // namespace slm
