#include "kernels/attention.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/plain.h"
#include "kernels/tiled_attention.h"

namespace slm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class CausalAttention : public torch::autograd::Function<CausalAttention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    const auto result = tiled_attention(q, k, v);
    context->save_for_backward({q, k, v, result.output, result.log_sums});
    return result.output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto result = tiled_attention_backward(saved[0], saved[1], saved[2], {saved[3], saved[4]}, gradients[0]);
    return {result.q, result.k, result.v};
  }
};

}  // namespace

at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  // A single query is a product of a vector and a matrix: nothing to tile.
  if (q.size(2) == 1 || !can_tile_attention(q, k)) return plain::causal_attention(q, k, v);
  return at::GradMode::is_enabled() ? CausalAttention::apply(q, k, v) : tiled_attention(q, k, v).output;
}

at::Tensor plain::causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const int64_t queries = q.size(2), keys = k.size(2);
  const bool grouped = q.size(1) != k.size(1);
  // LibTorch aligns is_causal at the top left, so that queries that are the last of more keys need a mask of their own;
  // a single query sees every key and needs none.
  std::optional<at::Tensor> mask;
  if (queries != keys && queries > 1) {
    mask = at::ones({queries, keys}, q.options().dtype(at::kBool)).tril(keys - queries);
  }
  return at::scaled_dot_product_attention(q, k, v, mask, /*dropout_p=*/0.0, /*is_causal=*/queries == keys,
                                          /*scale=*/std::nullopt, /*enable_gqa=*/grouped);
}

at::Tensor masked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask) {
  return at::scaled_dot_product_attention(q, k, v, mask, /*dropout_p=*/0.0, /*is_causal=*/false,
                                          /*scale=*/std::nullopt, /*enable_gqa=*/q.size(1) != k.size(1));
}

}  // namespace slm
