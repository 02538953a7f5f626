// A made-up inspection of every kind of layer, for tests of how it is shown.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "report/inspection.h"

namespace slm {

inline LayerReport example_layer(const std::string& name) {
  LayerReport layer{.name = name, .out_features = 11008, .in_features = 4096};
  layer.scheme = LayerScheme{4, "weight_only", "per_group", 64, "int4 per_group 64 weight_only"};
  layer.bytes_before = 4 * 11008 * 4096;
  layer.bytes_after = 11008 * (4096 / 2 + 64 * 4);
  layer.error = LayerError{.sqnr_db = 19.84, .max_abs_error = 0.01234, .clipped = 0.00001, .cosine = 0.9948};
  layer.codes = CodeCounts{.first = -7, .counts = {0, 10, 20, 40, 80, 160, 320, 640, 320, 160, 80, 40, 0, 0, 5}};
  const std::vector<float> scales = {0.01f, 0.011f, 0.012f, 0.1f};
  layer.scales = ScaleStatistics{.count = 4,
                                 .smallest = 0.01,
                                 .median = 0.011,
                                 .largest = 0.1,
                                 .distribution = histogram_of(scales, 8, true),
                                 .outlier_count = 1,
                                 .outliers = {{.row = 3, .group = 17, .scale = 0.1, .times = 9.09}}};
  const std::vector<float> weights = {-0.7f, -0.1f, 0.0f, 0.05f, 0.1f, 0.2f};
  layer.values = statistics_of(weights);
  layer.distribution = histogram_of(weights, 9, false);
  layer.outlier_channel_count = 1;
  layer.outlier_channels = {{.channel = 4095, .largest = 0.7, .times = 3.5}};
  layer.worst_rows = {{.row = 12, .sqnr_db = 9.5, .max_abs_error = 0.0123, .largest = 0.7},
                      {.row = 3, .sqnr_db = std::numeric_limits<double>::infinity()}};
  layer.corner = {
      .rows = 1, .columns = 3, .weights = {-0.7f, 0.05f, 0.1f}, .codes = {-7, 1, 1}, .values = {-0.7f, 0.1f, 0.1f}};
  return layer;
}

/// Two blocks of seven layers each, and a head that stays float.
inline Inspection example_inspection() {
  Inspection inspection{
      .checkpoint = "runs/a<b>", .model = "llama: 2 layers x 4096", .kind = InspectionKind::kQuantized};
  inspection.scheme = "int4 per_group 64 weight_only";
  inspection.method = "mse";
  inspection.origin = "made from step 2,000";
  for (const char* block : {"0", "1"}) {
    for (const char* kind : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                             "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}) {
      inspection.layers.push_back(example_layer(std::string("model.layers.") + block + "." + kind));
      inspection.layer_outputs.push_back({inspection.layers.back().name, 0.05, 0.07});
    }
    inspection.block_outputs.push_back({std::string("hidden.block.") + block, 0.02, 0.03});
  }
  inspection.layers[3].error->sqnr_db = 12.5;
  inspection.layers[4].activation = ActivationRange{.scale = 0.02, .zero_point = 100};
  inspection.layers[5].error->sqnr_db = std::numeric_limits<double>::infinity();
  LayerReport head{
      .name = "lm_head", .out_features = 128256, .in_features = 4096, .reason = "quantization_exclude: lm_head"};
  head.bytes_before = head.bytes_after = int64_t{4} * 128256 * 4096;
  head.values = inspection.layers[0].values;
  head.distribution = inspection.layers[0].distribution;
  head.corner = {
      .rows = 1, .columns = 2, .weights = {0.5f, std::numeric_limits<float>::quiet_NaN()}, .codes = {}, .values = {}};
  inspection.layers.push_back(head);
  inspection.left_float = {{"model.embed_tokens", "embeddings are not quantized"}, {"lm_head", head.reason}};
  inspection.float_parameters = 25000;
  inspection.quality = QualityReport{1.4712, 1.4729, 4.362, 0.0011, 0.984, 65536};
  inspection.output_tokens = 4096;
  return inspection;
}

}  // namespace slm
