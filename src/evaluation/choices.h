// Multiple choice, as lm-evaluation-harness scores it (Gao et al., github.com/EleutherAI/lm-evaluation-harness): the
// choice that the model finds the most probable after the context is its answer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/tokenizer.h"
#include "model/transformer.h"

namespace slm {

struct ChoiceItem {
  std::string context;
  std::vector<std::string> choices;
  std::optional<size_t> answer;  // index of the right choice
  std::string origin;            // "file:line", for messages
};

struct ChoiceScore {
  std::vector<int32_t> ids;               // the tokens that were scored
  std::vector<double> log_probabilities;  // ln p of each
  double sum = 0;                         // ln p of the choice
  int64_t bytes = 0;                      // of the choice as the file has it
};

struct ItemScore {
  std::vector<ChoiceScore> choices;
  size_t prediction = 0;       // the greatest sum; the first among equals
  size_t prediction_norm = 0;  // the greatest sum / bytes
};

/// Reads a .jsonl file of {"context": text, "choices": [text, ...], "answer": index}; `answer` may be left out, other
/// keys are passed over. Error (kData) naming file and line.
std::vector<ChoiceItem> read_choice_items(const std::filesystem::path& path);

/// Scores every choice of every item, `batch_size` of them in one forward pass.
///
/// White space at the end of the context is moved to the beginning of the choices, because a tokenizer may join it with
/// what follows. A choice's tokens are those of context and choice together behind as many as the context has alone. A
/// text that is too long for the model is cut at its beginning. Error (kData) naming the item where a context or a
/// choice has no token, or a choice more than the model sees.
std::vector<ItemScore> score_choices(Transformer& model, const Tokenizer& tokenizer,
                                     const std::vector<ChoiceItem>& items, size_t batch_size);

}  // namespace slm
