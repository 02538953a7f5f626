// The `data:` block: the text and how it becomes tokens.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/field.h"

namespace slm {

/// An entry of `train` or `validation`: a text alone is its path, a block has more to say.
struct TextSource {
  TextSource() = default;
  TextSource(std::string file) : path(std::move(file)) {}  // NOLINT: a path stands for an entry
  TextSource(const char* file) : path(file) {}             // NOLINT

  std::string path;  // a file, a glob, a built-in corpus, or - (standard input)
  std::optional<double> weight;
  std::optional<std::string> format;  // where the file's name does not say it

  bool operator==(const TextSource&) const = default;

  static const Constraint& weights() {
    static const Above above_zero{0};
    return above_zero;
  }
  static const Constraint& formats() {
    static const OneOf known{"txt", "jsonl", "bin", "uint16"};
    return known;
  }
};

struct DataConfig {
  std::vector<TextSource> train, validation;
  double validation_fraction = 0.1;
  std::string tokenizer = "char";
  std::optional<int64_t> vocab_size;
  bool isolate_documents = false;

  template <class Visitor>
  void visit(Visitor& v) {
    using enum Resume;
    v.field("train", train, NonEmpty{}, kFixed,
            "Files or globs of .txt, .jsonl (the key text, or conversations in the key messages) or .bin (llm.c's "
            "tokens), - (standard input), builtin:stories or builtin:chat; a single text stands for a list of one. An "
            "entry may be a block {path, weight, format}: "
            "weight is its share of the training windows (then every entry has one), format (txt, jsonl, bin, or "
            "uint16: 16-bit ids without a header) says what the file's name does not. Relative paths are relative to "
            "the working directory.");
    v.field("validation", validation, NonEmpty{}, kFixed,
            "Files or globs as for train, without weights; where empty, the end of the training text "
            "(validation_fraction).");
    v.field("validation_fraction", validation_fraction, HalfOpen{0, 1}, kFixed,
            "Share of the training text, from its end, that is kept for validation; 0: nothing is kept and nothing is "
            "evaluated. Of several documents whole ones are kept, where that comes near the share. Only where "
            "validation is empty. A built-in corpus has validation text of its own.");
    v.field("tokenizer", tokenizer, NonEmpty{}, kFixed,
            "char (one token a character of the training and validation text), bpe (a byte-level BPE trained on the "
            "training text, of vocab_size tokens), or the path of a tokenizer.json. With init_from the first two mean "
            "the tokenizer found there.");
    v.field("vocab_size", vocab_size, AtLeast{257}, kFixed,
            "Tokens of the tokenizer that is trained, with tokenizer bpe: the end of text, 256 bytes, and merges.");
    v.field("isolate_documents", isolate_documents, Any{}, kFixed,
            "Attention never leaves a token's own document, and positions count from its beginning (or the window's).");
  }
};

}  // namespace slm
