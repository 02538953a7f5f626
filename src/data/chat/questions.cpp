#include "data/chat/questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/rng.h"
#include "data/stories/rules.h"
#include "data/stories/stories.h"

namespace slm::questions {
namespace {

constexpr uint64_t kExamSeed = 6;
constexpr int64_t kExamConversations = 100;

// What the question about a piece of the grammar is called; empty where none is asked.
std::string question_about(const stories::Part& part) {
  if (part.variable < 0) return {};
  const std::string& variable = stories::grammar().variable_name(part.variable);
  if (variable == "hero") return part.form.empty() ? "who" : "";
  if (variable == "count") return part.form == "next" || part.form == "less" ? "number" : "";
  static const std::map<std::string, std::string> kQuestions = {
      {"hue", "color"}, {"item", "thing"}, {"guest", "thing"}, {"treasure", "thing"}, {"perch", "place"}};
  const auto found = kQuestions.find(variable);
  return found == kQuestions.end() ? "" : found->second;
}

struct Event {
  std::string text;
  std::map<std::string, std::string> answers;  // by question, as the text last says it
};

Event event_of(const stories::Generated& story) {
  const int rule = stories::grammar().rule_index("event");
  const auto event = std::find_if(story.trace.begin(), story.trace.end(),
                                  [&](const stories::Trace& place) { return place.part->rule == rule; });
  SLM_CHECK(event != story.trace.end());
  const auto text_of = [&](const stories::Trace& place) {
    return story.text.substr(place.begin, place.end - place.begin);
  };
  Event found{text_of(*event), {}};
  for (const auto& place : story.trace) {
    if (place.begin < event->begin || place.end > event->end || place.begin == place.end) continue;
    if (const std::string question = question_about(*place.part); !question.empty()) {
      found.answers[question] = text_of(place);
    }
  }
  return found;
}

// The kinds of brackets; the first is what stands where nobody asks for one.
struct Brackets {
  const char* name;
  char open, close;
};
constexpr Brackets kBrackets[] = {{"square", '[', ']'}, {"round", '(', ')'}};

// Random numbers of one conversation.
class Draws {
 public:
  Draws(uint64_t seed, int64_t index) : rng_(derive_key(seed, "questions")), index_(static_cast<uint64_t>(index)) {}
  size_t below(size_t bound) { return rng_.bits(index_, count_++) % bound; }

 private:
  CounterRng rng_;
  uint64_t index_, count_ = 0;
};

// Says whose brackets the answers have; half of the conversations leave it open.
const Brackets& choose_brackets(Draws& draws, Conversation& conversation) {
  if (draws.below(2) == 0) return kBrackets[0];
  const Brackets& brackets = kBrackets[draws.below(std::size(kBrackets))];
  conversation.push_back({Role::kSystem, fmt::format("Use {} brackets.", brackets.name)});
  return brackets;
}

}  // namespace

Conversation conversation(uint64_t seed, int64_t index) {
  Draws draws(seed, index);
  Event event = event_of(stories::story(seed, index));
  Conversation conversation;
  const Brackets& brackets = choose_brackets(draws, conversation);
  const size_t questions = 1 + draws.below(2);
  for (size_t i = 0; i < questions; ++i) {
    auto [question, answer] =
        *std::next(event.answers.begin(), static_cast<int64_t>(draws.below(event.answers.size())));
    event.answers.erase(question);
    conversation.push_back({Role::kUser, (i == 0 ? event.text + " ?" : "?") + question});
    conversation.push_back(
        {Role::kAssistant, fmt::format("{}{}: {}{}", brackets.open, question, answer, brackets.close)});
  }
  return conversation;
}

std::string text(uint64_t seed, int64_t count) {
  std::string lines;
  for (int64_t index = 0; index < count; ++index) lines += conversation_json(conversation(seed, index)).dump() + "\n";
  return lines;
}

std::vector<Conversation> exam() {
  std::vector<Conversation> conversations;
  for (int64_t index = 0; index < kExamConversations; ++index) conversations.push_back(conversation(kExamSeed, index));
  return conversations;
}

}  // namespace slm::questions
