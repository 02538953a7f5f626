// A golden model whose linear layers were rounded to nearest, and what is said of it.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "checkpoint/model_folder.h"
#include "model/golden.h"
#include "quantization/metadata.h"
#include "quantization/packed_linear.h"
#include "quantization/plan.h"

namespace slm {

struct QuantizedGolden {
  LoadedModel loaded;
  QuantizationMetadata metadata;
  at::Tensor ids;  // (2, T)
};

/// The range of what goes into each linear layer.
inline std::map<std::string, std::pair<float, float>> input_ranges(Transformer& model, const at::Tensor& ids) {
  std::map<std::string, std::pair<float, float>> ranges;
  const Tap tap = [&](std::string_view name, const at::Tensor& x) {
    ranges[std::string(name)] = {x.min().item<float>(), x.max().item<float>()};
  };
  model.logits(ids, &tap);
  return ranges;
}

/// tests/golden/models/`name`; layers in `left` stay float. Static ranges are those of the golden's own ids.
inline QuantizedGolden quantize_golden(const std::string& name, const Scheme& scheme,
                                       const std::set<std::string>& left = {}) {
  const c10::NoGradGuard no_grad;
  QuantizedGolden golden{read_model_folder(golden_path("models/" + name)), {}, {}};
  auto& model = *golden.loaded.model;
  golden.ids = Golden("models/" + name + "/case.safetensors")["input_ids"];
  const auto ranges = input_ranges(model, golden.ids);
  auto& metadata = golden.metadata;
  metadata.scheme = scheme;
  metadata.slm_version = "0.1.0";
  metadata.libtorch_version = "2.11.0";
  metadata.left_float.push_back({"model.embed_tokens", "embeddings are not quantized"});
  int64_t bytes = 0;
  model.visit_linears([&](const std::string& layer_name, std::shared_ptr<Linear>& layer) {
    if (left.contains(layer_name)) return metadata.left_float.push_back({layer_name, "left out by the test"});
    const auto& dense = dynamic_cast<const DenseLinear&>(*layer);
    const auto weight = round_to_nearest(dense.weight(), scheme, amax_scales(dense.weight(), scheme));
    QuantizedLayerInfo info{.name = layer_name,
                            .out_features = dense.out_features(),
                            .in_features = dense.in_features(),
                            .scheme = scheme,
                            .error = quantization_error(dense.weight(), dequantize(weight)),
                            .clipped = clipped_share(dense.weight(), weight)};
    if (scheme.type == QuantizationType::kStatic) {
      const auto [low, high] = ranges.at(linear_input(layer_name));
      info.activation = affine_scale(low, high);
    }
    metadata.coverage.quantized_parameters += dense.weight().numel();
    bytes += quantized_bytes(info.out_features, info.in_features, scheme);
    layer = std::make_shared<PackedLinear>(weight, dense.bias(), info.activation);
    metadata.layers.push_back(std::move(info));
  });
  for (const auto& parameter : model.parameters()) metadata.coverage.float_parameters += parameter.numel();
  metadata.coverage.bits_per_weight =
      8.0 * static_cast<double>(bytes) / static_cast<double>(metadata.coverage.quantized_parameters);
  return golden;
}

}  // namespace slm
