#include "training/memory_plan.h"

#include <c10/core/ScalarType.h>
#include <fmt/format.h>

#include <algorithm>

#include "kernels/matrix_product.h"
#include "model/head_loss.h"
#include "model/model_size.h"
#include "training/moments.h"

namespace slm {
namespace {

// Elements that one block keeps a token: its two inputs and their normed forms, the joined q, k, v, with RoPE the
// rotated q and k, what attention gives, and the feed-forward part's inner tensors.
int64_t kept_by_block(const TransformerConfig& c) {
  const int64_t query = c.n_heads * c.head_dim, key = c.n_kv_heads * c.head_dim;
  const int64_t rotated = c.position == PositionKind::kRope ? query + key : 0;
  const int64_t normed = c.qk_norm ? query + key : 0;
  const int64_t inner = c.activation == Activation::kSwiGlu ? 3 : 2;
  return 4 * c.d_model + (query + 2 * key) + rotated + normed + query + inner * c.d_ff;
}

// Elements that the backward pass of a block needs a token beside them: gradients of its widest tensors.
int64_t needed_by_backward(const TransformerConfig& c) {
  const int64_t inner = c.activation == Activation::kSwiGlu ? 3 : 2;
  return 2 * c.d_model + inner * c.d_ff;
}

}  // namespace

MemoryPlan memory_plan(const TransformerConfig& config, const MemorySettings& settings) {
  const auto size = model_size(config);
  const int64_t wide = sizeof(float), narrow = static_cast<int64_t>(c10::elementSize(settings.dtype));
  const int64_t tokens = settings.rows * settings.length;
  const int64_t kept = settings.gradient_checkpointing ? config.n_layers * config.d_model + kept_by_block(config)
                                                       : config.n_layers * kept_by_block(config);
  const int64_t around_blocks = 3 * config.d_model;  // embeddings, last norm, hidden gradient
  MemoryPlan plan;
  plan.parameters = size.parameters * (wide + (narrow == wide ? 0 : narrow));
  if (settings.code_bytes > 0) {
    const int64_t in_float = size.parameters - size.matmul_parameters;
    plan.parameters = in_float * (wide + (narrow == wide ? 0 : narrow)) + size.matmul_parameters * settings.code_bytes;
  }
  plan.gradients = size.parameters * wide;
  if (settings.qat) {
    // A tied head has a form and a gradient of its own.
    const int64_t tied_head = config.tie_embeddings ? config.vocab_size * config.d_model : 0;
    plan.parameters += (narrow == wide ? size.matmul_parameters : tied_head) * narrow;
    plan.gradients += tied_head * wide;
  }
  if (settings.distills) plan.parameters += size.parameters * narrow;
  const int64_t by_muon = settings.muon ? size.hidden_matrix_parameters : 0;
  plan.moments = moment_bytes(size.parameters - by_muon, settings.state_dtype) + by_muon * wide;
  plan.activations = tokens * narrow * (kept + around_blocks + needed_by_backward(config));
  if (settings.isolate_documents) plan.activations += tokens * settings.length * (narrow + 2);  // mask, and its making
  if (const auto& adapters = settings.adapters) {
    plan.parameters += adapters->parameters * (wide + (narrow == wide ? 0 : narrow));
    plan.gradients = adapters->parameters * wide;
    plan.moments = moment_bytes(adapters->parameters, settings.state_dtype);
    plan.activations += tokens * narrow * (settings.gradient_checkpointing ? adapters->kept_by_block : adapters->kept);
    // The value of one layer's codes at a time.
    const int64_t widest = config.d_model * std::max(config.d_ff, config.vocab_size);
    if (settings.code_bytes > 0) plan.activations += widest * narrow;
  }
  plan.head = std::min(tokens, kHeadChunk) * config.vocab_size * narrow + kGradientPieceElements * narrow;
  if (settings.distills) {
    plan.activations += tokens * config.d_model * narrow;  // the teacher's last hidden states
    // Its logits, and in float32 the logarithms of both models' probabilities, the divergences and the gradient.
    constexpr int64_t kWideTensors = 5;
    plan.head += std::min(tokens, kHeadChunk) * config.vocab_size * (narrow + kWideTensors * wide);
  }
  return plan;
}

std::string describe(const MemoryPlan& plan) {
  const auto mib = [](int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); };
  return fmt::format(
      "parameters {:.1f} + gradients {:.1f} + moments {:.1f} + activations {:.1f} + head {:.1f} = {:.1f} MiB",
      mib(plan.parameters), mib(plan.gradients), mib(plan.moments), mib(plan.activations), mib(plan.head),
      mib(plan.total()));
}

}  // namespace slm
