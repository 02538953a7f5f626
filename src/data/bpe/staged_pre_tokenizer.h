// A pre-tokenizer made of steps, each of which cuts the pieces of the one before.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "data/bpe/pre_tokenizer.h"
#include "data/bpe/split_stage.h"

namespace slm {

struct Stages {
  std::vector<std::unique_ptr<const SplitStage>> all;
  bool adds_prefix_space = false;
  nlohmann::ordered_json json;  // as tokenizer.json has them
};

class StagedPreTokenizer final : public PreTokenizer {
 public:
  explicit StagedPreTokenizer(Stages stages);
  void split(std::string_view text, std::vector<std::string_view>& pieces) const override;
  size_t last_cut(std::string_view text) const override;
  bool adds_prefix_space() const override { return stages_.adds_prefix_space; }
  nlohmann::ordered_json to_json() const override { return stages_.json; }

 private:
  void split_valid(std::string_view text, std::vector<std::string_view>& pieces) const;

  Stages stages_;
  bool cuts_at_line_starts_;
};

}  // namespace slm
