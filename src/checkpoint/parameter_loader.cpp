#include "checkpoint/parameter_loader.h"

#include <c10/core/GradMode.h>

#include <set>

#include "checkpoint/quantized_folder.h"
#include "checkpoint/tensor_io.h"
#include "core/error.h"

namespace slm {
namespace {

const std::filesystem::path& float_folder(const std::filesystem::path& folder) {
  expect_float_folder(folder);
  return folder;
}

// Rows of a tensor that its file lacks.
int64_t missing_rows(const FileTensor& layout, int64_t new_tokens) {
  const bool by_token = layout.parts[0] == "model.embed_tokens.weight" || layout.parts[0] == "lm_head.weight";
  return by_token ? new_tokens : 0;
}

}  // namespace

ParameterLoader::ParameterLoader(const std::filesystem::path& folder, const TransformerConfig& config,
                                 const ParameterArena& arena, int64_t new_tokens)
    : files_(float_folder(folder)),
      layout_(file_layout(config)),
      new_tokens_(new_tokens),
      parameters_(arena.by_name()) {
  check_names(config);
}

// GPT-2's first folders lack the prefix.
ParameterFiles::Place ParameterLoader::find(const std::string& name) const {
  constexpr std::string_view kPrefix = "transformer.";
  const auto place = files_.find(name);
  return place.tensor || !name.starts_with(kPrefix) ? place : files_.find(name.substr(kPrefix.size()));
}

void ParameterLoader::check_names(const TransformerConfig& config) const {
  std::set<std::string> known;
  for (const auto& tensor : layout_) {
    const auto place = find(tensor.name);
    if (!place.tensor) fail(ExitCode::kData, "{}: {}: missing", files_.path().string(), tensor.name);
    known.insert(place.tensor->name);
  }
  for (const auto& name : files_.names()) {
    if (known.contains(name) || ignorable_tensor(config, name)) continue;
    fail(ExitCode::kData, "{}: {}: the model that config.json describes has no such tensor", files_.path().string(),
         name);
  }
}

// As the file should have it. A bias that the class has and the model has not is as long as its weight has outputs.
std::vector<int64_t> ParameterLoader::shape_of(const FileTensor& layout) const {
  int64_t rows = -missing_rows(layout, new_tokens_);
  std::vector<int64_t> shape;
  for (const auto& part : layout.parts) {
    if (layout.always_zero) {
      const auto weight = part.substr(0, part.size() - std::string_view("bias").size()) + "weight";
      shape = {parameters_.at(weight).size(0)};
    } else {
      shape = parameters_.at(part).sizes().vec();
    }
    rows += shape[0];
  }
  shape[0] = rows;
  if (layout.transposed) std::swap(shape.front(), shape.back());
  return shape;
}

void ParameterLoader::load(const FileTensor& layout) const {
  const c10::NoGradGuard no_grad;
  const auto [file, info] = find(layout.name);
  const auto tensor = load_float(*file, *info, shape_of(layout));
  if (layout.always_zero) {
    if (tensor.count_nonzero().item<int64_t>() == 0) return;
    fail(ExitCode::kData, "{}: {}: not zero, although config.json says that the model has no biases (slm_bias)",
         file->path().string(), layout.name);
  }
  const auto ours = layout.transposed ? tensor.t() : tensor;  // out x in
  const int64_t missing = missing_rows(layout, new_tokens_);
  int64_t row = 0;
  for (const auto& part : layout.parts) {
    const auto& parameter = parameters_.at(part);
    const int64_t rows = parameter.size(0) - missing;
    parameter.narrow(0, 0, rows).copy_(ours.narrow(0, row, rows));
    if (missing > 0) parameter.narrow(0, rows, missing).copy_(ours.mean(0, true));
    row += rows;
  }
  file->forget(*info);
}

}  // namespace slm
