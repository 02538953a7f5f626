#include "data/prepare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/ordered_work.h"
#include "core/sha256.h"
#include "data/batch.h"
#include "data/char_tokenizer.h"
#include "data/chat/chat_template.h"
#include "data/data_inputs.h"
#include "data/data_record.h"
#include "data/prepare_folder.h"
#include "data/reading_progress.h"
#include "data/standard_input.h"
#include "data/stories/stories.h"
#include "data/tokenize_streams.h"
#include "data/train_tokenizer.h"
#include "data/validation_split.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kShardTokens = 100'000'000;
constexpr int kMostThreads = 16;  // each has some megabytes of text in work

bool file_exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

int threads_of(const PrepareSettings& settings) {
  const int wanted = settings.threads > 0 ? settings.threads : static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(wanted, 1, kMostThreads);
}

int64_t bytes_of(const DataInputs& inputs) {
  int64_t bytes = 0;
  for (const auto& [role, source] : inputs.all()) bytes += source_bytes(role, source);
  return bytes;
}

// Standard input goes to a file. Where nothing comes, what was made of it before must do.
void read_standard_input(DataInputs& inputs, PrepareFolder& place) {
  const auto read = [&](DataInputs::Stream& stream) {
    for (Source& source : stream.sources) {
      if (!source.is_standard_input()) continue;
      log_info("data: reading standard input");
      place.create();
      if (copy_standard_input(place.standard_input()) > 0) {
        source.copy = place.standard_input();
        if (source.kind == SourceKind::kJsonLines) source.kind = kind_of_lines(source.copy);
      } else if (!file_exists(place.record())) {
        place.discard();
        fail(ExitCode::kData, "standard input: nothing came; expected text, as in: cat text.txt | slm prepare ...");
      }
    }
  };
  for (auto& stream : inputs.train) read(stream);
  if (inputs.validation) read(*inputs.validation);
}

// Nothing came, and what was made of it before does not do.
void check_standard_input(const DataInputs& inputs, const std::string& reason) {
  for (const auto& [role, source] : inputs.all()) {
    if (!source.is_standard_input() || !source.copy.empty()) continue;
    fail(ExitCode::kData, "standard input: nothing came, but the text is needed again ({})", reason);
  }
}

// Which source is another one than when `states` was written; nothing where none is.
std::optional<std::string> find_change(const std::vector<SourceState>& states, const DataInputs& inputs) {
  const auto all = inputs.all();
  if (states.size() != all.size()) return "the list of files changed";
  for (size_t i = 0; i < all.size(); ++i) {
    const auto& [role, source] = all[i];
    if (states[i].role != role || states[i].path != source.path) return "the list of files changed";
    if (source.is_standard_input() && source.copy.empty()) continue;
    if (!is_unchanged(states[i], source)) return source.name() + " changed";
  }
  return {};
}

std::vector<StreamRecord> streams_of(const DataRecord& record) {
  auto streams = record.train;
  if (record.validation) streams.push_back(*record.validation);
  return streams;
}

// Why the folder has to be written (again); nothing where it is up to date.
std::optional<std::string> find_staleness(const std::optional<DataRecord>& record, const DataConfig& config,
                                          const DataInputs& inputs, const PrepareFolder& place,
                                          const PrepareSettings& settings) {
  if (!record) return "nothing prepared there yet";
  if (record->config != data_config_json(config)) return "the data config changed";
  if (settings.shard_tokens && *settings.shard_tokens != record->shard_tokens) return "the size of token files changed";
  if (auto change = find_change(record->sources, inputs)) return change;
  std::vector<fs::path> files = {place.tokenizer()};
  for (const StreamRecord& stream : streams_of(*record)) {
    for (const ShardRecord& shard : stream.shards) {
      for (const std::string& file : shard.files()) files.push_back(place.tokens() / file);
    }
  }
  for (const fs::path& path : files) {
    if (!file_exists(path)) return path.string() + " is missing";
  }
  return {};
}

std::vector<SourceState> examine_all(const DataInputs& inputs) {
  ReadingProgress progress("hashed", bytes_of(inputs));
  std::vector<SourceState> states;
  for (const auto& [role, source] : inputs.all()) {
    states.push_back(examine(role, source, [&](int64_t bytes) { progress.add(bytes); }));
  }
  return states;
}

// The characters of all texts, and of the chat template where there are conversations.
std::shared_ptr<const Tokenizer> make_character_tokenizer(const DataInputs& inputs, int threads) {
  ReadingProgress progress("searched for characters", bytes_of(inputs));
  struct Found {
    std::set<char32_t> code_points;
    int64_t bytes;
  };
  std::set<char32_t> code_points;
  if (inputs.hold_conversations()) {
    CharacterSet characters;
    characters.add(chat_template_text(), "chat template");
    code_points = characters.code_points();
  }
  for (const auto& stream : inputs.streams()) {
    ChunkReader reader(stream.sources, stream.role, nullptr);
    const auto collect = [&](const TextChunk& chunk) {
      CharacterSet characters;
      const Source& source = stream.sources[static_cast<size_t>(chunk.at.source)];
      for_each_text(chunk, source, stream.role,
                    [&](std::string_view text, std::string_view origin) { characters.add(text, origin); });
      return Found{characters.code_points(), chunk.bytes};
    };
    work_in_order(
        threads, [&] { return reader.next(); }, collect,
        [&](Found found) {
          code_points.merge(found.code_points);
          progress.add(found.bytes);
        });
  }
  if (code_points.empty()) fail(ExitCode::kData, "data.train: {}: holds no text", inputs.all()[0].source.name());
  return std::make_shared<CharTokenizer>(code_points);
}

void check_lengths(const DataRecord& record, int64_t sequence_length) {
  for (const StreamRecord& stream : record.train) check_holds_a_window("training", stream.tokens(), sequence_length);
  if (record.validation) check_holds_a_window("validation", record.validation->tokens(), sequence_length);
}

// One preparation of a folder.
class Preparation {
 public:
  Preparation(const DataConfig& config, const DataInputs& inputs, const PrepareSettings& settings, PrepareFolder& place)
      : config_(config), inputs_(inputs), settings_(settings), place_(place) {}

  void run(int64_t sequence_length) {
    if (!go_on()) begin();
    tokenize_streams(inputs_, *tokenizer_,
                     {.threads = threads_of(settings_), .tokens = place_.new_tokens(), .journal = place_.journal()},
                     journal_);
    const DataRecord record = make_record();
    check_lengths(record, sequence_length);
    write_file_atomically(place_.new_record(), format_data_record(record));
    place_.publish();
  }

 private:
  // Whether a preparation of the same was ended before.
  bool go_on() {
    auto found = read_journal(place_.journal());
    const int64_t shard_tokens = settings_.shard_tokens.value_or(found ? found->shard_tokens : 0);
    if (!found || found->config != data_config_json(config_) || found->shard_tokens != shard_tokens) return false;
    if (find_change(found->sources, inputs_) || !file_exists(place_.new_tokenizer())) return false;
    tokenizer_ = load_tokenizer(place_.new_tokenizer());
    if (tokenizer_->hash() != found->tokenizer_sha256) return false;
    journal_ = std::move(*found);
    size_t shards = 0;
    for (const StreamRecord& stream : journal_.streams) shards += stream.shards.size();
    log_info("data: going on after {} finished token files", shards);
    return true;
  }

  void begin() {
    journal_ = {.config = data_config_json(config_),
                .sources = examine_all(inputs_),
                .tokenizer_sha256 = {},
                .shard_tokens = settings_.shard_tokens.value_or(kShardTokens),
                .streams = {},
                .position = {}};
    tokenizer_ = make_tokenizer();
    if (inputs_.hold_conversations()) prepare_for_chat();
    journal_.tokenizer_sha256 = tokenizer_->hash();
    place_.start_anew();
    write_file_atomically(place_.new_tokenizer(), tokenizer_->to_json());
    write_file_atomically(place_.journal(), format_journal(journal_));
  }

  std::shared_ptr<const Tokenizer> make_tokenizer() const {
    if (inputs_.tokenizer) return load_tokenizer(inputs_.tokenizer->path);
    const int threads = threads_of(settings_);
    if (config_.tokenizer == kTrainedTokenizer) return train_tokenizer(inputs_, config_.vocab_size.value(), threads);
    return make_character_tokenizer(inputs_, threads);
  }

  void prepare_for_chat() {
    const int64_t before = tokenizer_->vocab_size();
    tokenizer_ = with_chat_tokens(tokenizer_);
    if (inputs_.tokenizer && tokenizer_->vocab_size() > before) {
      log_info("data: the tokenizer lacked the chat template's special tokens; added: {} (from id {} on)",
               tokenizer_->vocab_size() - before, before);
    }
  }

  DataRecord make_record() const {
    DataRecord record{.config = journal_.config,
                      .sources = journal_.sources,
                      .tokenizer_sha256 = journal_.tokenizer_sha256,
                      .vocab_size = tokenizer_->vocab_size(),
                      .shard_tokens = journal_.shard_tokens,
                      .train = journal_.streams,
                      .validation = {},
                      .floor_bits_per_byte = {}};
    if (inputs_.validation) {
      record.validation = std::move(record.train.back());
      record.train.pop_back();
    }
    if (inputs_.split) split(record);
    if (inputs_.validates_on_stories()) {
      record.floor_bits_per_byte = stories::floor_bits_per_byte(stories::kValidationSeed, stories::kValidationStories);
    }
    return record;
  }

  void split(DataRecord& record) const {
    const std::vector<int32_t> token_bytes = token_byte_counts(*tokenizer_);
    const ShardSettings settings{.folder = place_.new_tokens(),
                                 .stream = "validation",
                                 .shard_tokens = record.shard_tokens,
                                 .vocab_size = record.vocab_size,
                                 .token_bytes = token_bytes};
    auto parts = split_validation(record.train, config_.validation_fraction, settings, place_.replaced_tokens());
    record.train = std::move(parts.train);
    record.validation = std::move(parts.validation);
  }

  const DataConfig& config_;
  const DataInputs& inputs_;
  const PrepareSettings& settings_;
  PrepareFolder& place_;
  PrepareJournal journal_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

void prepare(const DataConfig& config, int64_t sequence_length, const DataInputs& inputs,
             const PrepareSettings& settings, PrepareFolder& place) {
  try {
    Preparation(config, inputs, settings, place).run(sequence_length);
  } catch (const Error& error) {
    // Another text is needed, so nothing of this one is; after a full disk, say, the finished files are.
    if (error.code() == ExitCode::kData) place.discard();
    throw;
  }
}

std::shared_ptr<const TokenStream> open_tokens(const StreamRecord& stream, const PrepareFolder& place,
                                               int64_t vocab_size) {
  auto tokens = std::make_shared<TokenStream>(open_stream(stream, place.tokens(), vocab_size));
  if (tokens->size() != stream.tokens()) {
    fail(ExitCode::kData,
         "{}: the {} files hold {} tokens, data.json says {}; delete data.json to prepare the data again",
         place.tokens().string(), stream.name, tokens->size(), stream.tokens());
  }
  return tokens;
}

std::string hash_of(const DataRecord& record, bool isolate_documents) {
  std::vector<std::string> hashes = {record.tokenizer_sha256};
  for (const StreamRecord& stream : record.train) hashes.push_back(stream.sha256());
  hashes.push_back(record.validation ? record.validation->sha256() : "none");
  for (const StreamRecord& stream : streams_of(record)) {
    if (isolate_documents) hashes.push_back(stream.starts_sha256());
    if (const std::string unscored = stream.unscored_sha256(); !unscored.empty()) hashes.push_back(unscored);
  }
  return sha256_hex(fmt::format("{}", fmt::join(hashes, " ")));
}

PreparedData open_data(const DataConfig& config, const DataRecord& record, const PrepareFolder& place) {
  PreparedData data;
  data.folder = place.path();
  data.tokenizer = load_tokenizer(place.tokenizer());
  if (data.tokenizer->hash() != record.tokenizer_sha256) {
    fail(ExitCode::kData, "{}: not the tokenizer of data.json; delete data.json to prepare the data again",
         place.tokenizer().string());
  }
  for (size_t i = 0; i < record.train.size(); ++i) {
    const StreamRecord& stream = record.train[i];
    data.train.push_back({open_tokens(stream, place, record.vocab_size), stream.bytes(), stream.documents(),
                          config.train[i].weight.value_or(1)});
  }
  if (record.validation) {
    data.validation = open_tokens(*record.validation, place, record.vocab_size);
    data.validation_bytes = record.validation->bytes();
  }
  data.token_bytes = token_byte_counts(*data.tokenizer);
  data.floor_bits_per_byte = record.floor_bits_per_byte;
  data.hash = hash_of(record, config.isolate_documents);
  return data;
}

// A window sees only a part of them.
void tell_of_long_conversations(const PreparedData& data, int64_t sequence_length) {
  int64_t count = 0, all = 0;
  for (const TrainingPart& part : data.train) {
    if (!part.tokens->has_unscored()) continue;
    count += part.tokens->documents_longer_than(sequence_length);
    all += part.documents;
  }
  if (count == 0) return;
  log_warning(
      "data: {} of {} conversations are longer than a window of {} tokens (model.max_sequence_length): their later "
      "parts "
      "are learned without their beginning",
      count, all, sequence_length);
}

}  // namespace

PreparedData prepare_data(const DataConfig& config, int64_t sequence_length, const fs::path& folder,
                          const PrepareSettings& settings) {
  PrepareFolder place(folder);
  place.publish();
  DataInputs inputs = find_inputs(config);
  read_standard_input(inputs, place);
  std::optional<DataRecord> record = read_data_record(place.record());
  if (const auto reason = find_staleness(record, config, inputs, place, settings)) {
    log_info("data: preparing {} ({})", folder.string(), *reason);
    check_standard_input(inputs, *reason);
    prepare(config, sequence_length, inputs, settings, place);
    record = read_data_record(place.record());
  } else {
    log_info("data: {} is up to date", folder.string());
    std::error_code nothing_there;
    fs::remove(place.standard_input(), nothing_there);
  }
  check_lengths(*record, sequence_length);
  PreparedData data = open_data(config, *record, place);
  const auto& validated = inputs.validation;
  data.validates_on_questions =
      validated && std::any_of(validated->sources.begin(), validated->sources.end(),
                               [](const Source& source) { return source.kind == SourceKind::kQuestions; });
  if (sequence_length > 1) tell_of_long_conversations(data, sequence_length);  // 1: nobody knows it yet
  return data;
}

bool is_prepared(const DataConfig& config, const fs::path& folder) {
  const PrepareFolder place(folder);
  return !find_staleness(read_data_record(place.record()), config, find_inputs(config), place, {});
}

int64_t count_bytes(std::span<const int32_t> token_bytes, std::span<const int64_t> ids) {
  int64_t bytes = 0;
  for (const int64_t id : ids) bytes += token_bytes[static_cast<size_t>(id)];
  return bytes;
}

}  // namespace slm
