#include "data/bpe/json_fields.h"

#include "core/error.h"

namespace slm {

using Json = nlohmann::json;

std::string show_json(const Json& value) {
  constexpr size_t kShown = 60;
  std::string text = value.dump();
  if (text.size() <= kShown) return text;
  text = Json(text.substr(0, kShown)).dump(-1, ' ', false, Json::error_handler_t::ignore);
  return Json::parse(text).get<std::string>() + "...";  // without a half character at the cut
}

JsonFields::JsonFields(const Json& json, std::string where, std::string separator)
    : json_(json), where_(std::move(where)), separator_(std::move(separator)) {
  if (!json.is_object()) fail(ExitCode::kData, "{}: found {}, expected an object", where_, show_json(json));
}

void JsonFields::refuse(const std::string& key, const Json& found, const char* expected) const {
  fail(ExitCode::kData, "{}: found {}, expected {}", where(key), show_json(found), expected);
}

const Json* JsonFields::find(const std::string& key) {
  asked_.insert(key);
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

const Json& JsonFields::get(const std::string& key) {
  const Json* found = find(key);
  if (!found) fail(ExitCode::kData, "{}: the key is missing", where(key));
  return *found;
}

bool JsonFields::boolean(const std::string& key) {
  const Json& value = get(key);
  if (!value.is_boolean()) refuse(key, value, "true or false");
  return value.get<bool>();
}

bool JsonFields::boolean(const std::string& key, bool if_missing) { return find(key) ? boolean(key) : if_missing; }

std::string JsonFields::string(const std::string& key) {
  const Json& value = get(key);
  if (!value.is_string()) refuse(key, value, "a string");
  return value.get<std::string>();
}

int64_t JsonFields::integer(const std::string& key) {
  const Json& value = get(key);
  const bool fits = value.is_number_integer() && value >= INT64_MIN && value <= INT64_MAX;
  if (!fits) refuse(key, value, "an integer");
  return value.get<int64_t>();
}

const Json& JsonFields::array(const std::string& key) {
  const Json& value = get(key);
  if (!value.is_array()) refuse(key, value, "a list");
  return value;
}

void JsonFields::expect_nothing(const std::string& key, const std::string& why) {
  if (const Json* found = find(key)) {
    fail(ExitCode::kData, "{}: found {}, expected null: {}", where(key), show_json(*found), why);
  }
}

void JsonFields::refuse_others() const {
  for (const auto& [key, value] : json_.items()) {
    if (!asked_.contains(key)) fail(ExitCode::kData, "{}: slm does not know this key", where(key));
  }
}

}  // namespace slm
