#include "data/stories/parser.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace slm::stories {
namespace {

// What is still to be read after the present alternative: the rest of the one that holds it, and so on outward.
struct Rest {
  const std::vector<Part>* parts;
  size_t index;
  const Rest* outer;
};

class Search {
 public:
  Search(const Grammar& grammar, std::string_view text, bool prefix)
      : grammar_(grammar), text_(text), prefix_(prefix) {}

  void read(Rest rest, size_t position, const Memory& memory, double log2_probability) {
    for (;;) {
      if (prefix_ && position == text_.size()) return found(log2_probability);
      if (rest.index == rest.parts->size()) {
        if (rest.outer == nullptr) {
          if (position == text_.size()) found(log2_probability);
          return;
        }
        rest = *rest.outer;
        continue;
      }
      const Part& part = (*rest.parts)[rest.index++];
      if (part.kind == Part::Kind::kExpand || part.kind == Part::Kind::kChoose) {
        return read_choice(part, rest, position, memory, log2_probability);
      }
      const std::string expected = part.kind == Part::Kind::kLiteral ? part.text : grammar_.recall(part, memory);
      const std::string_view found_text = text_.substr(position, expected.size());
      if (prefix_ ? !expected.starts_with(found_text) : found_text != expected) return;
      position += found_text.size();
    }
  }

  Derivations result() const { return result_; }

 private:
  void read_choice(const Part& part, const Rest& rest, size_t position, const Memory& memory, double log2_probability) {
    static const std::vector<Part> kNothing;
    const std::vector<double> weights = grammar_.weights(part, memory);
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    const std::vector<Alternative>& alternatives = grammar_.rule(part.rule).alternatives;
    for (size_t i = 0; i < alternatives.size(); ++i) {
      if (weights[i] == 0) continue;
      Memory now = memory;
      if (part.variable >= 0) now[static_cast<size_t>(part.variable)] = {part.rule, static_cast<int>(i)};
      const std::vector<Part>& parts = part.kind == Part::Kind::kChoose ? kNothing : alternatives[i].parts;
      read({&parts, 0, &rest}, position, now, log2_probability + std::log2(weights[i] / total));
    }
  }

  void found(double log2_probability) {
    ++result_.count;
    const double high = std::max(result_.log2_probability, log2_probability);
    const double low = std::min(result_.log2_probability, log2_probability);
    result_.log2_probability = high + std::log2(1 + std::exp2(low - high));
  }

  const Grammar& grammar_;
  std::string_view text_;
  bool prefix_;
  Derivations result_{0, -std::numeric_limits<double>::infinity()};
};

Derivations search(const Grammar& grammar, std::string_view text, int start, const Memory& memory, bool prefix) {
  const std::vector<Part> whole = {{.kind = Part::Kind::kExpand, .rule = start}};
  Search search(grammar, text, prefix);
  search.read({&whole, 0, nullptr}, 0, memory, 0);
  return search.result();
}

}  // namespace

Derivations parse(const Grammar& grammar, std::string_view text, int start, const Memory& memory) {
  return search(grammar, text, start, memory, false);
}

Derivations parse_prefix(const Grammar& grammar, std::string_view text, int start, const Memory& memory) {
  return search(grammar, text, start, memory, true);
}

}  // namespace slm::stories
