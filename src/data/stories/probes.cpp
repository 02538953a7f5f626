#include "data/stories/probes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "core/error.h"
#include "data/stories/parser.h"
#include "data/stories/rules.h"
#include "data/stories/stories.h"

namespace slm::stories {
namespace {

constexpr uint64_t kProbeSeed = 3;

// A place where the story goes on with text[begin, end) and `others` would be wrong.
struct Question {
  std::string ability;
  size_t begin, end;
  std::vector<std::string> others;
  size_t depends_on;  // the context must hold this byte
};

std::string_view variable_name(const Part& part) {
  return part.variable < 0 ? std::string_view() : grammar().variable_name(part.variable);
}

std::string remembered(const Generated& story, std::string_view variable) {
  const Part part{.kind = Part::Kind::kRecall, .variable = grammar().variable_index(variable)};
  return grammar().recall(part, story.memory);
}

std::optional<Question> ask_recall(const Generated& story, const Trace& place) {
  const std::string_view variable = variable_name(*place.part);
  if ((variable != "hero" && variable != "friend") || !place.part->form.empty()) return {};
  const std::string_view before = std::string_view(story.text).substr(0, place.begin);
  if (!before.ends_with("said ") && !before.ends_with("Now ")) return {};
  const std::string name = remembered(story, variable);
  if (name.size() != remembered(story, variable == "hero" ? "friend" : "hero").size()) return {};
  const size_t last_mention = before.rfind(name);
  SLM_CHECK(last_mention != std::string_view::npos);
  std::vector<std::string> others;
  for (const std::string& other : names()) {
    if (other != name && other.size() == name.size()) others.push_back(other);
  }
  return Question{"recall", place.begin, place.end, std::move(others), last_mention};
}

std::optional<Question> ask_agreement(const Generated& story, const Trace& place) {
  const Part& part = *place.part;
  const bool copula = variable_name(part) == "subject" && !part.form.empty();
  if (!copula && variable_name(part) != "does") return {};
  const int number = grammar().rule_index("number");
  const std::string found = story.text.substr(place.begin, place.end - place.begin);
  Memory memory = story.memory;  // the verb as it would be under the other number
  for (int alternative = 0; alternative < 2; ++alternative) {
    memory[static_cast<size_t>(grammar().variable_index("subject"))] = {number, alternative};
    const std::string other = grammar().recall(part, memory);
    if (other != found) return Question{"agreement", place.begin, place.end, {other}, place.begin};
  }
  SLM_CHECK(false);
  return {};
}

std::optional<Question> ask_counting(const Generated& story, const Trace& place) {
  if (variable_name(*place.part) != "count") return {};
  if (place.part->form != "next" && place.part->form != "less") return {};
  const auto first = std::find_if(story.trace.begin(), story.trace.end(),
                                  [](const Trace& other) { return variable_name(*other.part) == "count"; });
  const std::string word = story.text.substr(place.begin, place.end - place.begin);
  std::vector<std::string> others;
  for (const std::string& other : number_words()) {
    if (other != word) others.push_back(other);
  }
  return Question{"counting", place.begin, place.end, std::move(others), first->begin};
}

std::optional<Question> ask_closing(const Generated& story, const Trace& place) {
  if (place.part->rule != grammar().rule_index("remark")) return {};
  const std::string other = story.text[place.end] == '"' ? " " : "\"";
  return Question{"closing", place.end, place.end + 1, {other}, place.begin - 1};
}

// The first sentence that begins within reach of `end`.
size_t context_begin(const std::string& text, size_t end) {
  size_t begin = end > kProbeContextBytes ? end - kProbeContextBytes : 0;
  const auto begins_sentence = [&](size_t at) {
    if (at == 0) return true;
    const bool capital = text[at] == '"' || (text[at] >= 'A' && text[at] <= 'Z');
    return at >= 2 && capital && text[at - 1] == ' ' &&
           std::string_view(".!\"").find(text[at - 2]) != std::string::npos;
  };
  while (begin < end && !begins_sentence(begin)) ++begin;
  return begin;
}

bool is_possible(const std::string& beginning) {
  const Derivations found = parse_prefix(grammar(), beginning, grammar().rule_index("story"), grammar().empty_memory());
  return std::isfinite(found.log2_probability);
}

std::optional<Probe> make_probe(const std::string& text, const Question& question) {
  const size_t begin = context_begin(text, question.begin);
  if (question.depends_on < begin) return {};
  Probe probe{.ability = question.ability,
              .context = text.substr(begin, question.begin - begin),
              .correct = {},
              .wrong = {},
              .story = text.substr(0, question.begin)};
  size_t length = question.end - question.begin;
  for (const std::string& other : question.others) length = std::max(length, other.size());
  probe.correct = text.substr(question.begin, length);
  for (const std::string& other : question.others) {
    if (is_possible(probe.story + other)) return {};
    probe.wrong.push_back(other + text.substr(question.end, length - other.size()));
  }
  return probe;
}

class Collection {
 public:
  // No context twice, and no answer in more than half of an ability's probes.
  void add(Probe probe) {
    auto& probes = by_ability_[probe.ability];
    const auto same_answer = [&](const Probe& other) { return other.correct == probe.correct; };
    const auto same_context = [&](const Probe& other) { return other.context == probe.context; };
    if (probes.size() == kProbesPerAbility || std::any_of(probes.begin(), probes.end(), same_context)) return;
    if (std::count_if(probes.begin(), probes.end(), same_answer) >= std::ptrdiff_t{kProbesPerAbility / 2}) return;
    probes.push_back(std::move(probe));
  }

  bool full(const std::string& ability) { return by_ability_[ability].size() == kProbesPerAbility; }

  std::vector<Probe> take(const std::vector<std::string>& abilities) {
    std::vector<Probe> all;
    for (const std::string& ability : abilities) {
      std::move(by_ability_[ability].begin(), by_ability_[ability].end(), std::back_inserter(all));
    }
    return all;
  }

 private:
  std::map<std::string, std::vector<Probe>> by_ability_;
};

}  // namespace

std::vector<Probe> make_probes() {
  const std::vector<std::string> abilities = {"recall", "agreement", "counting", "closing"};
  Collection probes;
  const auto full = [&](const std::string& ability) { return probes.full(ability); };
  for (int64_t index = 0; !std::all_of(abilities.begin(), abilities.end(), full); ++index) {
    const Generated one = story(kProbeSeed, index);
    for (const Trace& place : one.trace) {
      for (const auto ask : {ask_recall, ask_agreement, ask_counting, ask_closing}) {
        const std::optional<Question> question = ask(one, place);
        if (!question || probes.full(question->ability)) continue;
        if (std::optional<Probe> probe = make_probe(one.text, *question)) probes.add(std::move(*probe));
      }
    }
  }
  return probes.take(abilities);
}

}  // namespace slm::stories
