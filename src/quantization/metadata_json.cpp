#include "quantization/metadata_json.h"

#include <cmath>
#include <limits>
#include <set>

#include "core/error.h"
#include "core/json.h"
#include "core/json_members.h"
#include "quantization/observer.h"
#include "quantization/settings.h"

namespace slm {
namespace {

using Json = nlohmann::ordered_json;

// --- written ---

double finite(double value, std::string_view key) {
  if (std::isfinite(value)) return value;
  fail(ExitCode::kData, "{}: {} is {}; the model computes no finite numbers, so that nothing can be said about it",
       kQuantizationMetadataFile, key, value);
}

// JSON has no infinity: null where the codes stand for the very weights.
Json sqnr_json(double sqnr_db) {
  return std::isinf(sqnr_db) && sqnr_db > 0 ? Json() : Json(finite(sqnr_db, "sqnr_db"));
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json group_size_json(const Scheme& scheme) {
  return scheme.granularity == Granularity::kPerGroup ? Json(scheme.group_size) : Json();
}

Json layer_json(const QuantizedLayerInfo& layer, const Scheme& asked) {
  const auto& scheme = layer.scheme;
  Json json = {{"name", layer.name}, {"shape", {layer.out_features, layer.in_features}}, {"bits", scheme.bits}};
  if (scheme.type != asked.type) json["type"] = name_of(scheme.type);
  json["granularity"] = name_of(scheme.granularity);
  if (scheme.granularity == Granularity::kPerGroup) json["group_size"] = scheme.group_size;
  json["codes"] = codes_name(layer);
  json["scales"] = scales_name(layer);
  if (layer.activation) {
    json["activation"] = {{"scale", layer.activation->scale}, {"zero_point", layer.activation->zero_point}};
  }
  json["sqnr_db"] = sqnr_json(layer.error.sqnr_db);
  json["cosine"] = finite(layer.error.cosine, "cosine");
  json["max_abs_error"] = finite(layer.error.max_abs_error, "max_abs_error");
  json["clipped"] = layer.clipped;
  return json;
}

Json parent_json(const QuantizationParent& parent) {
  return {{"manifest_sha256", text_or_null(parent.manifest_sha256)},
          {"step", parent.step},
          {"validation_loss",
           parent.validation_loss ? Json(finite(*parent.validation_loss, "parent: validation_loss")) : Json()}};
}

Json calibration_json(const std::optional<CalibrationInfo>& calibration) {
  if (!calibration) return nullptr;
  return {{"observer", text_or_null(calibration->observer)},
          {"batches", calibration->batches},
          {"tokens", calibration->tokens},
          {"data_sha256", calibration->data_sha256}};
}

Json quality_json(const std::optional<QuantizationQuality>& quality) {
  if (!quality) return nullptr;
  const auto& per_parameter = quality->tokens_per_parameter;
  return {{"validation_loss", finite(quality->validation_loss, "quality: validation_loss")},
          {"perplexity", finite(quality->perplexity, "quality: perplexity")},
          {"kl_divergence", finite(quality->kl_divergence, "quality: kl_divergence")},
          {"top1_agreement", quality->top1_agreement},
          {"tokens", quality->tokens},
          {"tokens_per_parameter", per_parameter ? Json(*per_parameter) : Json()}};
}

// --- read ---

// A name through its own parser, whose error becomes one of the file.
template <class Parse>
auto parse_name(const JsonMembers& members, const char* key, const Parse& parse) {
  const auto name = members.string(key);
  try {
    return parse(name, members.place(key));
  } catch (const Error& error) {
    throw Error(ExitCode::kData, error.what());
  }
}

std::optional<double> number_or_null(const JsonMembers& members, const char* key) {
  if (members.is_null(key)) return std::nullopt;
  return members.number(key);
}

int64_t positive(const JsonMembers& members, const char* key) {
  constexpr uint64_t kMost = std::numeric_limits<int32_t>::max();
  const uint64_t value = members.count(key);
  if (value < 1 || value > kMost) {
    fail(ExitCode::kData, "{} is {}; expected 1 to 2^31 - 1", members.place(key), value);
  }
  return static_cast<int64_t>(value);
}

// All of a scheme but its type.
Scheme read_scheme(const JsonMembers& members) {
  Scheme scheme;
  const uint64_t bits = members.count("bits");
  if (bits != 8 && bits != 4) fail(ExitCode::kData, "{} is {}; expected 8 or 4", members.place("bits"), bits);
  scheme.bits = static_cast<int>(bits);
  scheme.granularity = parse_name(members, "granularity", granularity);
  const bool has_size = members.has("group_size") && !members.is_null("group_size");
  if (scheme.granularity == Granularity::kPerGroup) {
    scheme.group_size = positive(members, "group_size");
  } else if (has_size) {
    fail(ExitCode::kData, "{} is {}; expected none, because granularity is {}", members.place("group_size"),
         members.at("group_size").dump(), name_of(scheme.granularity));
  }
  return scheme;
}

void read_shape(const JsonMembers& members, QuantizedLayerInfo& layer) {
  const auto& shape = members.at("shape");
  const auto is_size = [](const nlohmann::json& size) {
    return size.is_number_unsigned() && size.get<uint64_t>() >= 1 &&
           size.get<uint64_t>() <= uint64_t{std::numeric_limits<int32_t>::max()};
  };
  if (!shape.is_array() || shape.size() != 2 || !is_size(shape[0]) || !is_size(shape[1])) {
    fail(ExitCode::kData, "{} is {}; expected two sizes from 1 to 2^31 - 1, outputs and inputs", members.place("shape"),
         quote_json(shape.dump()));
  }
  layer.out_features = shape[0].get<int64_t>();
  layer.in_features = shape[1].get<int64_t>();
}

AffineScale read_activation(const JsonMembers& members) {
  members.allow_only({"scale", "zero_point"});
  const double scale = members.number("scale");
  const auto zero_point = members.count("zero_point");
  const bool fits = scale > 0 && scale <= double{std::numeric_limits<float>::max()};
  const AffineScale activation{fits ? static_cast<float>(scale) : 0, static_cast<int32_t>(zero_point)};
  if (!(activation.scale > 0)) {
    fail(ExitCode::kData, "{} is {}; expected a positive float32", members.place("scale"), scale);
  }
  if (zero_point > 255) fail(ExitCode::kData, "{} is {}; expected 0 to 255", members.place("zero_point"), zero_point);
  return activation;
}

void expect_name(const JsonMembers& members, const char* key, const std::string& expected) {
  if (const auto found = members.string(key); found != expected) {
    fail(ExitCode::kData, "{} is {}; expected \"{}\"", members.place(key), quote_json(found), expected);
  }
}

QuantizedLayerInfo read_layer(const JsonMembers& members, QuantizationType type) {
  members.allow_only({"name", "shape", "bits", "type", "granularity", "group_size", "codes", "scales", "activation",
                      "sqnr_db", "cosine", "max_abs_error", "clipped"});
  QuantizedLayerInfo layer{.name = members.string("name"), .scheme = read_scheme(members)};
  layer.scheme.type = members.has("type") ? parse_name(members, "type", quantization_type) : type;
  read_shape(members, layer);
  expect_name(members, "codes", codes_name(layer));
  expect_name(members, "scales", scales_name(layer));
  const bool is_static = layer.scheme.type == QuantizationType::kStatic;
  if (is_static) layer.activation = read_activation(members.object("activation"));
  if (!is_static && members.has("activation")) {
    fail(ExitCode::kData, "{}: expected none, because the layer is {}", members.place("activation"),
         name_of(layer.scheme.type));
  }
  layer.error = {.sqnr_db = number_or_null(members, "sqnr_db").value_or(std::numeric_limits<double>::infinity()),
                 .cosine = members.number("cosine", -1),
                 .max_abs_error = members.number("max_abs_error", 0)};
  layer.clipped = members.share("clipped");
  return layer;
}

QuantizationParent read_parent(const JsonMembers& members) {
  members.allow_only({"manifest_sha256", "step", "validation_loss"});
  return {.manifest_sha256 = members.is_null("manifest_sha256") ? "" : members.sha256("manifest_sha256"),
          .step = static_cast<int64_t>(members.count("step")),
          .validation_loss = number_or_null(members, "validation_loss")};
}

std::optional<CalibrationInfo> read_calibration(const JsonMembers& document) {
  if (document.is_null("calibration")) return std::nullopt;
  const auto members = document.object("calibration");
  members.allow_only({"observer", "batches", "tokens", "data_sha256"});
  CalibrationInfo calibration{.observer = {},
                              .batches = positive(members, "batches"),
                              .tokens = positive(members, "tokens"),
                              .data_sha256 = members.sha256("data_sha256")};
  if (!members.is_null("observer")) calibration.observer = name_of(parse_name(members, "observer", observer_kind));
  return calibration;
}

Coverage read_coverage(const JsonMembers& members) {
  members.allow_only({"quantized_parameters", "float_parameters", "bits_per_weight"});
  return {.quantized_parameters = static_cast<int64_t>(members.count("quantized_parameters")),
          .float_parameters = static_cast<int64_t>(members.count("float_parameters")),
          .bits_per_weight = members.number("bits_per_weight", 0)};
}

std::optional<QuantizationQuality> read_quality(const JsonMembers& document) {
  if (document.is_null("quality")) return std::nullopt;
  const auto members = document.object("quality");
  members.allow_only(
      {"validation_loss", "perplexity", "kl_divergence", "top1_agreement", "tokens", "tokens_per_parameter"});
  return QuantizationQuality{.validation_loss = members.number("validation_loss"),
                             .perplexity = members.number("perplexity"),
                             .kl_divergence = members.number("kl_divergence"),
                             .top1_agreement = members.share("top1_agreement"),
                             .tokens = static_cast<int64_t>(members.count("tokens")),
                             .tokens_per_parameter = number_or_null(members, "tokens_per_parameter")};
}

// No name stands twice, in `layers` and `left_float` together.
void check_names(const QuantizationMetadata& metadata, const JsonMembers& document) {
  std::set<std::string> names;
  const auto add = [&](const std::string& name, const char* key) {
    if (names.insert(name).second) return;
    fail(ExitCode::kData, "{}: {} is listed twice", document.place(key), quote_json(name));
  };
  for (const auto& layer : metadata.layers) add(layer.name, "layers");
  for (const auto& left : metadata.left_float) add(left.name, "left_float");
}

void read_lists(const JsonMembers& document, QuantizationMetadata& metadata) {
  for (const auto& members : document.objects("layers")) {
    metadata.layers.push_back(read_layer(members, metadata.scheme.type));
  }
  if (metadata.layers.empty() && document.is_null("qat"))
    fail(ExitCode::kData, "{}: is empty; expected the layers", document.place("layers"));
  for (const auto& members : document.objects("left_float")) {
    members.allow_only({"name", "reason"});
    metadata.left_float.push_back({members.string("name"), members.string("reason")});
  }
  check_names(metadata, document);
}

// Null, or checked but for what the observers hold (observer_from_json).
nlohmann::ordered_json read_qat(const JsonMembers& document, std::string_view mode) {
  if (document.is_null("qat")) return nullptr;
  if (mode != "qat") fail(ExitCode::kData, "{}: expected null, because mode is {}", document.place("qat"), mode);
  const auto members = document.object("qat");
  members.allow_only(
      {"start_step", "freeze_observer_step", "scale", "steps_done", "scale_updates", "places", "distill_weight"});
  if (members.has("distill_weight")) members.share("distill_weight");
  for (const char* key : {"start_step", "freeze_observer_step", "steps_done", "scale_updates"}) members.count(key);
  if (const auto scale = members.string("scale"); scale != "dynamic" && scale != "learned") {
    fail(ExitCode::kData, "{} is {}; expected dynamic or learned", members.place("scale"), quote_json(scale));
  }
  for (const auto& place : members.objects("places")) {
    place.allow_only({"place", "observer", "activation"});
    place.string("place");
    const auto observer = place.object("observer");
    parse_name(observer, "observer", observer_kind);
    if (!place.is_null("activation")) read_activation(place.object("activation"));
  }
  return document.at("qat");
}

int read_residual_bits(const JsonMembers& members, const char* key) {
  const auto bits = members.count(key);
  if (bits == 0 || bits == 2 || bits == 4 || bits == 8) return static_cast<int>(bits);
  fail(ExitCode::kData, "{} is {}; expected 0, 2, 4 or 8", members.place(key), bits);
}

// Only where the folder keeps one.
int read_residual(const JsonMembers& document) {
  if (!document.has("residual")) return 0;
  const auto members = document.object("residual");
  members.allow_only({"bits", "file"});
  expect_name(members, "file", kResidualFile);
  if (const int bits = read_residual_bits(members, "bits"); bits > 0) return bits;
  fail(ExitCode::kData, "{} is 0; expected 2, 4 or 8", members.place("bits"));
}

// Only in models whose codes were trained.
std::optional<CodesTraining> read_finetuning(const JsonMembers& document) {
  if (!document.has("finetuning")) return std::nullopt;
  const auto members = document.object("finetuning");
  members.allow_only({"updates", "residual_bits", "scale_policy", "rounding"});
  const int bits = read_residual_bits(members, "residual_bits");
  const auto policy = members.string("scale_policy");
  if (policy != "fixed" && policy != "refresh") {
    fail(ExitCode::kData, "{} is {}; expected fixed or refresh", members.place("scale_policy"), quote_json(policy));
  }
  const bool is_nearest = members.has("rounding");  // only then
  if (is_nearest) expect_name(members, "rounding", "nearest");
  return CodesTraining{.updates = static_cast<int64_t>(members.count("updates")),
                       .residual_bits = bits,
                       .scale_policy = policy,
                       .rounding = is_nearest ? "nearest" : "stochastic"};
}

std::string read_mode(const JsonMembers& document) {
  auto mode = document.string("mode");
  if (mode == "ptq" || mode == "qat") return mode;
  fail(ExitCode::kData, "{} is {}; expected ptq or qat", document.place("mode"), quote_json(mode));
}

}  // namespace

std::string codes_name(const QuantizedLayerInfo& layer) {
  return layer.name + (layer.scheme.bits == 8 ? ".weight" : ".weight_packed");
}

std::string scales_name(const QuantizedLayerInfo& layer) { return layer.name + ".weight_scale"; }

std::string metadata_json(const QuantizationMetadata& metadata) {
  const auto& asked = metadata.scheme;
  Json layers = Json::array(), left_float = Json::array();
  for (const auto& layer : metadata.layers) layers.push_back(layer_json(layer, asked));
  for (const auto& left : metadata.left_float) left_float.push_back({{"name", left.name}, {"reason", left.reason}});
  Json json = {{"format_version", kQuantizationMetadataVersion},
               {"mode", metadata.mode},
               {"method", metadata.method},
               {"smooth", metadata.smooth},
               {"bits", asked.bits},
               {"type", name_of(asked.type)},
               {"granularity", name_of(asked.granularity)},
               {"group_size", group_size_json(asked)},
               {"symmetric", true},
               {"created_by", {{"slm", metadata.slm_version}, {"libtorch", metadata.libtorch_version}}},
               {"parent", parent_json(metadata.parent)},
               {"calibration", calibration_json(metadata.calibration)},
               {"coverage",
                {{"quantized_parameters", metadata.coverage.quantized_parameters},
                 {"float_parameters", metadata.coverage.float_parameters},
                 {"bits_per_weight", metadata.coverage.bits_per_weight}}},
               {"layers", std::move(layers)},
               {"left_float", std::move(left_float)},
               {"quality", quality_json(metadata.quality)},
               {"qat", metadata.qat}};
  if (const auto& trained = metadata.finetuning) {
    json["finetuning"] = {{"updates", trained->updates},
                          {"residual_bits", trained->residual_bits},
                          {"scale_policy", trained->scale_policy}};
    if (trained->rounding != "stochastic") json["finetuning"]["rounding"] = trained->rounding;
  }
  if (metadata.residual_bits > 0) json["residual"] = {{"bits", metadata.residual_bits}, {"file", kResidualFile}};
  return json.dump(2) + "\n";
}

QuantizationMetadata parse_metadata(std::string_view text, const std::string& origin) {
  const auto json = parse_json(text, origin, {.max_bytes = size_t{64} << 20, .max_depth = 8});
  const JsonMembers document(json, origin);
  document.expect_version(kQuantizationMetadataVersion);
  document.allow_only({"format_version", "mode", "method", "smooth", "bits", "type", "granularity", "group_size",
                       "symmetric", "created_by", "parent", "calibration", "coverage", "layers", "left_float",
                       "quality", "qat", "finetuning", "residual"});
  QuantizationMetadata metadata;
  metadata.mode = read_mode(document);
  metadata.method = name_of(parse_name(document, "method", quantization_method));
  metadata.smooth = document.share("smooth");
  metadata.scheme = read_scheme(document);
  document.at("group_size");  // null where nothing is grouped, but there
  metadata.scheme.type = parse_name(document, "type", quantization_type);
  if (document.at("symmetric") != true) fail(ExitCode::kData, "{}: expected true", document.place("symmetric"));
  const auto created_by = document.object("created_by");
  created_by.allow_only({"slm", "libtorch"});
  metadata.slm_version = created_by.string("slm");
  metadata.libtorch_version = created_by.string("libtorch");
  metadata.parent = read_parent(document.object("parent"));
  metadata.calibration = read_calibration(document);
  metadata.coverage = read_coverage(document.object("coverage"));
  read_lists(document, metadata);
  metadata.quality = read_quality(document);
  metadata.qat = read_qat(document, metadata.mode);
  metadata.finetuning = read_finetuning(document);
  metadata.residual_bits = read_residual(document);
  return metadata;
}

}  // namespace slm
