#include "training/chat_answers.h"

#include <algorithm>

#include "data/chat/chat_template.h"
#include "data/chat/questions.h"
#include "generation/generate.h"

namespace slm {
namespace {

constexpr size_t kBatchSize = 25;

}  // namespace

ProbeScore score_answers(Transformer& model, const Tokenizer& tokenizer) {
  const auto exam = questions::exam();
  const ChatTokens tokens = need_chat_tokens(tokenizer, questions::kName);
  std::vector<std::vector<int32_t>> prompts;
  size_t longest = 0;  // of the right answers, in tokens
  for (const Conversation& conversation : exam) {
    const auto question = std::span(conversation).first(conversation.size() - 1);
    prompts.push_back(encode_chat_prompt(question, tokenizer, tokens, questions::kName));
    longest = std::max(longest, tokenizer.encode(conversation.back().content, questions::kName).size());
  }
  const GenerationSettings settings{.max_tokens = static_cast<int64_t>(longest) + 1,
                                    .sampling = {.temperature = 0},
                                    .stop = {},
                                    .end_of_text = {tokens.end}};
  ProbeScore score{"answers", 0, static_cast<int64_t>(exam.size())};
  for (size_t first = 0; first < exam.size(); first += kBatchSize) {
    const auto batch = std::span(prompts).subspan(first, std::min(kBatchSize, exam.size() - first));
    const auto answers = generate_texts(model, tokenizer, batch, settings);
    for (size_t i = 0; i < answers.size(); ++i) {
      score.right += answers[i].reason == FinishReason::kEndOfText && answers[i].text == exam[first + i].back().content;
    }
  }
  return score;
}

}  // namespace slm
