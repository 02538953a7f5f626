#include "generation/passes.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/index.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/error.h"

namespace slm {
namespace {

// (B, T) with zeros behind the shorter prompts: causal attention never looks to the right.
at::Tensor padded(const std::vector<std::span<const int32_t>>& prompts) {
  size_t longest = 0;
  for (const auto& prompt : prompts) longest = std::max(longest, prompt.size());
  auto ids = at::zeros({static_cast<int64_t>(prompts.size()), static_cast<int64_t>(longest)}, at::kLong);
  for (size_t row = 0; row < prompts.size(); ++row) {
    std::copy(prompts[row].begin(), prompts[row].end(), ids.mutable_data_ptr<int64_t>() + row * longest);
  }
  return ids;
}

}  // namespace

at::Tensor prefill(Transformer& model, const std::vector<std::span<const int32_t>>& prompts, KvCache& cache) {
  const auto hidden = model.hidden(padded(prompts), &cache);  // (B, T, C)
  std::vector<int64_t> last;
  for (const auto& prompt : prompts) {
    const auto row = static_cast<int64_t>(last.size()), length = static_cast<int64_t>(prompt.size());
    SLM_CHECK(length > 0 && cache.length(row) == hidden.size(1));
    cache.set_length(row, length);
    last.push_back(length - 1);
  }
  return model.head(at::index(hidden, {at::arange(hidden.size(0)), at::tensor(last, at::kLong)}));
}

at::Tensor decode(Transformer& model, const std::vector<int64_t>& ids, KvCache& cache) {
  const auto hidden = model.hidden(at::tensor(ids, at::kLong).unsqueeze(1), &cache);  // (B, 1, C)
  return model.head(hidden.select(1, 0));
}

}  // namespace slm
