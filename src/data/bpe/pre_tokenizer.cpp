#include "data/bpe/pre_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "data/bpe/staged_pre_tokenizer.h"

namespace slm {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

std::string show(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 100); }

// The keys of one pre-tokenizer's object, each of which has to be asked for.
class Keys {
 public:
  Keys(const Json& json, const std::string& where) : json_(json), where_(where) {
    if (!json.is_object() || !json.contains("type") || !json["type"].is_string()) {
      fail(ExitCode::kData, "{}: found {}; expected an object with a type", where, show(json));
    }
  }

  std::string type() const { return json_["type"].get<std::string>(); }

  const Json& value(const std::string& key, Json::value_t type, const char* expected) {
    read_.push_back(key);
    if (!json_.contains(key)) fail(ExitCode::kData, "{}.{}: the key is missing", where_, key);
    const Json& value = json_[key];
    if (value.type() != type) fail(ExitCode::kData, "{}.{}: found {}; expected {}", where_, key, show(value), expected);
    return value;
  }

  bool flag(const std::string& key) { return value(key, Json::value_t::boolean, "true or false").get<bool>(); }
  // Files of older versions lack some.
  bool flag_or_true(const std::string& key) { return !json_.contains(key) || flag(key); }
  std::string text(const std::string& key) { return value(key, Json::value_t::string, "a string").get<std::string>(); }

  void refuse_others() const {
    for (const auto& [key, value] : json_.items()) {
      if (key == "type" || std::find(read_.begin(), read_.end(), key) != read_.end()) continue;
      fail(ExitCode::kData, "{}.{}: unknown key of {}", where_, key, type());
    }
  }

 private:
  const Json& json_;
  const std::string& where_;
  std::vector<std::string> read_;
};

void add_byte_level(Keys& keys, const std::string& where, Stages& stages) {
  const bool prefix = keys.flag("add_prefix_space"), trim = keys.flag_or_true("trim_offsets");
  const bool use_regex = keys.flag_or_true("use_regex");
  if (prefix && !stages.all.empty()) {
    fail(ExitCode::kData, "{}.add_prefix_space: found true behind another pre-tokenizer; expected false", where);
  }
  stages.adds_prefix_space = prefix;
  if (use_regex) stages.all.push_back(std::make_unique<WordStage>(*word_matcher(kGpt2Pattern)));
  stages.json = {{"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"trim_offsets", trim}, {"use_regex", use_regex}};
}

SplitBehavior parse_behavior(const std::string& name, const std::string& where) {
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  fail(ExitCode::kData,
       "{}.behavior: found {}; expected Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous", where,
       show(name));
}

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

// {"Regex": ...} or {"String": ...}.
std::string parse_pattern(const Json& json, const std::string& where) {
  const bool is_regex = json.contains("Regex"), is_string = json.contains("String");
  if (json.size() != 1 || (!is_regex && !is_string) || !json.begin()->is_string()) {
    fail(ExitCode::kData, "{}.pattern: found {}; expected {{\"Regex\": ...}} or {{\"String\": ...}}", where,
         show(json));
  }
  const auto text = json.begin()->get<std::string>();
  return is_regex ? text : escape(text);
}

void add_split(Keys& keys, const std::string& where, Stages& stages) {
  const Json& pattern_json = keys.value("pattern", Json::value_t::object, "an object");
  const std::string pattern = parse_pattern(pattern_json, where);
  const std::string behavior_name = keys.text("behavior");
  const SplitBehavior behavior = parse_behavior(behavior_name, where);
  const bool invert = keys.flag("invert");
  stages.json = {{"type", "Split"}, {"pattern", pattern_json}, {"behavior", behavior_name}, {"invert", invert}};
  const auto matcher = word_matcher(pattern);
  if (matcher && behavior == SplitBehavior::kIsolated) {  // everything matches, so `invert` changes nothing
    stages.all.push_back(std::make_unique<WordStage>(*matcher));
  } else {
    stages.all.push_back(std::make_unique<PatternStage>(Pattern(pattern, where + ".pattern"), behavior, invert));
  }
}

void add_digits(Keys& keys, Stages& stages) {
  const bool individual = keys.flag("individual_digits");
  stages.json = {{"type", "Digits"}, {"individual_digits", individual}};
  stages.all.push_back(std::make_unique<DigitsStage>(individual));
}

void add_stage(const Json& json, const std::string& where, Stages& stages);

void add_sequence(Keys& keys, const std::string& where, Stages& stages) {
  const Json& parts = keys.value("pretokenizers", Json::value_t::array, "a list");
  OrderedJson written = OrderedJson::array();
  for (size_t i = 0; i < parts.size(); ++i) {
    add_stage(parts[i], where + ".pretokenizers[" + std::to_string(i) + "]", stages);
    written.push_back(std::move(stages.json));
  }
  stages.json = {{"type", "Sequence"}, {"pretokenizers", std::move(written)}};
}

void add_stage(const Json& json, const std::string& where, Stages& stages) {
  Keys keys(json, where);
  const std::string type = keys.type();
  if (type == "ByteLevel") {
    add_byte_level(keys, where, stages);
  } else if (type == "Split") {
    add_split(keys, where, stages);
  } else if (type == "Digits") {
    add_digits(keys, stages);
  } else if (type == "Sequence") {
    add_sequence(keys, where, stages);
  } else {
    fail(ExitCode::kData, "{}.type: found {}; slm knows ByteLevel, Split, Digits and Sequence", where, show(type));
  }
  keys.refuse_others();
}

// The types of the steps in their order, a Sequence opened.
void collect_types(const Json& json, std::vector<std::string>& types) {
  if (json["type"] != "Sequence") return types.push_back(json["type"].get<std::string>());
  for (const Json& part : json["pretokenizers"]) collect_types(part, types);
}

}  // namespace

std::unique_ptr<const PreTokenizer> parse_pre_tokenizer(const Json& json, const std::string& where) {
  Stages stages;
  add_stage(json, where, stages);
  std::vector<std::string> types;
  collect_types(json, types);
  // ByteLevel writes bytes as other characters: what stands behind it would see those.
  if (types.empty() || types.back() != "ByteLevel" || std::count(types.begin(), types.end(), "ByteLevel") != 1) {
    fail(ExitCode::kData, "{}: expected one ByteLevel, at the end; slm's BPE works on bytes", where);
  }
  return std::make_unique<StagedPreTokenizer>(std::move(stages));
}

std::unique_ptr<const PreTokenizer> gpt2_pre_tokenizer() {
  return parse_pre_tokenizer(
      {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}}, "GPT-2");
}

std::unique_ptr<const PreTokenizer> llama3_pre_tokenizer() {
  const Json split = {
      {"type", "Split"}, {"pattern", {{"Regex", kLlama3Pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  return parse_pre_tokenizer({{"type", "Sequence"}, {"pretokenizers", Json::array({split, bytes})}}, "Llama 3");
}

}  // namespace slm
