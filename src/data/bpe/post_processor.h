// What a tokenizer puts before and behind the ids of a text when it is asked to.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace slm {

/// The keys of a ByteLevel decoder or post-processor. They change offsets into the text, which slm does not give, and
/// no id; they are kept for the file.
struct ByteLevelKeys {
  bool add_prefix_space = true, trim_offsets = true, use_regex = true;

  nlohmann::ordered_json to_json() const;
};

/// Reads {"type": "ByteLevel", ...}; `where` begins the message of an Error (kData).
ByteLevelKeys parse_byte_level(const nlohmann::json& json, const std::string& where);

class PostProcessor {
 public:
  /// Adds nothing.
  PostProcessor() = default;

  /// From tokenizer.json's post_processor: null, ByteLevel, TemplateProcessing or a Sequence of these. Error (kData),
  /// beginning with `where`, for another one, and for an id that is not below `vocab_size`.
  PostProcessor(const nlohmann::json& json, const std::string& where, int64_t vocab_size);

  const std::vector<int32_t>& before() const { return before_; }
  const std::vector<int32_t>& behind() const { return behind_; }

  /// The value for the file; equal post-processors have equal ones.
  const nlohmann::ordered_json& to_json() const { return json_; }

 private:
  nlohmann::ordered_json read(const nlohmann::json& json, const std::string& where, int64_t vocab_size);
  nlohmann::ordered_json read_template(const nlohmann::json& json, const std::string& where, int64_t vocab_size);

  std::vector<int32_t> before_, behind_;
  nlohmann::ordered_json json_;
};

}  // namespace slm
