// Low-rank adapters: what is trained where the model itself stays as it is. The keys are the run's own, flat.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/field.h"

namespace slm {

struct AdapterConfig {
  int64_t rank = 0;
  std::optional<double> alpha;
  std::vector<std::string> targets = {"*_proj"};
  double dropout = 0;

  bool is_on() const { return rank > 0; }

  template <class Visitor>
  void visit(Visitor& v) {
    using enum Resume;
    v.group("Adapters");
    v.field(
        "lora_rank", rank, Between{0, 65536}, kFixed,
        "Rank of the adapters (LoRA) that are trained beside the layers of init_from, a float or a quantized model, "
        "which stays as it is; 0: no adapters, the model itself is trained.");
    v.field("lora_alpha", alpha, Above{0}, kFixed,
            "What an adapter gives is multiplied by lora_alpha / lora_rank, as in peft; 2 x lora_rank where not given. "
            "Only with lora_rank.");
    v.field("lora_targets", targets, NonEmpty{}, kFixed,
            "Linear layers of the blocks that get an adapter: globs (* any characters, ? one) over their names, which "
            "are those of Llama whatever the architecture (*_proj: all, *.q_proj, model.layers.3.mlp.*). Only with "
            "lora_rank.");
    v.field("lora_dropout", dropout, HalfOpen{0, 1}, kFixed,
            "Share of an adapter's inputs that each training step leaves out. Only with lora_rank.");
  }
};

}  // namespace slm
