#include "cli/evaluate_choices.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "evaluation/choices.h"

namespace slm::cli {
namespace {

using Json = nlohmann::ordered_json;

// How many of the items with an answer are right by either rule.
struct Accuracy {
  size_t answered = 0, right = 0, right_norm = 0;
};

Accuracy count_right(const std::vector<ChoiceItem>& items, const std::vector<ItemScore>& scores) {
  Accuracy accuracy;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].answer) continue;
    ++accuracy.answered;
    accuracy.right += scores[i].prediction == *items[i].answer;
    accuracy.right_norm += scores[i].prediction_norm == *items[i].answer;
  }
  return accuracy;
}

void print_text(const Accuracy& accuracy, size_t items) {
  fmt::print("items     {}, {} of them with an answer\n", items, accuracy.answered);
  if (accuracy.answered == 0) return;
  const auto line = [&](const char* name, size_t right, const char* rule) {
    fmt::print("{:<9} {:.4f} ({} of {}; {})\n", name,
               static_cast<double>(right) / static_cast<double>(accuracy.answered), right, accuracy.answered, rule);
  };
  line("acc", accuracy.right, "by the choice's log-probability");
  line("acc_norm", accuracy.right_norm, "by the same for each byte of the choice");
}

Json choice_json(const std::string& text, const ChoiceScore& score, const Tokenizer& tokenizer) {
  auto tokens = Json::array();
  for (size_t i = 0; i < score.ids.size(); ++i) {
    tokens.push_back({{"id", score.ids[i]},
                      {"text", tokenizer.token_bytes(score.ids[i])},
                      {"log_probability", score.log_probabilities[i]}});
  }
  return {{"text", text}, {"log_probability", score.sum}, {"bytes", score.bytes}, {"tokens", tokens}};
}

void print_json(const std::vector<ChoiceItem>& items, const std::vector<ItemScore>& scores, const Accuracy& accuracy,
                const Tokenizer& tokenizer) {
  const auto share = [&](size_t right) {
    return accuracy.answered == 0 ? Json() : Json(static_cast<double>(right) / static_cast<double>(accuracy.answered));
  };
  Json report{{"acc", share(accuracy.right)},
              {"acc_norm", share(accuracy.right_norm)},
              {"answered", accuracy.answered},
              {"items", Json::array()}};
  for (size_t i = 0; i < items.size(); ++i) {
    auto choices = Json::array();
    for (size_t c = 0; c < items[i].choices.size(); ++c) {
      choices.push_back(choice_json(items[i].choices[c], scores[i].choices[c], tokenizer));
    }
    report["items"].push_back({{"context", items[i].context},
                               {"answer", items[i].answer ? Json(*items[i].answer) : Json()},
                               {"prediction", scores[i].prediction},
                               {"prediction_norm", scores[i].prediction_norm},
                               {"choices", choices}});
  }
  fmt::print("{}\n", report.dump(2, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

void evaluate_choices(const LoadedModel& loaded, const std::string& file, size_t batch_size, bool json) {
  const auto items = read_choice_items(file);
  const auto scores = score_choices(*loaded.model, *loaded.tokenizer, items, batch_size);
  const auto accuracy = count_right(items, scores);
  json ? print_json(items, scores, accuracy, *loaded.tokenizer) : print_text(accuracy, items.size());
}

}  // namespace slm::cli
