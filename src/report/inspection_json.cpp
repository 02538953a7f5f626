#include "report/inspection_json.h"

#include <cmath>

namespace slm {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no infinity: null.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json list(const auto& items, const auto& item_json) {
  auto json = Json::array();
  for (const auto& item : items) json.push_back(item_json(item));
  return json;
}

Json histogram_json(const Histogram& histogram) {
  return {{"low", number(histogram.low)},
          {"high", number(histogram.high)},
          {"logarithmic", histogram.logarithmic},
          {"counts", histogram.counts}};
}

Json scheme_json(const LayerReport& layer) {
  if (!layer.scheme) return nullptr;
  const auto& scheme = *layer.scheme;
  return {{"bits", scheme.bits},
          {"type", scheme.type},
          {"granularity", scheme.granularity},
          {"group_size", scheme.group_size > 0 ? Json(scheme.group_size) : Json(nullptr)}};
}

void add_error(const LayerReport& layer, Json& json) {
  if (!layer.error) return;
  json["sqnr_db"] = number(layer.error->sqnr_db);
  json["max_abs_error"] = number(layer.error->max_abs_error);
  json["clipped"] = layer.error->clipped;
  if (layer.error->cosine) json["cosine"] = number(*layer.error->cosine);
}

Json summary(const LayerReport& layer) {
  Json json{{"name", layer.name},
            {"shape", {layer.out_features, layer.in_features}},
            {"scheme", scheme_json(layer)},
            {"bytes_before", layer.bytes_before},
            {"bytes_after", layer.bytes_after},
            {"bits_per_weight", layer.bits_per_weight()}};
  if (!layer.reason.empty()) json["reason"] = layer.reason;
  add_error(layer, json);
  if (layer.codes) json["unused_codes"] = layer.codes->unused().size();
  if (layer.scales) {
    json["scales"] = {{"count", layer.scales->count},
                      {"smallest", layer.scales->smallest},
                      {"median", layer.scales->median},
                      {"largest", layer.scales->largest},
                      {"outliers", layer.scales->outlier_count}};
  }
  if (layer.activation) {
    json["activation"] = {{"scale", layer.activation->scale},
                          {"zero_point", layer.activation->zero_point},
                          {"low", layer.activation->low()},
                          {"high", layer.activation->high()}};
  }
  json["values"] = {{"of", layer.values_of_codes ? "codes" : "weight"},
                    {"not_finite", layer.values.not_finite},
                    {"mean", layer.values.mean},
                    {"deviation", layer.values.deviation},
                    {"smallest", layer.values.smallest},
                    {"largest", layer.values.largest},
                    {"kurtosis", layer.values.kurtosis}};
  json["outlier_channels"] = layer.outlier_channel_count;
  return json;
}

Json corner_json(const Corner& corner) {
  return {{"rows", corner.rows},
          {"columns", corner.columns},
          {"weights", list(corner.weights, [](float weight) { return number(weight); })},
          {"codes", corner.codes},
          {"values", corner.values}};
}

Json detail(const LayerReport& layer) {
  Json json = summary(layer);
  if (layer.codes) json["codes"] = {{"first", layer.codes->first}, {"counts", layer.codes->counts}};
  if (layer.scales) {
    json["scales"]["distribution"] = histogram_json(layer.scales->distribution);
    json["scales"]["largest_outliers"] = list(layer.scales->outliers, [](const ScaleOutlier& outlier) {
      return Json{{"row", outlier.row}, {"group", outlier.group}, {"scale", outlier.scale}, {"times", outlier.times}};
    });
  }
  json["distribution"] = histogram_json(layer.distribution);
  json["worst_rows"] = list(layer.worst_rows, [](const RowError& row) {
    return Json{{"row", row.row},
                {"sqnr_db", number(row.sqnr_db)},
                {"max_abs_error", row.max_abs_error},
                {"largest_weight", row.largest}};
  });
  json["largest_outlier_channels"] = list(layer.outlier_channels, [](const OutlierChannel& channel) {
    return Json{{"channel", channel.channel}, {"largest_weight", channel.largest}, {"times", channel.times}};
  });
  json["corner"] = corner_json(layer.corner);
  return json;
}

Json totals_json(const Inspection& inspection) {
  const auto totals = totals_of(inspection);
  return {{"layers", totals.layers},
          {"quantized_layers", totals.quantized},
          {"bytes_before", totals.bytes_before},
          {"bytes_after", totals.bytes_after},
          {"bits_per_weight", totals.quantized > 0 ? Json(totals.bits_per_weight) : Json(nullptr)},
          {"float_parameters", inspection.float_parameters}};
}

Json outputs_json(const std::vector<OutputError>& outputs) {
  return list(outputs, [](const OutputError& output) {
    return Json{{"name", output.name}, {"local", number(output.local)}, {"cumulative", number(output.cumulative)}};
  });
}

const char* name_of(InspectionKind kind) {
  constexpr const char* kNames[] = {"float", "quantized", "as_if", "in_training"};
  return kNames[static_cast<int>(kind)];
}

Json quality_json(const QualityReport& quality) {
  return {{"parent_loss", quality.parent_loss ? Json(*quality.parent_loss) : Json(nullptr)},
          {"loss", quality.loss},
          {"perplexity", number(quality.perplexity)},
          {"kl_divergence", quality.kl_divergence},
          {"top1_agreement", quality.top1_agreement},
          {"tokens", quality.tokens}};
}

Json whole(const Inspection& inspection, const auto& layer_json) {
  Json json{{"checkpoint", inspection.checkpoint},
            {"model", inspection.model},
            {"kind", name_of(inspection.kind)},
            {"scheme", inspection.scheme},
            {"method", inspection.method},
            {"totals", totals_json(inspection)},
            {"layers", list(inspection.layers, layer_json)},
            {"left_float", list(inspection.left_float, [](const FloatPart& part) {
               return Json{{"name", part.name}, {"reason", part.reason}};
             })}};
  if (inspection.quality) json["quality"] = quality_json(*inspection.quality);
  if (!inspection.layer_outputs.empty() || !inspection.block_outputs.empty()) {
    json["output_errors"] = {{"tokens", inspection.output_tokens},
                             {"layers", outputs_json(inspection.layer_outputs)},
                             {"blocks", outputs_json(inspection.block_outputs)}};
  }
  return json;
}

}  // namespace

nlohmann::ordered_json inspection_json(const Inspection& inspection) { return whole(inspection, summary); }
nlohmann::ordered_json detailed_json(const Inspection& inspection) { return whole(inspection, detail); }

}  // namespace slm
