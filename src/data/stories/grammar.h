// A probabilistic grammar whose rules can remember what they chose: names that come back, numbers that agree.
//
// A rule is a list of weighted alternatives; each is a template:
//   [rule]               expands the rule here
//   [x:rule]             expands it and remembers its alternative as x
//   [x=rule]             chooses and remembers, and writes nothing
//   [x:rule!y!z]         chooses none of the alternatives that y and z remember
//   {x}                  writes the text of what x remembers
//   {x.form}             writes a form of it: {hero.him}, {bird.plural}
//   {x.(y.form)}         the form is named by a form of y: {bird.(number.name)}
//   {^x...}              the same with its first letter in upper case
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace slm::stories {

using Forms = std::map<std::string, std::string>;

/// A rule as it is written down.
struct RuleText {
  struct Choice {
    double weight;
    std::string text;
    Forms forms = {};
  };
  std::string name;
  std::vector<Choice> choices;
};

/// A piece of an alternative.
struct Part {
  enum class Kind { kLiteral, kExpand, kChoose, kRecall };
  Kind kind;
  std::string text = {};                 // kLiteral
  int rule = -1;                         // kExpand, kChoose
  int variable = -1;                     // what is remembered or recalled; -1: nothing
  std::vector<int> different_from = {};  // kExpand, kChoose: variables
  std::string form = {};                 // kRecall; empty: the text itself
  int form_variable = -1;                // kRecall: if given, `form` is the form of this variable that names the form
  bool capital = false;                  // kRecall
};

struct Alternative {
  double weight;
  std::string text;  // of a rule that is recalled: its only part
  std::vector<Part> parts;
  Forms forms;
};

struct Rule {
  std::string name;
  std::vector<Alternative> alternatives;
};

/// What a variable remembers.
struct Choice {
  int rule = -1;
  int alternative = -1;
};

/// By variable. Both the generator and the parser carry one along.
using Memory = std::vector<Choice>;

/// The compiled rules; the first rule is where a text begins.
class Grammar {
 public:
  explicit Grammar(const std::vector<RuleText>& rules);

  const Rule& rule(int index) const { return rules_[static_cast<size_t>(index)]; }
  int rule_index(std::string_view name) const;
  int variable_index(std::string_view name) const;
  const std::string& variable_name(int index) const { return variables_[static_cast<size_t>(index)]; }
  Memory empty_memory() const { return Memory(variables_.size()); }

  /// The weights of the rule's alternatives as `part` may choose them: 0 where one is excluded.
  std::vector<double> weights(const Part& part, const Memory& memory) const;

  /// What a kRecall part writes.
  std::string recall(const Part& part, const Memory& memory) const;

 private:
  std::vector<Part> compile(std::string_view text);
  Part compile_expansion(std::string_view inside);
  Part compile_recall(std::string_view inside);
  int variable(std::string_view name);
  const Alternative& remembered(int variable, const Memory& memory) const;
  const std::string& form(int variable, const std::string& name, const Memory& memory) const;

  std::vector<Rule> rules_;
  std::vector<std::string> variables_;
};

/// Where a part of the grammar came to stand in a generated text.
struct Trace {
  const Part* part;
  size_t begin, end;  // bytes
};

struct Generated {
  std::string text;
  double log2_probability = 0;
  std::vector<Trace> trace;  // of every expansion, choice and recall, in the order of their beginnings
  Memory memory;             // at the end
};

/// Chooses an index with a weight above 0.
using Chooser = std::function<size_t(std::span<const double> weights)>;

/// Derives one text of `grammar`, beginning with the rule `start` and with what `memory` remembers.
Generated generate(const Grammar& grammar, const Chooser& choose, int start, Memory memory);

}  // namespace slm::stories
