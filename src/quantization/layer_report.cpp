#include "quantization/layer_report.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

#include "core/error.h"
#include "kernels/float_types.h"
#include "quantization/plan.h"

namespace slm {
namespace {

constexpr int kBins = 33;  // of a weight's values: odd, so that 0 has its own where they are symmetric
constexpr int kScaleBins = 24;
constexpr int64_t kFloatBytes = 4;

at::Tensor host_floats(const at::Tensor& tensor) { return tensor.detach().to(at::kFloat).cpu().contiguous(); }

std::span<const float> floats(const at::Tensor& host) {
  return {elements<const float>(host), static_cast<size_t>(host.numel())};
}

// The indices of the values that are more than kOutlierTimes the median, the largest first.
std::vector<size_t> outliers_of(const std::vector<double>& values, double median) {
  std::vector<size_t> found;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] > kOutlierTimes * median) found.push_back(i);
  }
  std::stable_sort(found.begin(), found.end(), [&](size_t a, size_t b) { return values[a] > values[b]; });
  return found;
}

// A channel is an input: a column of the weight.
void add_channels(const at::Tensor& weight, LayerReport& report) {
  const auto largest = host_floats(at::amax(at::abs(weight), 0));
  const auto of_each = floats(largest);
  const std::vector<double> values(of_each.begin(), of_each.end());
  std::vector<double> finite;
  std::ranges::copy_if(values, std::back_inserter(finite), [](double value) { return std::isfinite(value); });
  const double median = median_of(finite);
  if (median == 0) return;
  const auto found = outliers_of(values, median);
  report.outlier_channel_count = std::ssize(found);
  for (size_t i = 0; i < std::min(found.size(), kMostListed); ++i) {
    report.outlier_channels.push_back({static_cast<int64_t>(found[i]), values[found[i]], values[found[i]] / median});
  }
}

// What `weight` (N, K) float32 on the host tells: the layer's own, or what its codes stand for.
void add_values(const at::Tensor& weight, LayerReport& report) {
  report.values = statistics_of(floats(weight));
  report.distribution = histogram_of(floats(weight), kBins, /*logarithmic=*/false);
  add_channels(weight, report);
}

template <class T>
std::vector<T> corner_of(const at::Tensor& matrix, const Corner& corner) {
  const auto part = matrix.narrow(0, 0, corner.rows).narrow(1, 0, corner.columns).to(at::kFloat).contiguous();
  const auto values = floats(part);
  return {values.begin(), values.end()};
}

Corner empty_corner(int64_t rows, int64_t columns) {
  constexpr int64_t kMostRows = 4, kMostColumns = 10;
  return {.rows = std::min(rows, kMostRows),
          .columns = std::min(columns, kMostColumns),
          .weights = {},
          .codes = {},
          .values = {}};
}

// The values of a QuantizedLayerInfo, or those of the weight that is at hand.
LayerError error_of(const QuantizedLayerInfo& info, const QuantizedWeight& weight, const at::Tensor& original,
                    const at::Tensor& values) {
  if (!original.defined()) return {info.error.sqnr_db, info.error.max_abs_error, info.clipped};
  const auto error = quantization_error(original, values);
  return {error.sqnr_db, error.max_abs_error, clipped_share(original, weight), error.cosine};
}

}  // namespace

LayerScheme scheme_words(const Scheme& scheme) {
  return {.bits = scheme.bits,
          .type = std::string(name_of(scheme.type)),
          .granularity = std::string(name_of(scheme.granularity)),
          .group_size = scheme.group_size,
          .text = describe(scheme)};
}

CodeCounts count_codes(const QuantizedWeight& weight) {
  const auto range = weight.scheme.codes();
  const auto codes = weight.codes.cpu().contiguous();
  const auto* code = elements<const int8_t>(codes);
  CodeCounts counts{.first = range.min, .counts = {}};
  counts.counts.resize(static_cast<size_t>(range.max - range.min + 1));
  for (int64_t i = 0; i < codes.numel(); ++i) {
    SLM_CHECK(code[i] >= range.min && code[i] <= range.max);
    ++counts.counts[static_cast<size_t>(code[i] - range.min)];
  }
  return counts;
}

ScaleStatistics scale_statistics(const at::Tensor& scales) {
  const auto host = host_floats(scales);
  const auto all = floats(host);
  const std::vector<double> values(all.begin(), all.end());
  ScaleStatistics statistics{.count = std::ssize(values), .median = median_of(values)};
  const auto [smallest, largest] = std::minmax_element(values.begin(), values.end());
  statistics.smallest = *smallest;
  statistics.largest = *largest;
  statistics.distribution = histogram_of(all, kScaleBins, /*logarithmic=*/true);
  const int64_t groups = scales.dim() == 2 ? scales.size(1) : 1;
  const auto found = outliers_of(values, statistics.median);
  statistics.outlier_count = std::ssize(found);
  for (size_t i = 0; i < std::min(found.size(), kMostListed); ++i) {
    const auto at = static_cast<int64_t>(found[i]);
    statistics.outliers.push_back({at / groups, at % groups, values[found[i]], values[found[i]] / statistics.median});
  }
  return statistics;
}

std::vector<RowError> worst_rows(const at::Tensor& weight, const at::Tensor& values) {
  const auto x = host_floats(weight), y = host_floats(values);
  const auto* exact = elements<const float>(x);
  const auto* rounded = elements<const float>(y);
  const int64_t columns = x.size(1);
  std::vector<RowError> rows;
  for (int64_t row = 0; row < x.size(0); ++row) {
    RowError error{.row = row};
    double signal = 0, noise = 0;
    for (int64_t i = row * columns; i < (row + 1) * columns; ++i) {
      const double value = exact[i], difference = value - static_cast<double>(rounded[i]);
      signal += value * value;
      noise += difference * difference;
      error.largest = std::max(error.largest, std::abs(value));
      error.max_abs_error = std::max(error.max_abs_error, std::abs(difference));
    }
    if (signal == 0 && noise == 0) continue;
    error.sqnr_db = noise == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(signal / noise);
    rows.push_back(error);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.sqnr_db < b.sqnr_db; });
  rows.resize(std::min(rows.size(), kMostListed));
  return rows;
}

LayerReport report_float_layer(const std::string& name, const at::Tensor& weight) {
  const c10::NoGradGuard no_grad;
  LayerReport report{.name = name, .out_features = weight.size(0), .in_features = weight.size(1)};
  report.bytes_before = report.bytes_after = weight.numel() * kFloatBytes;
  const auto host = host_floats(weight);
  add_values(host, report);
  report.corner = empty_corner(weight.size(0), weight.size(1));
  report.corner.weights = corner_of<float>(host, report.corner);
  return report;
}

LayerReport report_quantized_layer(const QuantizedLayerInfo& info, const QuantizedWeight& weight,
                                   const at::Tensor& original) {
  const c10::NoGradGuard no_grad;
  const auto values = dequantize(weight);
  LayerReport report{.name = info.name,
                     .out_features = info.out_features,
                     .in_features = info.in_features,
                     .scheme = scheme_words(info.scheme),
                     .bytes_before = info.out_features * info.in_features * kFloatBytes,
                     .bytes_after = quantized_bytes(info.out_features, info.in_features, info.scheme),
                     .error = error_of(info, weight, original, values),
                     .codes = count_codes(weight),
                     .scales = scale_statistics(weight.scales),
                     .values_of_codes = !original.defined()};
  if (info.activation) report.activation = {info.activation->scale, info.activation->zero_point};
  add_values(host_floats(original.defined() ? original : values), report);
  report.corner = empty_corner(info.out_features, info.in_features);
  report.corner.codes = corner_of<int>(weight.codes, report.corner);
  report.corner.values = corner_of<float>(values, report.corner);
  if (!original.defined()) return report;
  report.corner.weights = corner_of<float>(host_floats(original), report.corner);
  report.worst_rows = worst_rows(original, values);
  return report;
}

}  // namespace slm
