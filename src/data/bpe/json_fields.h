// An object of tokenizer.json, read key by key; what nobody asked for is refused by name.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace slm {

class JsonFields {
 public:
  /// `where` begins messages and names the object ("tokenizer.json: model"); a key follows after `separator`. Error
  /// (kData) where `json` is not an object. `json` must outlive this.
  JsonFields(const nlohmann::json& json, std::string where, std::string separator = ".");

  /// "tokenizer.json: model.merges"
  std::string where(const std::string& key) const { return where_ + separator_ + key; }

  /// The value; null where the key is missing or its value is.
  const nlohmann::json* find(const std::string& key);

  /// Errors (kData) where the key is missing or of another type.
  const nlohmann::json& get(const std::string& key);
  bool boolean(const std::string& key);
  bool boolean(const std::string& key, bool if_missing);
  std::string string(const std::string& key);
  int64_t integer(const std::string& key);
  const nlohmann::json& array(const std::string& key);

  /// Error (kData) where the key has a value other than null; `why` tells what slm does instead.
  void expect_nothing(const std::string& key, const std::string& why);

  /// Error (kData) naming a key that was not asked for.
  void refuse_others() const;

 private:
  [[noreturn]] void refuse(const std::string& key, const nlohmann::json& found, const char* expected) const;

  const nlohmann::json& json_;
  std::string where_, separator_;
  std::set<std::string> asked_;
};

/// A value for a message: JSON, cut after 60 bytes.
std::string show_json(const nlohmann::json& value);

}  // namespace slm
