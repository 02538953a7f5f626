// A model's linear layers in numbers: what `slm inspect` shows in a terminal, as JSON and as a page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/distribution.h"

namespace slm {

/// How a layer is quantized, in the words of the config's keys.
struct LayerScheme {
  int bits = 8;
  std::string type, granularity;
  int64_t group_size = 0;  // with per_group, else 0
  std::string text;        // "int4 per_group 64 weight_only"
};

/// How far the values that a weight's codes stand for are from the weight.
struct LayerError {
  double sqnr_db = 0;  // infinite where nothing differs
  double max_abs_error = 0;
  double clipped = 0;                 // share of the weights beyond the outermost code
  std::optional<double> cosine = {};  // where the weight itself is at hand
};

/// How often each code is used.
struct CodeCounts {
  int first = 0;                     // the code that counts[0] counts
  std::vector<int64_t> counts = {};  // of all codes that may be used

  int64_t total() const;
  std::vector<int> unused() const;
};

struct ScaleOutlier {
  int64_t row = 0, group = 0;
  double scale = 0, times = 0;  // times: of the median
};

struct ScaleStatistics {
  int64_t count = 0;
  double smallest = 0, median = 0, largest = 0;
  Histogram distribution = {};              // logarithmic
  int64_t outlier_count = 0;                // scales of more than kOutlierTimes times the median
  std::vector<ScaleOutlier> outliers = {};  // the largest of them, at most kMostListed
};

struct RowError {
  int64_t row = 0;
  double sqnr_db = 0, max_abs_error = 0, largest = 0;  // largest: of the row's |weights|
};

/// An input of which the weights are far larger than those of others.
struct OutlierChannel {
  int64_t channel = 0;
  double largest = 0, times = 0;  // largest |weight| of its column; times: of the columns' median
};

/// A scale or a channel is an outlier from so many times the median on.
inline constexpr double kOutlierTimes = 3;
/// Rows, scales and channels that are listed by name.
inline constexpr size_t kMostListed = 5;

/// Static range of the activations.
struct ActivationRange {
  double scale = 1;
  int zero_point = 0;
  double low() const { return -zero_point * scale; }
  double high() const { return (255 - zero_point) * scale; }
};

/// The first rows and columns of a weight; row by row.
struct Corner {
  int64_t rows = 0, columns = 0;
  std::vector<float> weights = {};  // empty where only the codes are at hand
  std::vector<int> codes = {};      // empty where the layer is float
  std::vector<float> values = {};   // what the codes stand for
};

/// One linear layer.
struct LayerReport {
  std::string name;                           // canonical: model.layers.0.self_attn.q_proj
  int64_t out_features = 0, in_features = 0;  // N, K
  std::optional<LayerScheme> scheme = {};     // none: it is float
  std::string reason = {};                    // why it is float, where that is known
  int64_t bytes_before = 0, bytes_after = 0;  // float32 weight; codes and scales
  std::optional<LayerError> error = {};       // of a quantized layer
  std::optional<ActivationRange> activation = {};
  std::optional<CodeCounts> codes = {};
  std::optional<ScaleStatistics> scales = {};
  bool values_of_codes = false;  // the next four tell of what the codes stand for, because the weight is not at hand
  ValueStatistics values = {};
  Histogram distribution = {};
  int64_t outlier_channel_count = 0;
  std::vector<OutlierChannel> outlier_channels = {};  // the largest, at most kMostListed
  std::vector<RowError> worst_rows = {};  // lowest SQNR first, at most kMostListed; where the weight is at hand
  Corner corner = {};

  double bits_per_weight() const;
};

/// ||y - y^|| / ||y|| at one place of the model.
struct OutputError {
  std::string name;       // of a linear layer, or of a block: hidden.block.0
  double local = 0;       // on the input that the float model gives
  double cumulative = 0;  // on the input that the quantized layers before it give
};

/// The quantized model beside its float parent, over the same tokens.
struct QualityReport {
  std::optional<double> parent_loss;
  double loss = 0, perplexity = 0, kl_divergence = 0, top1_agreement = 0;
  int64_t tokens = 0;
};

/// What is not quantized.
struct FloatPart {
  std::string name, reason;
};

enum class InspectionKind {
  kFloat,       // a float model as it is
  kQuantized,   // a quantized model
  kAsIf,        // a float model as it would be
  kInTraining,  // a model of quantization-aware training: its masters, and the codes that they would become
};

struct Inspection {
  std::string checkpoint = {};  // as it was named
  std::string model = {};       // its shape in words
  InspectionKind kind = InspectionKind::kFloat;
  std::string scheme = {}, method = {};  // that were asked for; empty of a float model
  std::string origin = {};               // what the quantized model was made from, in words
  std::vector<LayerReport> layers = {};  // in the order of the forward pass
  std::vector<FloatPart> left_float = {};
  int64_t float_parameters = 0;  // embeddings, norms, biases
  std::optional<QualityReport> quality = {};
  std::vector<OutputError> layer_outputs = {}, block_outputs = {};  // empty where not measured
  int64_t output_tokens = 0;                                        // that these were measured on
};

/// Of all linear layers.
struct InspectionTotals {
  int64_t layers = 0, quantized = 0;
  int64_t bytes_before = 0, bytes_after = 0;  // of the linear layers
  double bits_per_weight = 0;                 // of the quantized layers, scales included
  const LayerReport* worst = nullptr;         // the quantized layer with the lowest SQNR

  double change() const;  // -0.85: 85 % less
};
InspectionTotals totals_of(const Inspection& inspection);

}  // namespace slm
