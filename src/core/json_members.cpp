#include "core/json_members.h"

#include <algorithm>

#include "core/error.h"
#include "core/json.h"

namespace slm {

JsonMembers::JsonMembers(const nlohmann::json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object_.is_object()) fail(ExitCode::kData, "{}: is no object", where_);
}

void JsonMembers::allow_only(std::initializer_list<std::string_view> keys) const {
  for (const auto& [key, value] : object_.items()) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      fail(ExitCode::kData, "{}: unknown key {}", where_, quote_json(key));
    }
  }
}

void JsonMembers::expect_version(int64_t readable) const {
  const uint64_t version = count("format_version");
  if (version > static_cast<uint64_t>(readable)) {
    fail(ExitCode::kData, "{}: format_version {} is newer than this program, which reads up to {}; use a newer slm",
         where_, version, readable);
  }
  if (version == 0) fail(ExitCode::kData, "{}: format_version 0; expected 1 to {}", where_, readable);
}

const nlohmann::json& JsonMembers::at(const char* key) const {
  const auto found = object_.find(key);
  if (found == object_.end()) fail(ExitCode::kData, "{}: {} is missing", where_, key);
  return *found;
}

uint64_t JsonMembers::count(const char* key) const {
  const auto& value = at(key);
  constexpr uint64_t kLargest = std::numeric_limits<int64_t>::max();
  if (!value.is_number_unsigned() || value.get<uint64_t>() > kLargest) {
    fail(ExitCode::kData, "{}: {} is {}; expected an integer from 0 to 2^63 - 1", where_, key,
         quote_json(value.dump()));
  }
  return value.get<uint64_t>();
}

std::string JsonMembers::string(const char* key) const {
  const auto& value = at(key);
  if (!value.is_string()) fail(ExitCode::kData, "{}: {} is no string", where_, key);
  return value.get<std::string>();
}

std::string JsonMembers::sha256(const char* key) const {
  const auto& value = at(key);
  if (!value.is_string() || !is_sha256(value.get_ref<const std::string&>())) {
    fail(ExitCode::kData, "{}: {} is {}; expected 64 lower-case hexadecimal digits", where_, key,
         quote_json(value.dump()));
  }
  return value.get<std::string>();
}

double JsonMembers::number(const char* key, double least) const {
  const auto& value = at(key);
  if (!value.is_number())
    fail(ExitCode::kData, "{}: {} is {}; expected a number", where_, key, quote_json(value.dump()));
  const auto number = value.get<double>();
  if (number < least) fail(ExitCode::kData, "{}: {} is {}; expected at least {}", where_, key, number, least);
  return number;
}

double JsonMembers::share(const char* key) const {
  const double value = number(key, 0);
  if (value > 1) fail(ExitCode::kData, "{}: {} is {}; expected at most 1", where_, key, value);
  return value;
}

JsonMembers JsonMembers::object(const char* key) const { return {at(key), place(key)}; }

std::vector<JsonMembers> JsonMembers::objects(const char* key) const {
  const auto& list = at(key);
  if (!list.is_array()) fail(ExitCode::kData, "{}: {} is no list", where_, key);
  std::vector<JsonMembers> objects;
  for (size_t i = 0; i < list.size(); ++i) objects.emplace_back(list[i], fmt::format("{}[{}]", place(key), i));
  return objects;
}

std::string JsonMembers::place(const char* key) const { return fmt::format("{}: {}", where_, key); }

bool is_sha256(std::string_view text) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == 64 && std::all_of(text.begin(), text.end(), is_digit);
}

}  // namespace slm
