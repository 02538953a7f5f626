// The shape of the model that a run trains: from its config, from the folder that it starts from, and from its
// tokenizer.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "config/training_config.h"
#include "data/tokenizer.h"
#include "model/transformer_config.h"

namespace slm {

/// With init_from the shape comes from the folder. Error (kUsage) where a field that the config gives as well says
/// something else.
void take_model_of(const std::filesystem::path& folder, ModelConfig& model);

/// What the checkpoint keeps of the model that a run starts from and no key of the config says: all its positions, of
/// which the run may train in shorter windows, and the ids of its special tokens.
void keep_parts_of(const std::filesystem::path& folder, TransformerConfig& shape);

SpecialTokens special_tokens_of(const Tokenizer& tokenizer);

/// The vocabulary's size from the tokenizer; where it `may_grow` (a model that is trained on) it gets rows for the
/// tokens of the chat template, which the preparation of conversations has added. Error (kUsage) where the model has
/// fewer tokens than the tokenizer.
void take_vocabulary_of(const Tokenizer& tokenizer, bool may_grow, ModelConfig& model);

/// Canonical names. They do not depend on the size of the vocabulary, which only the tokenizer tells: so a wrong glob
/// is an error before any text is read.
std::set<std::string> parameters_to_freeze(const TrainingConfig& config);

}  // namespace slm
