#include "data/stories/grammar.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.h"

namespace slm::stories {
namespace {

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

Grammar::Grammar(const std::vector<RuleText>& rules) {
  for (const RuleText& rule : rules) rules_.push_back({rule.name, {}});
  for (size_t i = 0; i < rules.size(); ++i) {
    for (const RuleText::Choice& choice : rules[i].choices) {
      SLM_CHECK(choice.weight > 0);
      rules_[i].alternatives.push_back({choice.weight, choice.text, compile(choice.text), choice.forms});
    }
  }
}

int Grammar::rule_index(std::string_view name) const {
  const auto found = std::find_if(rules_.begin(), rules_.end(), [&](const Rule& rule) { return rule.name == name; });
  SLM_CHECK(found != rules_.end());
  return static_cast<int>(found - rules_.begin());
}

int Grammar::variable_index(std::string_view name) const {
  const auto found = std::find(variables_.begin(), variables_.end(), name);
  SLM_CHECK(found != variables_.end());
  return static_cast<int>(found - variables_.begin());
}

int Grammar::variable(std::string_view name) {
  const auto found = std::find(variables_.begin(), variables_.end(), name);
  if (found != variables_.end()) return static_cast<int>(found - variables_.begin());
  variables_.emplace_back(name);
  return static_cast<int>(variables_.size()) - 1;
}

std::vector<Part> Grammar::compile(std::string_view text) {
  std::vector<Part> parts;
  while (!text.empty()) {
    const bool special = text[0] == '[' || text[0] == '{';
    if (!special) {
      const size_t end = std::min(text.find_first_of("[{"), text.size());
      parts.push_back({.kind = Part::Kind::kLiteral, .text = std::string(text.substr(0, end))});
      text.remove_prefix(end);
      continue;
    }
    const size_t end = text.find(text[0] == '[' ? ']' : '}');
    SLM_CHECK(end != std::string_view::npos);
    const std::string_view inside = text.substr(1, end - 1);
    parts.push_back(text[0] == '[' ? compile_expansion(inside) : compile_recall(inside));
    text.remove_prefix(end + 1);
  }
  return parts;
}

Part Grammar::compile_expansion(std::string_view inside) {
  Part part{.kind = Part::Kind::kExpand};
  if (const size_t mark = inside.find_first_of(":="); mark != std::string_view::npos) {
    if (inside[mark] == '=') part.kind = Part::Kind::kChoose;
    part.variable = variable(inside.substr(0, mark));
    inside.remove_prefix(mark + 1);
  }
  for (size_t mark = inside.rfind('!'); mark != std::string_view::npos; mark = inside.rfind('!')) {
    part.different_from.push_back(variable(inside.substr(mark + 1)));
    inside = inside.substr(0, mark);
  }
  part.rule = rule_index(inside);
  return part;
}

Part Grammar::compile_recall(std::string_view inside) {
  Part part{.kind = Part::Kind::kRecall};
  if (inside.starts_with('^')) {
    part.capital = true;
    inside.remove_prefix(1);
  }
  const size_t dot = inside.find('.');
  part.variable = variable(inside.substr(0, dot));
  if (dot == std::string_view::npos) return part;
  std::string_view form = inside.substr(dot + 1);
  if (form.starts_with('(')) {
    form = form.substr(1, form.size() - 2);
    const size_t inner = form.find('.');
    part.form_variable = variable(form.substr(0, inner));
    form.remove_prefix(inner + 1);
  }
  part.form = form;
  return part;
}

std::vector<double> Grammar::weights(const Part& part, const Memory& memory) const {
  std::vector<double> weights;
  for (const Alternative& alternative : rule(part.rule).alternatives) weights.push_back(alternative.weight);
  for (const int other : part.different_from) {
    const Choice& choice = memory[static_cast<size_t>(other)];
    SLM_CHECK(choice.rule == part.rule);
    weights[static_cast<size_t>(choice.alternative)] = 0;
  }
  return weights;
}

const Alternative& Grammar::remembered(int variable, const Memory& memory) const {
  const Choice& choice = memory[static_cast<size_t>(variable)];
  SLM_CHECK(choice.rule >= 0);
  return rule(choice.rule).alternatives[static_cast<size_t>(choice.alternative)];
}

const std::string& Grammar::form(int variable, const std::string& name, const Memory& memory) const {
  const Alternative& alternative = remembered(variable, memory);
  const auto found = alternative.forms.find(name);
  SLM_CHECK(found != alternative.forms.end());
  return found->second;
}

std::string Grammar::recall(const Part& part, const Memory& memory) const {
  std::string text;
  if (part.form.empty()) {
    text = remembered(part.variable, memory).text;
  } else if (part.form_variable < 0) {
    text = form(part.variable, part.form, memory);
  } else {
    text = form(part.variable, form(part.form_variable, part.form, memory), memory);
  }
  if (part.capital) text[0] = upper(text[0]);
  return text;
}

namespace {

class Generator {
 public:
  Generator(const Grammar& grammar, const Chooser& choose, Memory memory) : grammar_(grammar), choose_(choose) {
    result_.memory = std::move(memory);
  }

  void expand(const Part& part) {
    const std::vector<double> weights = grammar_.weights(part, result_.memory);
    const size_t chosen = choose_(weights);
    SLM_CHECK(chosen < weights.size() && weights[chosen] > 0);
    result_.log2_probability += std::log2(weights[chosen] / std::accumulate(weights.begin(), weights.end(), 0.0));
    if (part.variable >= 0) {
      result_.memory[static_cast<size_t>(part.variable)] = {part.rule, static_cast<int>(chosen)};
    }
    if (part.kind == Part::Kind::kChoose) return;
    for (const Part& piece : grammar_.rule(part.rule).alternatives[chosen].parts) write(piece);
  }

  Generated take() { return std::move(result_); }

 private:
  void write(const Part& part) {
    if (part.kind == Part::Kind::kLiteral) {
      result_.text += part.text;
      return;
    }
    const size_t place = result_.trace.size();
    result_.trace.push_back({&part, result_.text.size(), 0});
    if (part.kind == Part::Kind::kRecall) {
      result_.text += grammar_.recall(part, result_.memory);
    } else {
      expand(part);
    }
    result_.trace[place].end = result_.text.size();
  }

  const Grammar& grammar_;
  const Chooser& choose_;
  Generated result_;
};

}  // namespace

Generated generate(const Grammar& grammar, const Chooser& choose, int start, Memory memory) {
  Generator generator(grammar, choose, std::move(memory));
  generator.expand({.kind = Part::Kind::kExpand, .rule = start});
  return generator.take();
}

}  // namespace slm::stories
