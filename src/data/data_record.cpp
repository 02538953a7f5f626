#include "data/data_record.h"

#include <system_error>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace slm {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr int kFormatVersion = 1;

struct ToJson {
  Json& json;

  template <class T, class... Rest>
  void field(const char* name, const T& value, const Rest&...) {
    json[name] = value;
  }
};

OrderedJson tokens_json(const TokensRecord& record) {
  return {{"tokens", record.tokens}, {"bytes", record.bytes}, {"sha256", record.sha256}};
}

TokensRecord read_tokens(const Json& json) {
  return {json.at("tokens").get<int64_t>(), json.at("bytes").get<int64_t>(), json.at("sha256").get<std::string>()};
}

SourceState read_source(const Json& json) {
  return {json.at("role").get<std::string>(), json.at("path").get<std::string>(), json.at("bytes").get<int64_t>(),
          json.at("modified_ns").get<int64_t>(), json.at("sha256").get<std::string>()};
}

DataRecord read_fields(const Json& json) {
  DataRecord record;
  record.config = json.at("config");
  for (const Json& source : json.at("sources")) record.sources.push_back(read_source(source));
  record.tokenizer_sha256 = json.at("tokenizer").at("sha256").get<std::string>();
  record.vocab_size = json.at("tokenizer").at("vocab_size").get<int64_t>();
  record.train = read_tokens(json.at("train"));
  if (const Json& validation = json.at("validation"); !validation.is_null())
    record.validation = read_tokens(validation);
  if (const Json& floor = json.at("floor_bits_per_byte"); !floor.is_null()) {
    record.floor_bits_per_byte = floor.get<double>();
  }
  return record;
}

}  // namespace

Json data_config_json(const DataConfig& config) {
  Json json = Json::object();
  ToJson visitor{json};
  DataConfig copy = config;  // visitors may write
  copy.visit(visitor);
  return json;
}

std::string format_data_record(const DataRecord& record) {
  OrderedJson sources = OrderedJson::array();
  for (const SourceState& source : record.sources) {
    sources.push_back({{"role", source.role},
                       {"path", source.path},
                       {"bytes", source.bytes},
                       {"modified_ns", source.modified_ns},
                       {"sha256", source.sha256}});
  }
  OrderedJson json = {{"format_version", kFormatVersion},
                      {"config", record.config},
                      {"sources", std::move(sources)},
                      {"tokenizer", {{"sha256", record.tokenizer_sha256}, {"vocab_size", record.vocab_size}}},
                      {"train", tokens_json(record.train)},
                      {"validation", nullptr},
                      {"floor_bits_per_byte", nullptr}};
  if (record.validation) json["validation"] = tokens_json(*record.validation);
  if (record.floor_bits_per_byte) json["floor_bits_per_byte"] = *record.floor_bits_per_byte;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";  // paths may be other than UTF-8
}

std::optional<DataRecord> read_data_record(const std::filesystem::path& path) {
  std::error_code error_code;
  if (!std::filesystem::exists(path, error_code)) return {};
  const std::string origin = path.string();
  const Json json = parse_json(read_file(path), origin);
  try {
    if (json.at("format_version") != kFormatVersion) return {};
    return read_fields(json);
  } catch (const Json::exception& error) {
    fail(ExitCode::kData, "{}: not what slm prepare writes ({}); delete the file to prepare the data again", origin,
         error.what());
  }
}

}  // namespace slm
