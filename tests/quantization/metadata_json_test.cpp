#include "quantization/metadata_json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "core/error_of.h"
#include "core/file.h"
#include "core/json.h"

namespace slm {
namespace {

using Json = nlohmann::json;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

QuantizedLayerInfo layer(const std::string& name, const Scheme& scheme) {
  QuantizedLayerInfo info{.name = name, .out_features = 24, .in_features = 40, .scheme = scheme};
  if (scheme.type == QuantizationType::kStatic) info.activation = AffineScale{0.0213f, 121};
  info.error = {.sqnr_db = 41.2, .cosine = 0.999962, .max_abs_error = 0.0031};
  info.clipped = 1.0 / 3;
  return info;
}

// Everything that can be given, and layers of every granularity and type.
QuantizationMetadata full() {
  const Scheme asked{.bits = 8, .type = QuantizationType::kStatic};
  QuantizationMetadata metadata;
  metadata.method = "gptq";
  metadata.smooth = 0.5;
  metadata.scheme = asked;
  metadata.slm_version = "0.1.0";
  metadata.libtorch_version = "2.11.0";
  metadata.parent = {.manifest_sha256 = std::string(64, 'a'), .step = 2000, .validation_loss = 1.4712};
  metadata.calibration = {
      .observer = "moving_average", .batches = 32, .tokens = 262144, .data_sha256 = std::string(64, '0')};
  metadata.coverage = {.quantized_parameters = 10620000, .float_parameters = 25000, .bits_per_weight = 8.02};
  metadata.layers = {
      layer("model.layers.0.self_attn.q_proj", asked),
      layer("model.layers.0.self_attn.k_proj", {.bits = 4, .granularity = Granularity::kPerGroup, .group_size = 16}),
      layer("model.layers.0.self_attn.v_proj",
            {.type = QuantizationType::kDynamic, .granularity = Granularity::kPerTensor})};
  metadata.layers[2].error.sqnr_db = kInfinity;
  metadata.left_float = {{"model.embed_tokens", "embeddings are not quantized"}, {"lm_head", "quantization_exclude"}};
  metadata.quality = {.validation_loss = 1.4729,
                      .perplexity = 4.362,
                      .kl_divergence = 0.0011,
                      .top1_agreement = 0.984,
                      .tokens = 111540,
                      .tokens_per_parameter = 7.7};
  return metadata;
}

QuantizationMetadata least() {
  QuantizationMetadata metadata;
  metadata.scheme = {.bits = 4, .granularity = Granularity::kPerGroup, .group_size = 64};
  metadata.coverage = {.quantized_parameters = 960, .float_parameters = 0, .bits_per_weight = 4.5};
  metadata.layers = {layer("lm_head", metadata.scheme)};
  return metadata;
}

const std::string kOrigin = "out/quantization_metadata.json";

std::string refusal(const Json& json) {
  const auto error = error_of([&] { parse_metadata(json.dump(), kOrigin); });
  if (!error) return "accepted";
  EXPECT_EQ(error->code(), ExitCode::kData);
  return error->what();
}

TEST(MetadataJson, WhatIsReadIsWrittenToTheSameBytes) {
  for (const auto& metadata : {full(), least()}) {
    const auto text = metadata_json(metadata);
    EXPECT_EQ(metadata_json(parse_metadata(text, kOrigin)), text);
  }
}

TEST(MetadataJson, EveryNumberReadsBackToTheBit) {
  const auto written = full(), read = parse_metadata(metadata_json(written), kOrigin);
  ASSERT_EQ(read.layers.size(), written.layers.size());
  for (size_t i = 0; i < read.layers.size(); ++i) {
    EXPECT_EQ(read.layers[i].scheme, written.layers[i].scheme) << i;
    EXPECT_EQ(read.layers[i].activation, written.layers[i].activation) << i;
    EXPECT_EQ(read.layers[i].error.sqnr_db, written.layers[i].error.sqnr_db) << i;
    EXPECT_EQ(read.layers[i].error.cosine, written.layers[i].error.cosine) << i;
    EXPECT_EQ(read.layers[i].clipped, written.layers[i].clipped) << i;
  }
  EXPECT_EQ(read.scheme, written.scheme);
  EXPECT_EQ(read.parent.validation_loss, written.parent.validation_loss);
  EXPECT_EQ(read.quality->tokens_per_parameter, written.quality->tokens_per_parameter);
}

// --- the schema ---

const Json& resolve(const Json& schema, const Json& root) {
  const auto reference = schema.find("$ref");
  return reference == schema.end() ? schema : root.at(Json::json_pointer(reference->get<std::string>().substr(1)));
}

// Calls visit(path of an object in the document, its schema) for that object and all objects in it.
void visit_objects(const Json& document, const Json& schema_or_reference, const Json& root, const std::string& path,
                   const std::function<void(const std::string&, const Json&)>& visit) {
  const auto& schema = resolve(schema_or_reference, root);
  if (document.is_object()) {
    visit(path, schema);
    for (const auto& [key, value] : document.items()) {
      const auto property = schema.at("properties").find(key);
      ASSERT_NE(property, schema.at("properties").end()) << path << "/" << key << " is not in the schema";
      visit_objects(value, *property, root, path + "/" + key, visit);
    }
  } else if (document.is_array() && schema.contains("items")) {
    for (size_t i = 0; i < document.size(); ++i) {
      visit_objects(document[i], schema.at("items"), root, fmt::format("{}/{}", path, i), visit);
    }
  }
}

TEST(MetadataSchema, HasTheKeysThatAreWrittenAndRequiresThoseThatTheReaderRequires) {
  const auto schema =
      parse_json(read_file(std::string(SLM_SOURCE_DIR) + "/docs/quantization_metadata.schema.json"), "schema");
  const auto document = parse_json(metadata_json(full()), kOrigin);
  EXPECT_EQ(schema.at("properties").at("format_version").at("const"), kQuantizationMetadataVersion);
  int objects = 0;
  visit_objects(document, schema, schema, "", [&](const std::string& path, const Json& object_schema) {
    ++objects;
    const Json::json_pointer place(path);
    EXPECT_EQ(object_schema.at("additionalProperties"), false) << path;
    auto unknown = document;
    unknown[place]["unheard_of"] = 1;
    EXPECT_NE(refusal(unknown).find("unknown key \"unheard_of\""), std::string::npos) << path << refusal(unknown);
    for (const auto& [key, value] : document[place].items()) {
      auto without = document;
      without[place].erase(key);
      const auto& required = object_schema.at("required");
      const bool is_required = std::find(required.begin(), required.end(), key) != required.end();
      // What only some layers have is no required key of the schema; the reader knows which must have it.
      const bool depends = key == "activation" || key == "group_size" || key == "type";
      if (is_required) {
        EXPECT_NE(refusal(without).find(key + " is missing"), std::string::npos) << path << " " << key;
      } else {
        EXPECT_TRUE(depends && path.starts_with("/layers/")) << path << "/" << key << " is not required";
      }
    }
  });
  EXPECT_EQ(objects, 1 + 5 + 3 + 1 + 2);  // document; its objects; layers; an activation; left_float
}

// --- what is refused ---

TEST(MetadataJson, ANewerVersionIsRefusedByNameWhateverElseItHolds) {
  auto json = parse_json(metadata_json(full()), kOrigin);
  json["format_version"] = 2;
  json["novelty"] = 1;
  json.erase("layers");
  EXPECT_EQ(refusal(json),
            kOrigin + ": format_version 2 is newer than this program, which reads up to 1; use a newer slm");
}

TEST(MetadataJson, EveryWrongValueIsRefusedByItsKey) {
  struct Case {
    const char* place;  // in the document
    Json value;
    const char* message;  // after the file's path
  };
  const std::vector<Case> cases{
      {"/format_version", "1", "format_version is"},
      {"/format_version", 0, "format_version 0"},
      {"/mode", "awq", "mode is \"awq\"; expected ptq or qat"},
      {"/qat", Json::object(), "qat: expected null, because mode is ptq"},
      {"/method", "awq", "method: found \"awq\", expected one of rtn, mse, gptq"},
      {"/smooth", 1.5, "smooth is 1.5; expected at most 1"},
      {"/smooth", -0.5, "smooth is -0.5; expected at least 0"},
      {"/bits", 5, "bits is 5; expected 8 or 4"},
      {"/bits", 8.0, "bits is \"8.0\"; expected an integer"},
      {"/type", "sometimes", "type: found \"sometimes\", expected one of static, dynamic, weight_only"},
      {"/granularity", "per_row", "granularity: found \"per_row\", expected one of per_tensor"},
      {"/granularity", "per_group", "group_size is \"null\"; expected an integer"},
      {"/group_size", 64, "group_size is 64; expected none, because granularity is per_channel"},
      {"/symmetric", false, "symmetric: expected true"},
      {"/created_by", Json::array(), "created_by: is no object"},
      {"/created_by/slm", 1, "created_by: slm is no string"},
      {"/parent/manifest_sha256", "aa", "parent: manifest_sha256 is"},
      {"/parent/step", -1, "parent: step is"},
      {"/parent/validation_loss", "low", "parent: validation_loss is"},
      {"/calibration/observer", "median", "calibration: observer: found \"median\""},
      {"/calibration/batches", 0, "calibration: batches is 0"},
      {"/coverage/quantized_parameters", 1e6, "coverage: quantized_parameters is"},
      {"/coverage/bits_per_weight", -1, "coverage: bits_per_weight is"},
      {"/layers", Json::object(), "layers is no list"},
      {"/layers", Json::array(), "layers: is empty"},
      {"/layers/0", 1, "layers[0]: is no object"},
      {"/layers/0/name", nullptr, "layers[0]: name is no string"},
      {"/layers/1/name", "model.layers.0.self_attn.q_proj", "layers[1]: codes is"},
      {"/layers/0/shape", {24}, "layers[0]: shape is"},
      {"/layers/0/shape", {24, 0}, "layers[0]: shape is"},
      {"/layers/0/shape", {24, -40}, "layers[0]: shape is"},
      {"/layers/0/shape", {24, int64_t{1} << 40}, "layers[0]: shape is"},
      {"/layers/0/bits", 4, "layers[0]: codes is \"model.layers.0.self_attn.q_proj.weight\"; expected "},
      {"/layers/0/type", "dynamic", "layers[0]: activation: expected none, because the layer is dynamic"},
      {"/layers/2/type", "static", "layers[2]: activation is missing"},
      {"/layers/1/group_size", 0, "layers[1]: group_size is 0"},
      {"/layers/0/codes", "elsewhere", "layers[0]: codes is"},
      {"/layers/0/scales", "elsewhere", "layers[0]: scales is"},
      {"/layers/0/activation/scale", 0, "layers[0]: activation: scale is 0; expected a positive float32"},
      {"/layers/0/activation/scale", -0.1, "layers[0]: activation: scale is -0.1"},
      {"/layers/0/activation/scale", 1e300, "layers[0]: activation: scale is 1e+300"},
      {"/layers/0/activation/scale", nullptr, "layers[0]: activation: scale is"},
      {"/layers/0/activation/zero_point", 256, "layers[0]: activation: zero_point is 256; expected 0 to 255"},
      {"/layers/0/activation/zero_point", -1, "layers[0]: activation: zero_point is"},
      {"/layers/0/max_abs_error", nullptr, "layers[0]: max_abs_error is"},
      {"/layers/0/clipped", 1.01, "layers[0]: clipped is 1.01; expected at most 1"},
      {"/left_float/1/name", "model.embed_tokens", "left_float: \"model.embed_tokens\" is listed twice"},
      {"/left_float/1/name", "model.layers.0.self_attn.q_proj", "left_float: \"model.layers.0.self_attn.q_proj\" is"},
      {"/left_float/0/reason", 3, "left_float[0]: reason is no string"},
      {"/quality/top1_agreement", 98.4, "quality: top1_agreement is 98.4; expected at most 1"},
      {"/quality/perplexity", nullptr, "quality: perplexity is"},
      {"/qat", Json::object(), "qat: expected null"}};
  for (const auto& each : cases) {
    auto json = parse_json(metadata_json(full()), kOrigin);
    json[Json::json_pointer(each.place)] = each.value;
    EXPECT_TRUE(refusal(json).starts_with(kOrigin + ": " + each.message)) << each.place << ": " << refusal(json);
  }
}

TEST(MetadataJson, ALayerThatIsListedTwiceIsRefused) {
  auto json = parse_json(metadata_json(full()), kOrigin);
  json["layers"].push_back(json["layers"][0]);
  EXPECT_EQ(refusal(json), kOrigin + ": layers: \"model.layers.0.self_attn.q_proj\" is listed twice");
}

TEST(MetadataJson, OfAModelWithoutAFiniteLossNothingIsWritten) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double loss : {nan, kInfinity, -kInfinity}) {
    auto metadata = full();
    metadata.quality->validation_loss = loss;
    EXPECT_NE(message_of([&] { metadata_json(metadata); }).find("quality: validation_loss is"), std::string::npos);
  }
  auto metadata = full();
  metadata.layers[0].error.sqnr_db = nan;
  EXPECT_NE(message_of([&] { metadata_json(metadata); }).find("sqnr_db is nan"), std::string::npos);
}

}  // namespace
}  // namespace slm
