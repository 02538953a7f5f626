// From text to token ids and back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace slm {

struct EncodeOptions {
  bool recognize_special = false;  // a special token's name in the text is that token, and not text like any other
  bool add_special = false;        // also what the tokenizer's template puts around a text (its begin, its end)
  int threads = 1;                 // at most; equal ids for any number. Short texts take one
};

/// Ids are 0 .. vocab_size() - 1. decode(encode(x)) = x for every x that `encode` takes, but for what the tokenizer's
/// own file asks for (a space before the text, NFC, white space beside some tokens).
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Error (kData) where `text` holds something the vocabulary cannot express; `origin` (a path, or what the text is)
  /// begins its message, which names line, column and byte offset.
  std::vector<int32_t> encode(std::string_view text, std::string_view origin = "text",
                              const EncodeOptions& options = {}) const {
    return encode_text(text, origin, options);
  }

  virtual int64_t vocab_size() const = 0;

  /// Of `text`, with which a longer text begins: the most bytes of it after which that text may be cut, whatever
  /// follows, so that its parts' ids one behind the other are those of the whole. 0: nowhere.
  virtual size_t safe_cut(std::string_view /*text*/) const { return 0; }

  /// The bytes that an id stands for; a special token's are its name. Error (kData) for an id outside the vocabulary.
  virtual std::string_view token_bytes(int32_t id) const = 0;

  /// Whether the id is a special token, which stands for no text of its own.
  virtual bool is_special(int32_t /*id*/) const { return false; }

  /// The special tokens that begin a text and divide one from the next, where the tokenizer has such.
  virtual std::optional<int32_t> begin_of_text() const { return std::nullopt; }
  virtual std::optional<int32_t> end_of_text() const { return std::nullopt; }

  /// The content of tokenizer.json, which Hugging Face's `AutoTokenizer` loads. Equal tokenizers give equal bytes.
  virtual std::string to_json() const = 0;

  /// The ids' bytes one behind the other.
  std::string decode(std::span<const int32_t> ids) const;

  /// SHA-256 of `to_json()`, in hexadecimal.
  std::string hash() const;

 private:
  virtual std::vector<int32_t> encode_text(std::string_view text, std::string_view origin,
                                           const EncodeOptions& options) const = 0;
};

/// Reads a tokenizer.json: a byte-level BPE, or a character tokenizer as slm writes it. Error (kData) naming the key
/// where the file asks for something that slm does not do.
std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& path);

/// The same tokenizer with special tokens that it lacks: they become its last ids, in the order of `names`.
std::shared_ptr<const Tokenizer> add_special_tokens(const Tokenizer& tokenizer, std::span<const std::string> names);

/// The content of tokenizer_config.json for a model that sees `model_max_length` tokens. Where the tokenizer has its
/// special tokens, the chat template is part of it.
std::string tokenizer_config_json(const Tokenizer& tokenizer, int64_t model_max_length);

/// Bytes of each id's text, indexed by id: what turns nats per token into bits per byte. Special tokens have none.
std::vector<int32_t> token_byte_counts(const Tokenizer& tokenizer);

}  // namespace slm
