#include "config/describe.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <map>
#include <set>

#include "config/check.h"
#include "config/minimal_config.h"
#include "config/resolve.h"

namespace slm {
namespace {

/// Gives every field some value that its own constraint allows.
class RandomVisitor {
 public:
  void group(std::string_view) {}

  template <class Block>
  void block(std::string_view, Block& block, std::string_view) {
    block.visit(*this);
  }

  template <class T>
  void field(std::string_view, T& member, const Constraint& constraint, Resume, std::string_view) {
    set(member, constraint);
  }

 private:
  void set(int64_t& out, const Constraint& c) {
    if (!c.choices.empty()) {
      out = std::stoll(*rc::gen::elementOf(c.choices));
      return;
    }
    const auto from = static_cast<int64_t>(c.lower.value_or(-1e9));
    out = *rc::gen::inRange<int64_t>(from, static_cast<int64_t>(std::min(c.upper.value_or(1e9), 1e9)));
  }
  void set(double& out, const Constraint& c) {
    const double from = c.lower.value_or(-1e300), to = c.upper.value_or(1e300);
    const double share = *rc::gen::inRange<int64_t>(1, int64_t{1} << 53) * 0x1p-53;
    out = from + (to - from) * std::pow(share, *rc::gen::inRange(1, 20));
    if (c.lower_open && out <= from) out = 1e-12;
  }
  void set(bool& out, const Constraint&) { out = *rc::gen::arbitrary<bool>(); }
  void set(std::string& out, const Constraint& c) {
    if (!c.choices.empty()) {
      out = *rc::gen::elementOf(c.choices);
      return;
    }
    static const std::vector<std::string> kPieces = {"a",
                                                     "Z",
                                                     "7",
                                                     " ",
                                                     ":",
                                                     "#",
                                                     "\"",
                                                     "'",
                                                     "\\",
                                                     "\n",
                                                     "\t",
                                                     "-",
                                                     "[",
                                                     "]",
                                                     "{",
                                                     "}",
                                                     ",",
                                                     "&",
                                                     "*",
                                                     "!",
                                                     "|",
                                                     ">",
                                                     "%",
                                                     "@",
                                                     "`",
                                                     "=",
                                                     "?",
                                                     "~",
                                                     ".",
                                                     "/",
                                                     "\r",
                                                     "\xc3\xa9",
                                                     "\xe2\x82\xac",
                                                     "null",
                                                     "true",
                                                     "1e5",
                                                     "\x01",
                                                     "\xf0\x9f\x98\x80",
                                                     "\xef\xbb\xbf",
                                                     "\x7f"};
    const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(kPieces));
    out = c.non_empty ? *rc::gen::elementOf(std::vector<std::string>{"x", "0", "-"}) : "";
    for (const auto& piece : pieces) out += piece;
  }
  void set(std::vector<std::string>& out, const Constraint& c) {
    out.resize(*rc::gen::inRange<size_t>(1, 4));
    for (auto& text : out) set(text, c);
  }
  void set(std::vector<TextSource>& out, const Constraint& c) {
    const bool weighted = *rc::gen::arbitrary<bool>();
    out.resize(*rc::gen::inRange<size_t>(1, 4));
    for (auto& source : out) {
      set(source.path, c);
      if (weighted) source.weight = *rc::gen::inRange(1, 1000) * 0.37;
      set(source.format, TextSource::formats());
    }
  }
  template <class T>
  void set(std::optional<T>& out, const Constraint& c) {
    out.reset();
    if (*rc::gen::arbitrary<bool>()) set(out.emplace(), c);
  }
};

/// Puts the named fields back to their defaults.
class ResetVisitor {
 public:
  ResetVisitor(const std::set<std::string>& keys, TrainingConfig& defaults) : keys_(keys) { defaults.visit(source_); }

  void group(std::string_view) {}

  template <class Block>
  void block(std::string_view name, Block& block, std::string_view) {
    prefix_ = std::string(name) + ".";
    block.visit(*this);
    prefix_.clear();
  }

  template <class T>
  void field(std::string_view name, T& member, const Constraint&, Resume, std::string_view) {
    const auto key = prefix_ + std::string(name);
    if (keys_.contains(key)) member = *static_cast<T*>(source_.members.at(key));
  }

 private:
  struct Addresses {
    std::map<std::string, void*> members;
    std::string prefix;

    void group(std::string_view) {}
    template <class Block>
    void block(std::string_view name, Block& block, std::string_view) {
      prefix = std::string(name) + ".";
      block.visit(*this);
      prefix.clear();
    }
    template <class T>
    void field(std::string_view name, T& member, const Constraint&, Resume, std::string_view) {
      members[prefix + std::string(name)] = &member;
    }
  };

  const std::set<std::string>& keys_;
  Addresses source_;
  std::string prefix_;
};

/// A config in which every field has some value and none contradicts another.
TrainingConfig random_config() {
  TrainingConfig config;
  RandomVisitor random;
  config.visit(random);
  auto& model = config.model;
  model.max_sequence_length = *rc::gen::inRange<int64_t>(1, 100);
  model.n_layers = *rc::gen::inRange<int64_t>(1, 100);
  model.n_kv_heads = *rc::gen::inRange<int64_t>(1, 10);
  model.n_heads = *model.n_kv_heads * *rc::gen::inRange<int64_t>(1, 10);
  model.head_dim = 2 * *rc::gen::inRange<int64_t>(1, 100);
  model.d_model = *rc::gen::inRange<int64_t>(1, 1000);
  model.rope_low_freq_factor.reset();
  model.rope_high_freq_factor.reset();
  const int length = *rc::gen::inRange(0, 3);
  config.max_steps = length == 0 ? std::optional<int64_t>(1'000'000'000) : std::nullopt;
  config.max_tokens = length == 1 ? std::optional<int64_t>(1'000'000'000'000'000'000) : std::nullopt;
  config.epochs = length == 2 ? std::optional<int64_t>(3) : std::nullopt;
  config.warmup_steps = *rc::gen::inRange<int64_t>(0, 1000);
  config.wsd_decay_steps.reset();
  config.tokens_per_step.reset();
  for (auto& source : config.data.validation) source.weight.reset();
  auto& quantization = config.quantization;
  quantization.qat_start_step.reset();  // the two would have to fit each other
  quantization.qat_freeze_observer_step.reset();
  quantization.finetuning = quantization.finetuning && config.init_from;
  if (quantization.finetuning) {
    quantization.mode = "none";
    config.optimizer = "adamw";
  }
  auto& adapters = config.adapters;
  if (!config.init_from || quantization.finetuning || quantization.mode == "qat") adapters.rank = 0;
  if (adapters.is_on()) {
    config.optimizer = "adamw";
    config.freeze.clear();
  }
  TrainingConfig defaults;
  std::set<std::string> unused;
  for (const auto& found : find_unused(config)) unused.insert(found.keys[0]);
  ResetVisitor reset(unused, defaults);
  config.visit(reset);
  return config;
}

std::string first_difference(const TrainingConfig& left, const TrainingConfig& right) {
  const auto differences = diff(left, right);
  if (differences.empty()) return "none";
  return differences[0].key + ": " + differences[0].left + " / " + differences[0].right;
}

TEST(ConfigPrint, WhatIsPrintedLoadsToTheSameConfig) {
  EXPECT_TRUE(rc::check([] {
    auto config = random_config();
    RC_ASSERT(first_difference(parse_training_config(print_config(config), "printed"), config) == "none");
    resolve_defaults(config);
    RC_ASSERT(first_difference(parse_training_config(print_config(config), "printed"), config) == "none");
  }));
}

TEST(ConfigPrint, TextComesBackByteByByte) {
  auto config = parse_with("");
  config.sample_prompts = {"",     "a: b # c", "\"q\" \\ \n\r\t\x01\x7f",     "- x",
                           "null", "12",       "\xef\xbb\xbf\xf0\x9f\x98\x80"};
  EXPECT_EQ(parse_training_config(print_config(config), "printed").sample_prompts, config.sample_prompts);
}

TEST(ConfigPrint, NumbersThatHaveNoEffectAreComments) {
  const auto text = print_config(parse_with("lr_scheduler_type: constant\n"));
  EXPECT_NE(text.find("\n# min_lr_ratio: has no effect with lr_scheduler_type constant\n"), std::string::npos);
  EXPECT_EQ(text.find("\nmin_lr_ratio:"), std::string::npos);
}

TEST(ConfigDiff, NamesTheFieldsThatDifferAndBothValues) {
  auto config = parse_with("");
  auto other = config;
  other.model.bias = true;
  other.learning_rate = std::nextafter(config.learning_rate, 1.0);
  const auto differences = diff(config, other);
  ASSERT_EQ(differences.size(), 2u);
  EXPECT_EQ(differences[0].key, "model.bias");
  EXPECT_EQ(differences[0].left, "null");
  EXPECT_EQ(differences[0].right, "true");
  EXPECT_EQ(differences[1].key, "learning_rate");
  EXPECT_EQ(differences[1].right, "0.0006000000000000001");
}

TEST(ConfigPrint, CommentsFollowTheirValuesAndChangeNothing) {
  const auto config = parse_with("seed: 5\nlr_scheduler_type: constant\n");
  const auto text = print_config(config, {{"seed", "a.yaml:9"}, {"min_lr_ratio", "default"}});
  EXPECT_NE(text.find("\nseed: 5                                   # a.yaml:9\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n# min_lr_ratio: has no effect with lr_scheduler_type constant\n"), std::string::npos);
  EXPECT_EQ(first_difference(parse_training_config(text, "printed"), config), "none");
}

}  // namespace
}  // namespace slm
