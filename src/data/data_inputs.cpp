#include "data/data_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "data/stories/stories.h"

namespace slm {
namespace {

bool are_builtin(const std::vector<Source>& sources) {
  return std::all_of(sources.begin(), sources.end(), [](const Source& source) { return source.is_builtin(); });
}

// Text that is trained on says nothing about new text.
void warn_of_overlap(const std::vector<Source>& train, const std::vector<Source>& validation) {
  for (const Source& source : validation) {
    const auto same = [&](const Source& other) { return other.path == source.path; };
    if (source.is_builtin() || std::none_of(train.begin(), train.end(), same)) continue;
    if (source.is_standard_input()) {
      fail(ExitCode::kData, "data.validation: -: standard input is in data.train already, and can be read only once");
    }
    log_warning("data.validation: {} is in data.train too, so its loss says nothing about new text", source.path);
  }
}

// A stream for all entries, or for each where they have weights.
std::vector<DataInputs::Stream> training_streams(const DataConfig& config, std::vector<Source> sources) {
  if (config.train.size() == 1 || !config.train[0].weight) return {{"train", "train", std::move(sources)}};
  std::vector<DataInputs::Stream> streams;
  for (size_t entry = 0; entry < config.train.size(); ++entry) {
    streams.push_back({fmt::format("train-part{}", entry + 1), "train", {}});
  }
  for (Source& source : sources) streams[source.entry].sources.push_back(std::move(source));
  return streams;
}

std::optional<Source> find_tokenizer(const DataConfig& config) {
  if (config.tokenizer == kCharacterTokenizer || config.tokenizer == kTrainedTokenizer) return std::nullopt;
  std::error_code error;
  if (!std::filesystem::exists(config.tokenizer, error)) {
    fail(ExitCode::kData, "data.tokenizer: {}: there is no such file; expected {}, {} or the path of a tokenizer.json",
         config.tokenizer, kCharacterTokenizer, kTrainedTokenizer);
  }
  return Source{SourceKind::kText, config.tokenizer};
}

}  // namespace

std::vector<DataInputs::Stream> DataInputs::streams() const {
  auto all = train;
  if (validation) all.push_back(*validation);
  return all;
}

std::vector<DataInputs::Input> DataInputs::all() const {
  std::vector<Input> inputs;
  for (const Stream& stream : streams()) {
    for (const Source& source : stream.sources) inputs.push_back({stream.role, source});
  }
  if (tokenizer) inputs.push_back({"tokenizer", *tokenizer});
  return inputs;
}

bool DataInputs::validates_on_stories() const {
  return validation && validation->sources.size() == 1 && validation->sources[0].kind == SourceKind::kStories;
}

bool DataInputs::hold_conversations() const {
  const auto inputs = all();
  return std::any_of(inputs.begin(), inputs.end(), [](const Input& i) { return i.source.holds_conversations(); });
}

DataInputs find_inputs(const DataConfig& config) {
  if (config.train.empty()) fail(ExitCode::kUsage, "data.train: not given; expected files or {}", stories::kName);
  const std::vector<Source> train = find_sources(config.train, "data.train");
  std::vector<Source> validation = find_sources(config.validation, "data.validation");
  DataInputs inputs;
  if (validation.empty() && config.validation_fraction > 0) {
    if (are_builtin(train)) {
      validation = train;
    } else {
      inputs.split = true;
    }
  }
  warn_of_overlap(train, validation);
  inputs.train = training_streams(config, train);
  if (!validation.empty()) inputs.validation = {"validation", "validation", std::move(validation)};
  inputs.tokenizer = find_tokenizer(config);
  return inputs;
}

}  // namespace slm
