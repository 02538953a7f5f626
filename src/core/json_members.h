// Strict access to the members of one JSON object: nothing unknown, nothing missing, every type as expected.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace slm {

/// Everything wrong is an Error (kData) that begins with the object's place: the file, and what leads to it.
class JsonMembers {
 public:
  /// `object` must outlive this.
  JsonMembers(const nlohmann::json& object, std::string where);

  void allow_only(std::initializer_list<std::string_view> keys) const;
  /// The key format_version: from 1 to `readable`. A newer one is refused by name.
  void expect_version(int64_t readable) const;

  bool has(const char* key) const { return object_.contains(key); }
  const nlohmann::json& at(const char* key) const;
  bool is_null(const char* key) const { return at(key).is_null(); }

  uint64_t count(const char* key) const;
  std::string string(const char* key) const;
  /// 64 lower-case hexadecimal digits.
  std::string sha256(const char* key) const;
  /// At least `least`.
  double number(const char* key, double least = std::numeric_limits<double>::lowest()) const;
  /// From 0 to 1.
  double share(const char* key) const;
  JsonMembers object(const char* key) const;
  /// The objects of a list.
  std::vector<JsonMembers> objects(const char* key) const;

  /// "where: key", the beginning of a message.
  std::string place(const char* key) const;

 private:
  const nlohmann::json& object_;
  std::string where_;
};

/// Whether `text` is a SHA-256 as sha256_hex writes it.
bool is_sha256(std::string_view text);

}  // namespace slm
