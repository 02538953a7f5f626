// builtin:chat, conversations that need no file: questions in a made-up form about what happens in the built-in
// stories. Each has one right answer, so that it can be counted what a model has learned.
//
//   user       Mia had two red apples. Tom gave her one more. Now Mia had three red apples. ?color
//   assistant  [color: red]
//   user       ?number
//   assistant  [number: three]
//
// A system message may ask for brackets of another kind.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/chat/message.h"

namespace slm::questions {

/// The name by which a config asks for the corpus.
inline constexpr std::string_view kName = "builtin:chat";

/// Seeds and sizes of the two parts, each of about 100 bytes a conversation.
inline constexpr uint64_t kTrainSeed = 4;
inline constexpr int64_t kTrainConversations = 12000;
inline constexpr uint64_t kValidationSeed = 5;
inline constexpr int64_t kValidationConversations = 600;

/// The conversation with this number: a pure function of both.
Conversation conversation(uint64_t seed, int64_t index);

/// Conversations 0 .. count - 1 as lines of a .jsonl file.
std::string text(uint64_t seed, int64_t count);

/// 100 conversations of a seed of their own; a model answers right if it writes the last message as it stands here.
std::vector<Conversation> exam();

}  // namespace slm::questions
