#include "data/bpe/staged_pre_tokenizer.h"

#include <algorithm>
#include <utility>

#include "data/utf8.h"

namespace slm {
namespace {

size_t ascii_end(std::string_view text, size_t at) {
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

// Printable and no space.
bool is_ascii_printed(char c) { return c > ' ' && c <= '~'; }
bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

StagedPreTokenizer::StagedPreTokenizer(Stages stages) : stages_(std::move(stages)) {
  const auto any = [&](SplitStage::LineStart known) {
    return std::any_of(stages_.all.begin(), stages_.all.end(),
                       [&](const auto& stage) { return stage->at_line_start() == known; });
  };
  cuts_at_line_starts_ = any(SplitStage::LineStart::kCut) && !any(SplitStage::LineStart::kUnknown);
}

void StagedPreTokenizer::split(std::string_view text, std::vector<std::string_view>& pieces) const {
  size_t begin = 0;  // of the valid UTF-8 before `at`
  for (size_t at = ascii_end(text, 0); at < text.size(); at = ascii_end(text, at)) {
    const Utf8Character character = decode_utf8(text, at);
    if (character.kind != Utf8Character::Kind::kValid) {
      split_valid(text.substr(begin, at - begin), pieces);
      for (size_t i = 0; i < character.length; ++i) pieces.push_back(text.substr(at + i, 1));
      begin = at + character.length;
    }
    at += character.length;
  }
  split_valid(text.substr(begin), pieces);
}

size_t StagedPreTokenizer::last_cut(std::string_view text) const {
  if (!cuts_at_line_starts_) return 0;
  for (size_t at = text.size(); at-- > 2;) {
    if (is_ascii_letter(text[at]) && text[at - 1] == '\n' && is_ascii_printed(text[at - 2])) return at;
  }
  return 0;
}

void StagedPreTokenizer::split_valid(std::string_view text, std::vector<std::string_view>& pieces) const {
  if (text.empty()) return;
  const auto& all = stages_.all;
  if (all.empty()) return pieces.push_back(text);
  if (all.size() == 1) return all[0]->split(text, pieces);
  std::vector<std::string_view> before = {text}, after;
  for (const auto& stage : all) {
    after.clear();
    for (const std::string_view piece : before) stage->split(piece, after);
    before.swap(after);
  }
  pieces.insert(pieces.end(), before.begin(), before.end());
}

}  // namespace slm
