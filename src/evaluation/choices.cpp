#include "evaluation/choices.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/json_lines.h"
#include "evaluation/continuations.h"

namespace slm {
namespace {

constexpr const char* kExpected =
    R"(expected {"context": text, "choices": [text, ...], "answer": index}, answer being optional)";

ChoiceItem read_item(const JsonLine& line) {
  ChoiceItem item{.context = {}, .choices = {}, .answer = std::nullopt, .origin = line.origin};
  try {
    item.context = line.value.at("context").get<std::string>();
    item.choices = line.value.at("choices").get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    fail(ExitCode::kData, "{}: context or choices are missing or of a wrong type; {}", line.origin, kExpected);
  }
  if (item.choices.empty()) fail(ExitCode::kData, "{}: choices are empty; {}", line.origin, kExpected);
  const auto answer = line.value.find("answer");
  if (answer == line.value.end() || answer->is_null()) return item;
  if (!answer->is_number_unsigned() || answer->get<size_t>() >= item.choices.size()) {
    fail(ExitCode::kData, "{}: answer: found {}, expected the index of a choice, 0 to {}", line.origin, answer->dump(),
         item.choices.size() - 1);
  }
  item.answer = answer->get<size_t>();
  return item;
}

// One choice of an item as tokens.
Continuation make_continuation(const Tokenizer& tokenizer, const ChoiceItem& item, const std::string& choice,
                               int64_t window) {
  const size_t end = item.context.find_last_not_of(" \t\n\v\f\r") + 1;  // npos + 1 is 0: nothing but white space
  Continuation continuation{.context = tokenizer.encode(item.context.substr(0, end), item.origin), .ids = {}};
  if (continuation.context.empty()) {
    fail(ExitCode::kData, "{}: the context is empty; expected a text that the choices follow", item.origin);
  }
  const auto whole = tokenizer.encode(item.context + choice, item.origin);
  const auto context_size = static_cast<std::ptrdiff_t>(std::min(continuation.context.size(), whole.size()));
  continuation.ids.assign(whole.begin() + context_size, whole.end());
  if (continuation.ids.empty() || static_cast<int64_t>(continuation.ids.size()) > window) {
    fail(ExitCode::kData, "{}: the choice '{}' has {} tokens; expected 1 to {}, which the model sees", item.origin,
         choice, continuation.ids.size(), window);
  }
  return continuation;
}

size_t greatest(const std::vector<ChoiceScore>& choices, double (*value)(const ChoiceScore&)) {
  size_t best = 0;
  for (size_t i = 1; i < choices.size(); ++i) {
    if (value(choices[i]) > value(choices[best])) best = i;
  }
  return best;
}

}  // namespace

std::vector<ChoiceItem> read_choice_items(const std::filesystem::path& path) {
  std::vector<ChoiceItem> items;
  for (const auto& line : read_json_lines(path)) items.push_back(read_item(line));
  return items;
}

std::vector<ItemScore> score_choices(Transformer& model, const Tokenizer& tokenizer,
                                     const std::vector<ChoiceItem>& items, size_t batch_size) {
  std::vector<Continuation> continuations;
  for (const auto& item : items) {
    for (const auto& choice : item.choices) {
      continuations.push_back(make_continuation(tokenizer, item, choice, model.config().max_sequence_length));
    }
  }
  const auto scores = score_continuations(model, continuations, batch_size);
  std::vector<ItemScore> results;
  size_t next = 0;
  for (const auto& item : items) {
    auto& result = results.emplace_back();
    for (const auto& choice : item.choices) {
      const auto& values = scores[next];
      result.choices.push_back({.ids = continuations[next].ids,
                                .log_probabilities = values,
                                .sum = std::accumulate(values.begin(), values.end(), 0.0),
                                .bytes = static_cast<int64_t>(choice.size())});
      ++next;
    }
    result.prediction = greatest(result.choices, [](const ChoiceScore& c) { return c.sum; });
    result.prediction_norm =
        greatest(result.choices, [](const ChoiceScore& c) { return c.sum / static_cast<double>(c.bytes); });
  }
  return results;
}

}  // namespace slm
