// The `data:` block: the text and how it becomes tokens.
#pragma once

#include <string>
#include <vector>

#include "config/field.h"

namespace slm {

struct DataConfig {
  std::vector<std::string> train, validation;
  double validation_fraction = 0.1;
  std::string tokenizer = "char";

  template <class Visitor>
  void visit(Visitor& v) {
    using enum Resume;
    v.field(
        "train", train, NonEmpty{}, kFixed,
        "Files or globs of .txt or .bin, or builtin:stories; a single text stands for a list of one. Relative paths "
        "are relative to the working directory.");
    v.field("validation", validation, NonEmpty{}, kFixed,
            "Files or globs as for train; where empty, the end of the training text (validation_fraction).");
    v.field("validation_fraction", validation_fraction, HalfOpen{0, 1}, kFixed,
            "Share of the training text, from its end, that is kept for validation; 0: nothing is kept and nothing is "
            "evaluated. Only where validation is empty. builtin:stories has validation stories of its own.");
    v.field("tokenizer", tokenizer, NonEmpty{}, kFixed,
            "char (one token a character of the training and validation text; with init_from the tokenizer found "
            "there), or the path of a tokenizer.json.");
  }
};

}  // namespace slm
