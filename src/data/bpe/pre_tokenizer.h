// Cuts a text into the pieces that a byte-level BPE merges within.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace slm {

/// Immutable, safe from several threads.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;

  /// Appends the pieces of `text` (views into it), in order. A byte that is not valid UTF-8 is a piece of its own, and
  /// the texts on both sides of it are cut as if they stood alone. Error (kData) only where a file's pattern tries too
  /// many ways.
  virtual void split(std::string_view text, std::vector<std::string_view>& pieces) const = 0;

  /// The last place, behind its beginning, where `text` may be cut in two that are split one after the other, with the
  /// same pieces whatever follows: a long text is worked on in blocks. 0 where none is known.
  virtual size_t last_cut(std::string_view text) const = 0;

  /// Whether the caller puts a space before text that does not begin with one (ByteLevel's add_prefix_space).
  virtual bool adds_prefix_space() const = 0;

  /// tokenizer.json's "pre_tokenizer" value.
  virtual nlohmann::ordered_json to_json() const = 0;
};

/// From tokenizer.json's "pre_tokenizer" value: ByteLevel, or a Sequence of Split and Digits that ends with it. Error
/// (kData), beginning with `where` ("path: pre_tokenizer"), for anything else.
std::unique_ptr<const PreTokenizer> parse_pre_tokenizer(const nlohmann::json& json, const std::string& where);

/// ByteLevel without prefix space.
std::unique_ptr<const PreTokenizer> gpt2_pre_tokenizer();
/// Split with Llama 3's pattern, and ByteLevel without one.
std::unique_ptr<const PreTokenizer> llama3_pre_tokenizer();

}  // namespace slm
