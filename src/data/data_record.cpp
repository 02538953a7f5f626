#include "data/data_record.h"

#include <algorithm>
#include <system_error>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/sha256.h"

namespace slm {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr int kFormatVersion = 2;

Json source_json(const TextSource& source) {
  if (!source.weight && !source.format) return source.path;
  Json json = {{"path", source.path}};
  if (source.format) json["format"] = *source.format;
  if (source.weight) json["weighted"] = true;
  return json;
}

struct ToJson {
  Json& json;

  template <class T, class... Rest>
  void field(const char* name, const T& value, const Rest&...) {
    json[name] = value;
  }
  template <class T, class... Rest>
  void field(const char* name, const std::optional<T>& value, const Rest&...) {
    if (value) json[name] = *value;
  }
  template <class... Rest>
  void field(const char* name, const std::vector<TextSource>& sources, const Rest&...) {
    json[name] = Json::array();
    for (const TextSource& source : sources) json[name].push_back(source_json(source));
  }
};

OrderedJson to_json(const std::vector<SourceState>& sources) {
  OrderedJson json = OrderedJson::array();
  for (const SourceState& source : sources) {
    json.push_back({{"role", source.role},
                    {"path", source.path},
                    {"bytes", source.bytes},
                    {"modified_ns", source.modified_ns},
                    {"sha256", source.sha256}});
  }
  return json;
}

OrderedJson to_json(const StreamRecord& stream) {
  OrderedJson shards = OrderedJson::array();
  for (const ShardRecord& shard : stream.shards) {
    shards.push_back({{"file", shard.file},
                      {"tokens", shard.tokens},
                      {"bytes", shard.bytes},
                      {"sha256", shard.sha256},
                      {"starts_file", shard.starts_file},
                      {"documents", shard.documents},
                      {"starts_sha256", shard.starts_sha256}});
    if (shard.unscored_file.empty()) continue;
    shards.back()["unscored_file"] = shard.unscored_file;
    shards.back()["unscored_sha256"] = shard.unscored_sha256;
  }
  return {{"name", stream.name},
          {"tokens", stream.tokens()},
          {"bytes", stream.bytes()},
          {"documents", stream.documents()},
          {"shards", std::move(shards)}};
}

OrderedJson to_json(const std::vector<StreamRecord>& streams) {
  OrderedJson json = OrderedJson::array();
  for (const StreamRecord& stream : streams) json.push_back(to_json(stream));
  return json;
}

std::vector<SourceState> read_sources(const Json& json) {
  std::vector<SourceState> sources;
  for (const Json& source : json) {
    sources.push_back({source.at("role").get<std::string>(), source.at("path").get<std::string>(),
                       source.at("bytes").get<int64_t>(), source.at("modified_ns").get<int64_t>(),
                       source.at("sha256").get<std::string>()});
  }
  return sources;
}

StreamRecord read_stream(const Json& json) {
  StreamRecord stream{json.at("name").get<std::string>(), {}};
  for (const Json& shard : json.at("shards")) {
    stream.shards.push_back({.file = shard.at("file").get<std::string>(),
                             .starts_file = shard.at("starts_file").get<std::string>(),
                             .tokens = shard.at("tokens").get<int64_t>(),
                             .documents = shard.at("documents").get<int64_t>(),
                             .bytes = shard.at("bytes").get<int64_t>(),
                             .sha256 = shard.at("sha256").get<std::string>(),
                             .starts_sha256 = shard.at("starts_sha256").get<std::string>(),
                             .unscored_file = shard.value("unscored_file", ""),
                             .unscored_sha256 = shard.value("unscored_sha256", "")});
  }
  return stream;
}

std::vector<StreamRecord> read_streams(const Json& json) {
  std::vector<StreamRecord> streams;
  for (const Json& stream : json) streams.push_back(read_stream(stream));
  return streams;
}

DataRecord read_record(const Json& json) {
  DataRecord record;
  record.config = json.at("config");
  record.sources = read_sources(json.at("sources"));
  record.tokenizer_sha256 = json.at("tokenizer").at("sha256").get<std::string>();
  record.vocab_size = json.at("tokenizer").at("vocab_size").get<int64_t>();
  record.shard_tokens = json.at("shard_tokens").get<int64_t>();
  record.train = read_streams(json.at("train"));
  if (const Json& validation = json.at("validation"); !validation.is_null())
    record.validation = read_stream(validation);
  if (const Json& floor = json.at("floor_bits_per_byte"); !floor.is_null()) {
    record.floor_bits_per_byte = floor.get<double>();
  }
  return record;
}

PrepareJournal read_journal_fields(const Json& json) {
  return {.config = json.at("config"),
          .sources = read_sources(json.at("sources")),
          .tokenizer_sha256 = json.at("tokenizer_sha256").get<std::string>(),
          .shard_tokens = json.at("shard_tokens").get<int64_t>(),
          .streams = read_streams(json.at("streams")),
          .position = {json.at("source").get<int64_t>(), json.at("offset").get<int64_t>()},
          .taken = json.at("taken").get<int64_t>(),
          .finished = json.at("finished").get<bool>()};
}

std::string dump(const OrderedJson& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";  // paths may be other than UTF-8
}

int64_t sum(const std::vector<ShardRecord>& shards, int64_t ShardRecord::*field) {
  int64_t total = 0;
  for (const ShardRecord& shard : shards) total += shard.*field;
  return total;
}

std::string join_hashes(const std::vector<ShardRecord>& shards, std::string ShardRecord::*field) {
  if (shards.size() == 1) return shards[0].*field;
  Sha256 hash;
  for (const ShardRecord& shard : shards) hash.update(shard.*field);
  return hash.hex();
}

// What `read` makes of a file of this version.
template <class Read>
auto read_versioned(const std::filesystem::path& path, const Read& read)
    -> std::optional<decltype(read(std::declval<const Json&>()))> {
  std::error_code error_code;
  if (!std::filesystem::exists(path, error_code)) return {};
  const std::string origin = path.string();
  const Json json = parse_json(read_file(path), origin);
  try {
    if (json.at("format_version") != kFormatVersion) return {};
    return read(json);
  } catch (const Json::exception& error) {
    fail(ExitCode::kData, "{}: not what slm prepare writes ({}); delete the file to prepare the data again", origin,
         error.what());
  }
}

}  // namespace

std::vector<std::string> ShardRecord::files() const {
  std::vector<std::string> names = {file, starts_file};
  if (!unscored_file.empty()) names.push_back(unscored_file);
  return names;
}

int64_t StreamRecord::tokens() const { return sum(shards, &ShardRecord::tokens); }
int64_t StreamRecord::bytes() const { return sum(shards, &ShardRecord::bytes); }
int64_t StreamRecord::documents() const { return sum(shards, &ShardRecord::documents); }
std::string StreamRecord::sha256() const { return join_hashes(shards, &ShardRecord::sha256); }
std::string StreamRecord::starts_sha256() const { return join_hashes(shards, &ShardRecord::starts_sha256); }

std::string StreamRecord::unscored_sha256() const {
  const auto scored = [](const ShardRecord& shard) { return shard.unscored_file.empty(); };
  if (std::all_of(shards.begin(), shards.end(), scored)) return {};
  Sha256 hash;
  for (const ShardRecord& shard : shards) hash.update(scored(shard) ? "none" : shard.unscored_sha256);
  return hash.hex();
}

Json data_config_json(const DataConfig& config) {
  Json json = Json::object();
  ToJson visitor{json};
  DataConfig copy = config;  // visitors may write
  copy.visit(visitor);
  json.erase("isolate_documents");  // says how tokens are used
  return json;
}

std::string format_data_record(const DataRecord& record) {
  OrderedJson json = {{"format_version", kFormatVersion},
                      {"config", record.config},
                      {"sources", to_json(record.sources)},
                      {"tokenizer", {{"sha256", record.tokenizer_sha256}, {"vocab_size", record.vocab_size}}},
                      {"shard_tokens", record.shard_tokens},
                      {"train", to_json(record.train)},
                      {"validation", nullptr},
                      {"floor_bits_per_byte", nullptr}};
  if (record.validation) json["validation"] = to_json(*record.validation);
  if (record.floor_bits_per_byte) json["floor_bits_per_byte"] = *record.floor_bits_per_byte;
  return dump(json);
}

std::string format_journal(const PrepareJournal& journal) {
  return dump({{"format_version", kFormatVersion},
               {"config", journal.config},
               {"sources", to_json(journal.sources)},
               {"tokenizer_sha256", journal.tokenizer_sha256},
               {"shard_tokens", journal.shard_tokens},
               {"streams", to_json(journal.streams)},
               {"source", journal.position.source},
               {"offset", journal.position.offset},
               {"taken", journal.taken},
               {"finished", journal.finished}});
}

std::optional<DataRecord> read_data_record(const std::filesystem::path& path) {
  return read_versioned(path, read_record);
}

std::optional<PrepareJournal> read_journal(const std::filesystem::path& path) {
  return read_versioned(path, read_journal_fields);
}

}  // namespace slm
