// Times BPE training on a text: one JSON line, for benchmarks/bpe_train_peer.py, which compares with `tokenizers`.
//
//   bpe_train_bench text.txt --vocab-size 4096 --threads 2 --merges merges.txt
//   bpe_train_bench text.txt --split          only cutting, by the hand-written matchers and by PCRE2, on one thread
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "core/process_memory.h"
#include "data/bpe/byte_alphabet.h"
#include "data/bpe/split_stage.h"
#include "data/bpe/train_bpe.h"

namespace slm {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

struct Settings {
  std::string text, merges;
  int64_t vocab_size = 4096;
  int threads = 2;
  std::vector<std::string> special;
  bool llama3 = false, split = false;
};

std::string spell(const BpeVocabulary& vocabulary) {
  std::string lines;
  for (const auto& [left, right] : vocabulary.merges) {
    lines += fmt::format("{} {}\n", to_byte_characters(vocabulary.tokens[static_cast<size_t>(left)]),
                         to_byte_characters(vocabulary.tokens[static_cast<size_t>(right)]));
  }
  return lines;
}

nlohmann::ordered_json train(const Settings& settings, std::string_view text) {
  const auto begin = Clock::now();
  const auto pre_tokenizer = settings.llama3 ? llama3_pre_tokenizer() : gpt2_pre_tokenizer();
  const WordCounts words = count_words(text, *pre_tokenizer, settings.threads);
  const double counted = since(begin);
  const BpeVocabulary vocabulary = train_bpe(words, settings.vocab_size, settings.special);
  const double trained = since(begin);
  if (!settings.merges.empty()) write_file_atomically(settings.merges, spell(vocabulary));
  return {{"text_bytes", text.size()},
          {"words", words.size()},
          {"vocab_size", vocabulary.tokens.size()},
          {"threads", settings.threads},
          {"count_seconds", counted},
          {"merge_seconds", trained - counted},
          {"seconds", trained},
          {"peak_bytes", peak_resident_bytes()}};
}

double split_mb_per_second(const SplitStage& stage, std::string_view text) {
  std::vector<std::string_view> pieces;
  const auto begin = Clock::now();
  for (size_t at = 0; at < text.size();) {
    const size_t size = std::min(text.find('\n', std::min(at + (1 << 16), text.size())), text.size()) - at;
    pieces.clear();
    stage.split(text.substr(at, size), pieces);
    at += size;
  }
  return static_cast<double>(text.size()) / since(begin) / 1e6;
}

nlohmann::ordered_json split(const Settings& settings, std::string_view text) {
  const std::string_view pattern = settings.llama3 ? kLlama3Pattern : kGpt2Pattern;
  const WordStage by_hand(*word_matcher(pattern));
  const PatternStage by_pcre2(Pattern(pattern, "pattern"), SplitBehavior::kIsolated, false);
  return {{"by_hand_mb_per_second", split_mb_per_second(by_hand, text)},
          {"by_pcre2_mb_per_second", split_mb_per_second(by_pcre2, text)}};
}

}  // namespace
}  // namespace slm

int main(int argc, char** argv) {
  slm::Settings settings;
  CLI::App app("Times BPE training.");
  app.add_option("text", settings.text, "A text file")->required();
  app.add_option("--vocab-size", settings.vocab_size);
  app.add_option("--threads", settings.threads)->check(CLI::PositiveNumber);
  app.add_option("--special", settings.special, "A special token");
  app.add_option("--merges", settings.merges, "Writes the merges there, as merges.txt has them");
  app.add_flag("--llama3", settings.llama3, "Llama 3's pattern instead of GPT-2's");
  app.add_flag("--split", settings.split, "Times cutting only");
  CLI11_PARSE(app, argc, argv);
  const slm::MappedFile file(settings.text);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  fmt::print("{}\n", (settings.split ? slm::split(settings, text) : slm::train(settings, text)).dump());
}
