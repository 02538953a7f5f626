#include "data/train_tokenizer.h"

#include "core/error.h"
#include "core/log.h"
#include "core/ordered_work.h"
#include "data/bpe/make_tokenizer.h"
#include "data/bpe/pre_tokenizer.h"
#include "data/bpe/train_bpe.h"
#include "data/chat/chat_template.h"
#include "data/reading_progress.h"
#include "data/text_chunks.h"

namespace slm {
namespace {

std::vector<std::string> special_tokens(const DataInputs& inputs) {
  std::vector<std::string> names = {"<|endoftext|>"};  // GPT-2's name of it
  if (inputs.hold_conversations())
    names.insert(names.end(), {std::string(ChatTokens::kBegin), std::string(ChatTokens::kEnd)});
  return names;
}

// Without a merge: its text may be cut where that of the tokenizer to be may.
std::shared_ptr<const Tokenizer> bytes_alone() { return make_bpe_tokenizer(train_bpe({}, 256), gpt2_pre_tokenizer()); }

void refuse_token_files(const DataInputs& inputs) {
  for (const auto& stream : inputs.train) {
    for (const Source& source : stream.sources) {
      if (!source.is_tokens()) continue;
      fail(ExitCode::kData,
           "{}: a token file holds no text to train a tokenizer on; set data.tokenizer to the tokenizer.json that it "
           "was made with",
           source.name());
    }
  }
}

int64_t bytes_of(const DataInputs& inputs) {
  int64_t bytes = 0;
  for (const auto& stream : inputs.train) {
    for (const Source& source : stream.sources) bytes += source_bytes(stream.role, source);
  }
  return bytes;
}

WordCounts count_words(const DataInputs& inputs, int threads) {
  ReadingProgress progress("counted", bytes_of(inputs));
  const auto tokenizer = bytes_alone();
  const auto pre_tokenizer = gpt2_pre_tokenizer();
  struct Counted {
    WordCounts words;
    int64_t bytes;
  };
  WordCounts all;
  for (const auto& stream : inputs.train) {
    ChunkReader reader(stream.sources, stream.role, tokenizer.get());
    const auto count = [&](const TextChunk& chunk) {
      Counted counted{{}, chunk.bytes};
      for_each_text(chunk, stream.sources[static_cast<size_t>(chunk.at.source)], stream.role,
                    [&](std::string_view text, std::string_view) { counted.words.add_document(text, *pre_tokenizer); });
      return counted;
    };
    work_in_order(
        threads, [&] { return reader.next(); }, count,
        [&](const Counted& counted) {
          all.add(counted.words);
          progress.add(counted.bytes);
        });
  }
  return all;
}

}  // namespace

std::shared_ptr<const Tokenizer> train_tokenizer(const DataInputs& inputs, int64_t vocab_size, int threads) {
  refuse_token_files(inputs);
  const auto words = count_words(inputs, threads);
  const auto tokenizer = make_bpe_tokenizer(train_bpe(words, vocab_size, special_tokens(inputs)), gpt2_pre_tokenizer());
  log_info("data: a byte-level BPE of {} tokens from {} different words", tokenizer->vocab_size(), words.size());
  if (tokenizer->vocab_size() < vocab_size) {
    log_warning("data.vocab_size: {} wanted, but the text holds no more pairs", vocab_size);
  }
  return tokenizer;
}

}  // namespace slm
