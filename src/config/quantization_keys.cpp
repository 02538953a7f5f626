#include "config/quantization_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "config/check.h"
#include "config/decode.h"
#include "config/problems.h"
#include "config/resolve.h"
#include "config/suggest.h"
#include "config/training_config.h"
#include "config/yaml_document.h"

namespace slm {
namespace {

constexpr std::string_view kPrefix = "quantization_";

std::vector<std::string> split_outside_brackets(const std::string& text) {
  std::vector<std::string> parts{""};
  int depth = 0;
  for (const char c : text) {
    depth += c == '[' ? 1 : c == ']' ? -1 : 0;
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string without_prefixes(std::string text) {
  for (size_t at = text.find(kPrefix); at != std::string::npos; at = text.find(kPrefix, at)) {
    text.erase(at, kPrefix.size());
  }
  return text;
}

// Sets every field that is given; the mode is none of them.
class KeyReader {
 public:
  KeyReader(const std::string& text, const std::string& origin) : origin_(origin) {
    for (const auto& part : split_outside_brackets(text)) {
      const auto equals = part.find('=');
      const auto key = part.substr(0, equals);
      if (equals == std::string::npos) {
        problem(fmt::format("found '{}', expected key=value", part));
      } else if (!given_.emplace(key, part.substr(equals + 1)).second) {
        problem(fmt::format("{}: given twice", key));
      }
    }
  }

  void group(std::string_view) {}

  template <class T>
  void field(std::string_view name, T& member, const Constraint& constraint, Resume, std::string_view) {
    const auto key = without_prefixes(std::string(name));
    if (key == "mode") return;
    names_.push_back(key);
    const auto value = given_.find(key);
    if (value == given_.end()) return;
    const auto node = parse_yaml(value->second, origin_ + ": " + key, /*has_lines=*/false, problems_);
    if (!node) {
      sound_ = false;
    } else if (const auto wrong = decode(*node, constraint, member)) {
      problem(fmt::format("{}: {}", key, wrong->text));
    }
  }

  void refuse_unknown() {
    for (const auto& [key, value] : given_) {
      if (std::find(names_.begin(), names_.end(), key) != names_.end()) continue;
      const auto meant = nearest_name(key, names_);
      problem(fmt::format("{}: unknown key; {}", key,
                          meant ? fmt::format("did you mean {}?", *meant)
                                : fmt::format("expected one of {}", fmt::join(names_, ", "))));
    }
  }

  // What contradicts each other, and what is given without effect.
  void check_whole(const TrainingConfig& config) {
    if (!sound_) return;
    const auto refuse = [&](const std::vector<Contradiction>& found, bool only_given) {
      for (const auto& wrong : found) {
        const auto key = without_prefixes(wrong.keys[0]);
        if (!wrong.keys[0].starts_with(kPrefix) || (only_given && !given_.contains(key))) continue;
        problem(fmt::format("{}: {}", key, without_prefixes(wrong.text)));
      }
    };
    if (given_.contains("residual_bits")) {
      problem("residual_bits: has no effect here; it says what is kept for training, not what the model computes");
    }
    refuse(find_contradictions(config), false);
    refuse(find_unused(config), true);
  }

  void raise() const {
    if (!problems_.empty()) problems_.raise();
  }

 private:
  void problem(const std::string& text) {
    problems_.add({origin_}, text);
    sound_ = false;
  }

  const std::string& origin_;
  std::map<std::string, std::string> given_;
  std::vector<std::string> names_;
  Problems problems_;
  bool sound_ = true;
};

}  // namespace

QuantizationConfig read_quantization_keys(const std::string& text, const std::string& origin,
                                          const QuantizationConfig& defaults) {
  KeyReader reader(text, origin);
  TrainingConfig config;
  auto& quantization = config.quantization = defaults;
  quantization.visit(reader);
  reader.refuse_unknown();
  quantization.mode = "ptq";
  resolve_quantization_defaults(quantization);
  reader.check_whole(config);
  reader.raise();
  return quantization;
}

}  // namespace slm
