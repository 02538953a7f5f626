// What a tokenizer does to a text before it is cut: nothing, or Unicode's NFC.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace slm {

enum class Normalization { kNone, kNfc };

class Normalizer {
 public:
  explicit Normalizer(Normalization kind = Normalization::kNone) : kind_(kind) {}

  bool changes_nothing() const { return kind_ == Normalization::kNone; }

  /// NFC as Hugging Face's normalizer makes it: characters younger than its Unicode tables stay where they are. Bytes
  /// that are not UTF-8 stay too, and the texts on both sides are normalized as if they stood alone.
  std::string normalize(std::string_view text) const;

  /// tokenizer.json's "normalizer" value.
  nlohmann::ordered_json to_json() const;

 private:
  Normalization kind_;
};

/// From tokenizer.json's "normalizer" value: null or NFC. Error (kData), beginning with `where`, for anything else.
Normalizer parse_normalizer(const nlohmann::json& json, const std::string& where);

}  // namespace slm
