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

/// Ids are 0 .. vocab_size() - 1. decode(encode(x)) = x for every x that `encode` takes.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Error (kData) where `text` holds something the vocabulary cannot express; `origin` (a path, or what the text is)
  /// begins its message, which names line, column and byte offset.
  std::vector<int32_t> encode(std::string_view text, std::string_view origin = "text") const {
    return encode_text(text, origin);
  }

  virtual int64_t vocab_size() const = 0;

  /// The token that ends a document, where there is one.
  virtual std::optional<int32_t> end_of_text() const { return std::nullopt; }

  /// Of `text`, with which a longer text begins: the most bytes of it after which that text may be cut, whatever
  /// follows, so that its parts' ids one behind the other are those of the whole. 0: nowhere.
  virtual size_t safe_cut(std::string_view /*text*/) const { return 0; }

  /// The bytes that an id stands for. Error (kData) for an id outside the vocabulary.
  virtual std::string_view token_bytes(int32_t id) const = 0;

  /// The content of tokenizer.json, which Hugging Face's `AutoTokenizer` loads. Equal tokenizers give equal bytes.
  virtual std::string to_json() const = 0;

  /// The ids' bytes one behind the other.
  std::string decode(std::span<const int32_t> ids) const;

  /// SHA-256 of `to_json()`, in hexadecimal.
  std::string hash() const;

 private:
  virtual std::vector<int32_t> encode_text(std::string_view text, std::string_view origin) const = 0;
};

/// Reads a tokenizer.json. Error (kData) naming the key where the file asks for something that slm does not do.
std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& path);

/// The content of tokenizer_config.json for a model that sees `model_max_length` tokens.
std::string tokenizer_config_json(int64_t model_max_length);

/// Bytes of each id's text, indexed by id: what turns nats per token into bits per byte. The end of a text is no text.
std::vector<int32_t> token_byte_counts(const Tokenizer& tokenizer);

}  // namespace slm
