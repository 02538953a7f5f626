#include "data/prepare.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/sha256.h"
#include "data/batch.h"
#include "data/char_tokenizer.h"
#include "data/data_record.h"
#include "data/sources.h"
#include "data/stories/stories.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCharacters = "char";

fs::path record_path(const fs::path& folder) { return folder / "data.json"; }
fs::path tokenizer_path(const fs::path& folder) { return folder / "tokenizer.json"; }
fs::path train_path(const fs::path& folder) { return folder / "tokens" / "train.bin"; }
fs::path validation_path(const fs::path& folder) { return folder / "tokens" / "validation.bin"; }

bool file_exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// Everything that the tokens depend on.
struct Inputs {
  struct Input {
    std::string role;
    Source source;
  };
  std::vector<Input> all;  // training, then validation, then the tokenizer's file
  std::vector<Source> train, validation;
  bool split = false;  // the validation tokens are the end of the training tokens
};

bool is_stories(const std::vector<Source>& sources) {
  return sources.size() == 1 && sources[0].kind == SourceKind::kStories;
}

// Text that is trained on says nothing about new text.
void warn_of_overlap(const Inputs& inputs) {
  for (const Source& source : inputs.validation) {
    const auto same = [&](const Source& other) { return other.path == source.path; };
    if (source.kind != SourceKind::kStories && std::any_of(inputs.train.begin(), inputs.train.end(), same)) {
      log_warning("data.validation: {} is in data.train too, so its loss says nothing about new text", source.path);
    }
  }
}

Inputs find_inputs(const DataConfig& config) {
  if (config.train.empty()) fail(ExitCode::kUsage, "data.train: not given; expected files or {}", stories::kName);
  Inputs inputs;
  inputs.train = find_sources(config.train, "data.train");
  inputs.validation = find_sources(config.validation, "data.validation");
  if (inputs.validation.empty() && config.validation_fraction > 0) {
    if (is_stories(inputs.train)) {
      inputs.validation = inputs.train;
    } else {
      inputs.split = true;
    }
  }
  warn_of_overlap(inputs);
  for (const Source& source : inputs.train) inputs.all.push_back({"train", source});
  for (const Source& source : inputs.validation) inputs.all.push_back({"validation", source});
  if (config.tokenizer != kCharacters) {
    if (!file_exists(config.tokenizer)) {
      fail(ExitCode::kData, "data.tokenizer: {}: there is no such file; expected {} or the path of a tokenizer.json",
           config.tokenizer, kCharacters);
    }
    inputs.all.push_back({"tokenizer", {SourceKind::kText, config.tokenizer}});
  }
  return inputs;
}

// The text of a source that is not tokens, held as long as this lives.
class SourceText {
 public:
  SourceText(std::string_view role, const Source& source) {
    if (source.kind == SourceKind::kStories) {
      built_in_ = stories_text(role);
      return;
    }
    file_.emplace(source.path);
    if (file_->bytes().empty()) fail(ExitCode::kData, "{}: empty file; expected text", source.path);
  }

  std::string_view view() const {
    if (!file_) return built_in_;
    return {reinterpret_cast<const char*>(file_->bytes().data()), file_->bytes().size()};
  }

 private:
  std::string built_in_;
  std::optional<MappedFile> file_;
};

std::shared_ptr<const Tokenizer> make_tokenizer(const DataConfig& config, const Inputs& inputs) {
  if (config.tokenizer != kCharacters) return load_tokenizer(config.tokenizer);
  std::set<char32_t> code_points;
  for (const auto& [role, source] : inputs.all) {
    if (source.kind == SourceKind::kTokens) {
      fail(ExitCode::kData,
           "{}: a token file says nothing about its characters; set data.tokenizer to the tokenizer.json that it was "
           "made with",
           source.path);
    }
    collect_characters(SourceText(role, source).view(), source.path, code_points);
  }
  return std::make_shared<CharTokenizer>(code_points);
}

void append_tokens(const std::string& path, const Tokenizer& tokenizer, std::vector<int32_t>& ids) {
  const TokenFile file(path, tokenizer.vocab_size());
  if (file.size() == 0) fail(ExitCode::kData, "{}: holds no tokens", path);
  std::vector<int64_t> copied(static_cast<size_t>(file.size()));
  file.copy(0, copied);
  for (const int64_t id : copied) ids.push_back(static_cast<int32_t>(id));
}

std::vector<int32_t> encode_sources(std::string_view role, const std::vector<Source>& sources,
                                    const Tokenizer& tokenizer) {
  std::vector<int32_t> ids;
  for (const Source& source : sources) {
    if (source.kind == SourceKind::kTokens) {
      append_tokens(source.path, tokenizer, ids);
      continue;
    }
    const SourceText text(role, source);
    const std::vector<int32_t> encoded = tokenizer.encode(text.view(), source.path);
    ids.insert(ids.end(), encoded.begin(), encoded.end());
  }
  return ids;
}

struct Tokens {
  std::vector<int32_t> train, validation;
};

Tokens encode_all(const DataConfig& config, const Inputs& inputs, const Tokenizer& tokenizer) {
  Tokens tokens;
  tokens.train = encode_sources("train", inputs.train, tokenizer);
  tokens.validation = encode_sources("validation", inputs.validation, tokenizer);
  if (inputs.split) {
    const auto kept = static_cast<std::ptrdiff_t>(
        std::floor(static_cast<double>(tokens.train.size()) * (1 - config.validation_fraction)));
    tokens.validation.assign(tokens.train.begin() + kept, tokens.train.end());
    tokens.train.resize(static_cast<size_t>(kept));
  }
  return tokens;
}

TokensRecord write_tokens(const fs::path& path, const std::vector<int32_t>& ids, const Tokenizer& tokenizer) {
  write_token_file(path, ids, tokenizer.vocab_size());
  TokensRecord record{static_cast<int64_t>(ids.size()), 0, sha256_hex(MappedFile(path).bytes())};
  const std::vector<int32_t> bytes = token_byte_counts(tokenizer);
  for (const int32_t id : ids) record.bytes += bytes[static_cast<size_t>(id)];
  return record;
}

// `remove` and `create_directories` with errors of ours.
void clear_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder / "tokens", error);
  if (error) fail(ExitCode::kFailed, "{}: cannot be created: {}", (folder / "tokens").string(), error.message());
  // The record goes first and comes last, so that it never vouches for files of two preparations.
  for (const fs::path& path : {record_path(folder), train_path(folder), validation_path(folder)}) {
    fs::remove(path, error);
    if (error) fail(ExitCode::kFailed, "{}: cannot be removed: {}", path.string(), error.message());
  }
}

void check_lengths(int64_t train, std::optional<int64_t> validation, int64_t sequence_length) {
  check_holds_a_window("training", train, sequence_length);
  if (validation) check_holds_a_window("validation", *validation, sequence_length);
}

DataRecord write_data(const DataConfig& config, const Inputs& inputs, int64_t sequence_length, const fs::path& folder) {
  DataRecord record;
  record.config = data_config_json(config);
  for (const auto& [role, source] : inputs.all) record.sources.push_back(examine(role, source));
  const auto tokenizer = make_tokenizer(config, inputs);
  const Tokens tokens = encode_all(config, inputs, *tokenizer);
  const bool validates = inputs.split || !inputs.validation.empty();
  const auto count = [](const std::vector<int32_t>& ids) { return static_cast<int64_t>(ids.size()); };
  check_lengths(count(tokens.train), validates ? std::optional(count(tokens.validation)) : std::nullopt,
                sequence_length);
  clear_folder(folder);
  write_file_atomically(tokenizer_path(folder), tokenizer->to_json());
  record.tokenizer_sha256 = tokenizer->hash();
  record.vocab_size = tokenizer->vocab_size();
  record.train = write_tokens(train_path(folder), tokens.train, *tokenizer);
  if (validates) record.validation = write_tokens(validation_path(folder), tokens.validation, *tokenizer);
  if (is_stories(inputs.validation)) {
    record.floor_bits_per_byte = stories::floor_bits_per_byte(stories::kValidationSeed, stories::kValidationStories);
  }
  write_file_atomically(record_path(folder), format_data_record(record));
  return record;
}

// Why the folder has to be written (again); nothing where it is up to date.
std::optional<std::string> find_staleness(const std::optional<DataRecord>& record, const DataConfig& config,
                                          const Inputs& inputs, const fs::path& folder) {
  if (!record) return "nothing prepared there yet";
  if (record->config != data_config_json(config)) return "the data config changed";
  if (record->sources.size() != inputs.all.size()) return "the list of files changed";
  for (size_t i = 0; i < inputs.all.size(); ++i) {
    const auto& [role, source] = inputs.all[i];
    const SourceState& state = record->sources[i];
    if (state.role != role || state.path != source.path) return "the list of files changed";
    if (!is_unchanged(state, source)) return source.path + " changed";
  }
  for (const fs::path& path : {tokenizer_path(folder), train_path(folder)}) {
    if (!file_exists(path)) return path.string() + " is missing";
  }
  if (record->validation && !file_exists(validation_path(folder))) {
    return validation_path(folder).string() + " is missing";
  }
  return {};
}

std::shared_ptr<const TokenFile> open_tokens(const fs::path& path, const TokensRecord& record, int64_t vocab_size) {
  auto file = std::make_shared<TokenFile>(path, vocab_size);
  if (file->size() != record.tokens) {
    fail(ExitCode::kData, "{}: holds {} tokens, data.json says {}; delete data.json to prepare the data again",
         path.string(), file->size(), record.tokens);
  }
  return file;
}

PreparedData open_data(const DataRecord& record, const fs::path& folder) {
  PreparedData data;
  data.folder = folder;
  data.tokenizer = load_tokenizer(tokenizer_path(folder));
  if (data.tokenizer->hash() != record.tokenizer_sha256) {
    fail(ExitCode::kData, "{}: not the tokenizer of data.json; delete data.json to prepare the data again",
         tokenizer_path(folder).string());
  }
  data.train = open_tokens(train_path(folder), record.train, record.vocab_size);
  data.train_bytes = record.train.bytes;
  if (record.validation) {
    data.validation = open_tokens(validation_path(folder), *record.validation, record.vocab_size);
    data.validation_bytes = record.validation->bytes;
  }
  data.token_bytes = token_byte_counts(*data.tokenizer);
  data.floor_bits_per_byte = record.floor_bits_per_byte;
  data.hash = sha256_hex(record.tokenizer_sha256 + " " + record.train.sha256 + " " +
                         (record.validation ? record.validation->sha256 : "none"));
  return data;
}

}  // namespace

PreparedData prepare_data(const DataConfig& config, int64_t sequence_length, const fs::path& folder) {
  const Inputs inputs = find_inputs(config);
  std::optional<DataRecord> record = read_data_record(record_path(folder));
  if (const auto reason = find_staleness(record, config, inputs, folder)) {
    log_info("data: preparing {} ({})", folder.string(), *reason);
    record = write_data(config, inputs, sequence_length, folder);
  } else {
    log_info("data: {} is up to date", folder.string());
  }
  PreparedData data = open_data(*record, folder);
  check_lengths(data.train->size(), data.validation ? std::optional(data.validation->size()) : std::nullopt,
                sequence_length);
  return data;
}

bool is_prepared(const DataConfig& config, const fs::path& folder) {
  return !find_staleness(read_data_record(record_path(folder)), config, find_inputs(config), folder);
}

int64_t count_bytes(std::span<const int32_t> token_bytes, std::span<const int64_t> ids) {
  int64_t bytes = 0;
  for (const int64_t id : ids) bytes += token_bytes[static_cast<size_t>(id)];
  return bytes;
}

}  // namespace slm
