#include "data/bpe/bpe_tokenizer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <future>

#include "core/error.h"
#include "data/bpe/json_fields.h"
#include "data/bpe/model_json.h"
#include "data/text_error.h"

namespace slm {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr size_t kBlockBytes =
    1 << 16;  // of text that is cut into pieces at once: text, pieces and ids stay in the cache

// What known tokenizers put between the documents that their models read.
constexpr std::array<std::string_view, 5> kEndsOfText = {"<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[EOS]"};

std::optional<int32_t> find_end_of_text(const std::vector<AddedToken>& tokens) {
  for (const std::string_view name : kEndsOfText) {
    const auto is_it = [&](const AddedToken& token) { return token.special && token.content == name; };
    if (const auto found = std::find_if(tokens.begin(), tokens.end(), is_it); found != tokens.end()) return found->id;
  }
  const auto is_special = [](const AddedToken& token) { return token.special; };
  if (std::count_if(tokens.begin(), tokens.end(), is_special) != 1) return std::nullopt;
  return std::find_if(tokens.begin(), tokens.end(), is_special)->id;
}

bool has_every_byte(const BpeModel& model) {
  for (int byte = 0; byte < 256; ++byte) {
    if (!model.has_byte(static_cast<uint8_t>(byte))) return false;
  }
  return true;
}

// Where a block that begins with `text` ends: at a place where the pieces end too.
size_t block_end(std::string_view text, const PreTokenizer& pre_tokenizer) {
  for (size_t size = kBlockBytes; size < text.size(); size *= 2) {
    if (const size_t cut = pre_tokenizer.last_cut(text.substr(0, size)); cut > 0) return cut;
  }
  return text.size();
}

// Runs of sections of a block's size or more, for one thread to work on.
std::vector<std::span<const TextSection>> group(std::span<const TextSection> sections) {
  std::vector<std::span<const TextSection>> groups;
  size_t begin = 0, bytes = 0;
  for (size_t i = 0; i < sections.size(); ++i) {
    bytes += sections[i].text.size();
    if (bytes < kBlockBytes / 2 && i + 1 < sections.size()) continue;
    groups.push_back(sections.subspan(begin, i + 1 - begin));
    begin = i + 1;
    bytes = 0;
  }
  return groups;
}

}  // namespace

BpeTokenizer::BpeTokenizer(BpeTokenizerParts parts)
    : added_tokens_(std::move(parts.added_tokens), parts.normalizer),
      pre_tokenizer_(std::move(parts.pre_tokenizer)),
      post_processor_(std::move(parts.post_processor)),
      decoder_(parts.decoder),
      model_(std::move(parts.model)),
      has_every_byte_(has_every_byte(model_)),
      end_of_text_(find_end_of_text(added_tokens_.tokens())) {
  const auto& before = post_processor_.before();
  if (!before.empty() && is_special(before[0])) begin_of_text_ = before[0];
}

std::shared_ptr<const BpeTokenizer> BpeTokenizer::from_json(const Json& json, const std::string& origin) {
  JsonFields file(json, origin, ": ");
  if (file.find("version") && file.string("version") != "1.0") {
    fail(ExitCode::kData, "{}: found {}, expected \"1.0\"", file.where("version"), show_json(file.get("version")));
  }
  file.expect_nothing("truncation", "slm encodes a text whole");
  file.expect_nothing("padding", "slm pads no text");
  auto [model, added_tokens] = read_bpe_tables(file.get("model"), file.find("added_tokens"), origin);
  const auto vocab_size = static_cast<int64_t>(model.tokens.size());
  const Json none;
  const auto value_of = [&](const char* key) -> const Json& { return file.find(key) ? file.get(key) : none; };
  BpeTokenizerParts parts{
      .model = std::move(model),
      .added_tokens = std::move(added_tokens),
      .normalizer = parse_normalizer(value_of("normalizer"), file.where("normalizer")),
      .pre_tokenizer = parse_pre_tokenizer(value_of("pre_tokenizer"), file.where("pre_tokenizer")),
      .post_processor = PostProcessor(value_of("post_processor"), file.where("post_processor"), vocab_size),
      .decoder = parse_byte_level(file.get("decoder"), file.where("decoder"))};
  file.refuse_others();
  return std::make_shared<BpeTokenizer>(std::move(parts));
}

std::string_view BpeTokenizer::token_bytes(int32_t id) const {
  if (id < 0 || id >= vocab_size()) {
    fail(ExitCode::kData, "token id {} is outside the tokenizer's vocabulary of {}", id, vocab_size());
  }
  return model_.parts().tokens[static_cast<size_t>(id)];
}

// The pre-tokenizer cuts before a letter that begins a line.
size_t BpeTokenizer::safe_cut(std::string_view text) const {
  const auto reaches_over_line_end = [](const AddedToken& token) {
    return !token.special && (token.lstrip || token.rstrip || token.content.find('\n') != token.content.npos);
  };
  const auto& tokens = added_tokens_.tokens();
  if (pre_tokenizer_->adds_prefix_space() || std::any_of(tokens.begin(), tokens.end(), reaches_over_line_end)) return 0;
  return pre_tokenizer_->last_cut(text);
}

bool BpeTokenizer::is_special(int32_t id) const {
  const auto& tokens = added_tokens_.tokens();
  const auto found = std::lower_bound(tokens.begin(), tokens.end(), id,
                                      [](const AddedToken& token, int32_t wanted) { return token.id < wanted; });
  return found != tokens.end() && found->id == id && found->special;
}

void BpeTokenizer::refuse_missing_bytes(std::string_view section, std::string_view text,
                                        std::string_view origin) const {
  const auto missing = std::find_if(section.begin(), section.end(),
                                    [&](char byte) { return !model_.has_byte(static_cast<uint8_t>(byte)); });
  if (missing == section.end()) return;
  const auto byte = fmt::format("byte 0x{:02X}", static_cast<uint8_t>(*missing));
  const std::string advice =
      " is not in the tokenizer's vocabulary, which lacks some bytes; remove it or use a tokenizer with all 256";
  if (!added_tokens_.normalizer().changes_nothing()) {  // the section is no part of the text then
    fail(ExitCode::kData, "{}: {}{}", origin, byte, advice);
  }
  const auto offset = static_cast<size_t>(&*missing - text.data());
  throw TextError(std::string(origin), place_of(text, offset), byte + " (number ", ")" + advice);
}

std::vector<TextSection> BpeTokenizer::cut(std::string_view text, std::string_view origin, bool recognize_special,
                                           std::deque<std::string>& storage) const {
  std::vector<TextSection> sections, blocks;
  added_tokens_.split(text, recognize_special, sections, storage);
  for (const TextSection& section : sections) {
    if (section.token != TextSection::kText) {
      blocks.push_back(section);
      continue;
    }
    std::string_view rest = section.text;
    if (!has_every_byte_) refuse_missing_bytes(rest, text, origin);
    if (pre_tokenizer_->adds_prefix_space() && !rest.starts_with(' ')) {
      rest = storage.emplace_back(" ").append(rest);
    }
    while (!rest.empty()) {
      const size_t end = block_end(rest, *pre_tokenizer_);
      blocks.push_back({rest.substr(0, end)});
      rest.remove_prefix(end);
    }
  }
  return blocks;
}

void BpeTokenizer::encode_sections(std::span<const TextSection> sections, std::vector<int32_t>& ids) const {
  const ScratchPool::Lease lease(scratches_);
  std::vector<std::string_view> pieces;
  for (const TextSection& section : sections) {
    if (section.token != TextSection::kText) {
      ids.push_back(section.token);
      continue;
    }
    pieces.clear();
    pre_tokenizer_->split(section.text, pieces);
    for (const std::string_view piece : pieces) model_.encode(piece, *lease, ids);
  }
}

void BpeTokenizer::encode_in_parallel(std::span<const TextSection> sections, int threads,
                                      std::vector<int32_t>& ids) const {
  const auto groups = group(sections);
  std::vector<std::vector<int32_t>> results(groups.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i; (i = next++) < groups.size();) encode_sections(groups[i], results[i]);
  };
  std::vector<std::future<void>> helpers;  // a future's `get` passes on what its thread threw
  const size_t most = std::min(static_cast<size_t>(std::max(threads, 1)), groups.size());
  for (size_t i = 1; i < most; ++i) helpers.push_back(std::async(std::launch::async, work));
  work();
  for (auto& helper : helpers) helper.get();
  size_t count = ids.size();
  for (const auto& result : results) count += result.size();
  ids.reserve(count);
  for (const auto& result : results) ids.insert(ids.end(), result.begin(), result.end());
}

std::vector<int32_t> BpeTokenizer::encode_text(std::string_view text, std::string_view origin,
                                               const EncodeOptions& options) const {
  std::deque<std::string> storage;
  const auto sections = cut(text, origin, options.recognize_special, storage);
  std::vector<int32_t> ids;
  if (options.add_special) ids = post_processor_.before();
  if (options.threads > 1 && text.size() > kBlockBytes) {
    encode_in_parallel(sections, options.threads, ids);
  } else {
    ids.reserve(ids.size() + text.size() / 4);
    encode_sections(sections, ids);
  }
  if (options.add_special) ids.insert(ids.end(), post_processor_.behind().begin(), post_processor_.behind().end());
  return ids;
}

std::string BpeTokenizer::to_json() const {
  std::call_once(json_made_, [&] { json_ = make_json(); });  // each checkpoint holds it
  return json_;
}

std::string BpeTokenizer::make_json() const {
  OrderedJson json = {{"version", "1.0"},
                      {"truncation", nullptr},
                      {"padding", nullptr},
                      {"added_tokens", added_tokens_json(added_tokens_.tokens())},
                      {"normalizer", added_tokens_.normalizer().to_json()},
                      {"pre_tokenizer", pre_tokenizer_->to_json()},
                      {"post_processor", post_processor_.to_json()},
                      {"decoder", decoder_.to_json()}};
  json["model"] = model_json(model_.parts());
  return json.dump(2);
}

}  // namespace slm
