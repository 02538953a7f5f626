// Whether a model has learned the built-in conversations.
#pragma once

#include "evaluation/probe_scores.h"

namespace slm {

/// The exam of builtin:chat: "answers", right where the likeliest tokens after the question are the right answer and
/// the end of the turn, nothing else. Error (kData) where the tokenizer lacks the chat template's tokens or a
/// character.
ProbeScore score_answers(Transformer& model, const Tokenizer& tokenizer);

}  // namespace slm
