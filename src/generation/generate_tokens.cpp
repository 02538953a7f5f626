#include "generation/generate_tokens.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <memory>

#include "core/error.h"
#include "generation/passes.h"

namespace slm {
namespace {

struct Row {
  size_t index;                  // of its prompt
  std::vector<int32_t> context;  // the prompt and what was drawn
  Sampler sampler;

  // The newest ids, `count` at most.
  std::span<const int32_t> newest(int64_t count) const {
    return std::span(context).last(std::min(context.size(), static_cast<size_t>(count)));
  }
};

// The texts that are still growing, row r of the cache with rows_[r].
class RowBatch {
 public:
  RowBatch(Transformer& model, std::span<const std::vector<int32_t>> prompts, const DrawSettings& settings)
      : model_(model),
        cache_(make_kv_cache(settings.kv_cache, model.config().n_layers, static_cast<int64_t>(prompts.size()),
                             model.config().max_sequence_length)) {
    for (size_t i = 0; i < prompts.size(); ++i) {
      SLM_CHECK(!prompts[i].empty());
      rows_.push_back({i, prompts[i], Sampler(settings.sampling, settings.sampling.first_row + i)});
    }
  }

  bool empty() const { return rows_.empty(); }

  // All that fits of the prompts.
  at::Tensor first_logits() { return read_all(cache_->capacity()); }

  // After the token that was drawn last.
  at::Tensor next_logits() {
    const auto full = static_cast<size_t>(std::count_if(rows_.begin(), rows_.end(), [&](const Row& row) {
      return is_full(static_cast<int64_t>(&row - rows_.data()));
    }));
    if (full == rows_.size()) return read_all(kept_of_full());
    for (int64_t r = 0; r < cache_->rows(); ++r) {
      if (is_full(r)) read_again(r);
    }
    std::vector<int64_t> ids;
    for (const auto& row : rows_) ids.push_back(row.context.back());
    return decode(model_, ids, *cache_);
  }

  // A token for each row; those of which `on_token` wants no more leave.
  void draw(const at::Tensor& logits, const std::function<bool(size_t, int32_t)>& on_token) {
    const auto values = logits.to(at::kCPU, at::kFloat).contiguous();  // (B, V)
    const auto vocab_size = static_cast<size_t>(values.size(1));
    std::vector<int64_t> staying;
    for (size_t r = 0; r < rows_.size(); ++r) {
      auto& row = rows_[r];
      row.context.push_back(
          row.sampler.next({values.const_data_ptr<float>() + r * vocab_size, vocab_size}, row.context));
      if (on_token(row.index, row.context.back())) staying.push_back(static_cast<int64_t>(r));
    }
    if (staying.size() < rows_.size()) keep(staying);
  }

 private:
  bool is_full(int64_t row) const { return cache_->length(row) == cache_->capacity(); }
  int64_t kept_of_full() const { return std::max<int64_t>(1, cache_->capacity() / 2); }

  at::Tensor read_all(int64_t longest) {
    std::vector<std::span<const int32_t>> contexts;
    for (const auto& row : rows_) {
      cache_->set_length(static_cast<int64_t>(contexts.size()), 0);
      contexts.push_back(row.newest(longest));
    }
    return prefill(model_, contexts, *cache_);
  }

  // Its last token is left out: the pass that all rows share brings it.
  void read_again(int64_t r) {
    const auto kept = rows_[static_cast<size_t>(r)].newest(kept_of_full());
    const auto before = kept.first(kept.size() - 1);
    if (!before.empty()) prefill(model_, {before}, *cache_->row(r));
    cache_->set_length(r, static_cast<int64_t>(before.size()));
  }

  void keep(const std::vector<int64_t>& staying) {
    std::vector<Row> rows;
    for (const int64_t r : staying) rows.push_back(std::move(rows_[static_cast<size_t>(r)]));
    rows_ = std::move(rows);
    if (!empty()) cache_->keep_rows(staying);
  }

  Transformer& model_;
  std::unique_ptr<KvCache> cache_;
  std::vector<Row> rows_;
};

}  // namespace

void generate_tokens(Transformer& model, std::span<const std::vector<int32_t>> prompts, const DrawSettings& settings,
                     const std::function<bool(size_t, int32_t)>& on_token) {
  const c10::InferenceMode inference;
  RowBatch batch(model, prompts, settings);
  for (int64_t i = 0; i < settings.count && !batch.empty(); ++i) {
    batch.draw(i == 0 ? batch.first_logits() : batch.next_logits(), on_token);
  }
}

}  // namespace slm
