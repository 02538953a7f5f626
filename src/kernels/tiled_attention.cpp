#include "kernels/tiled_attention.h"

#include <ATen/Parallel.h>
#include <ATen/native/CPUBlas.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/cpu_features.h"
#include "core/error.h"
#include "kernels/cpu/attention_tiles.h"
#include "kernels/float_types.h"

namespace slm {
namespace {

constexpr int64_t kTile = cpu::kAttentionTile;

int64_t tiles_of(int64_t length) { return (length + kTile - 1) / kTile; }

// c (M, N) = a (M, K) b (K, N), added where `add`; b is packed.
void multiply(int64_t m, int64_t n, int64_t k, const float* a, int64_t stride_a, const float* b, float* c,
              int64_t stride_c, bool add) {
  at::native::cpublas::brgemm(m, n, k, stride_a, n, stride_c, add, a, b, c, /*is_vnni=*/false);
}
void multiply(int64_t m, int64_t n, int64_t k, const cpu::Bfloat16* a, int64_t stride_a, const cpu::Bfloat16* b,
              float* c, int64_t stride_c, bool add) {
  at::native::cpublas::brgemm(m, n, k, stride_a, n, stride_c, add, reinterpret_cast<const at::BFloat16*>(a),
                              reinterpret_cast<const at::BFloat16*>(b), c, /*is_vnni=*/true);
}

// The sequence of one head of one batch row.
template <class Float>
struct Head {
  Head(const at::Tensor& x, int64_t batch, int64_t head)
      : data(static_cast<Float*>(x.data_ptr()) + batch * x.stride(0) + head * x.stride(1)), stride(x.stride(2)) {}
  Float* row(int64_t i) const { return data + i * stride; }

  Float* data;
  int64_t stride;
};

struct Shape {
  explicit Shape(const at::Tensor& q, const at::Tensor& k)
      : batch(q.size(0)),
        groups(k.size(1)),
        heads_per_group(q.size(1) / k.size(1)),
        length(q.size(2)),
        width(q.size(3)),
        tiles(tiles_of(length)),
        scale(1.0f / std::sqrt(static_cast<float>(width))) {}

  int64_t rows_of_tile(int64_t tile) const { return std::min(kTile, length - tile * kTile); }

  int64_t batch, groups, heads_per_group, length, width, tiles;
  float scale;
};

// Calls body(batch row, group of heads), side by side on several threads.
template <class Body>
void for_each_group(const Shape& shape, const Body& body) {
  at::parallel_for(0, shape.batch * shape.groups, 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) body(i / shape.groups, i % shape.groups);
    at::native::cpublas::brgemm_release();
  });
}

// All tiles of a head in one of the packed forms, tile after tile.
template <class Float, class Pack>
std::vector<Float> pack_head(const Shape& shape, const Head<const Float>& head, const Pack& pack) {
  const int64_t size = kTile * shape.width;
  std::vector<Float> packed(static_cast<size_t>(shape.tiles * size));
  for (int64_t tile = 0; tile < shape.tiles; ++tile) {
    pack(head.row(tile * kTile), head.stride, shape.rows_of_tile(tile), shape.width, packed.data() + tile * size);
  }
  return packed;
}

// One group of heads forward: keys and values are packed once for all heads that read them.
template <class Float>
class Forward {
 public:
  Forward(const Shape& shape, const Head<const Float>& k, const Head<const Float>& v)
      : shape_(shape),
        keys_(pack_head(shape, k, cpu::pack_transposed<Float>)),
        values_(pack_head(shape, v, cpu::pack_rows<Float>)),
        scores_(static_cast<size_t>(kTile * shape.tiles * kTile)),
        weights_(scores_.size()),
        sums_(kTile),
        output_(static_cast<size_t>(kTile * shape.width)) {}

  void run(const Head<const Float>& q, const Head<Float>& output, float* log_sums) {
    for (int64_t tile = 0; tile < shape_.tiles; ++tile) {
      const int64_t rows = shape_.rows_of_tile(tile), first = tile * kTile;
      score(q, tile, rows);
      for (int64_t i = 0; i < rows; ++i) {
        const int64_t padded = (tile + 1) * kTile, row = i * padded;
        sums_[i] = cpu::softmax_numerators(scores_.data() + row, first + i + 1, padded, shape_.scale,
                                           weights_.data() + row, log_sums + first + i);
      }
      weigh(tile, rows);
      for (int64_t i = 0; i < rows; ++i) {
        cpu::store_scaled(output_.data() + i * shape_.width, shape_.width, 1.0f / sums_[i], output.row(first + i));
      }
    }
  }

 private:
  // Scores of the tile's queries with every key up to the tile's last.
  void score(const Head<const Float>& q, int64_t tile, int64_t rows) {
    for (int64_t j = 0; j <= tile; ++j) {
      multiply(rows, kTile, shape_.width, q.row(tile * kTile), q.stride, keys_.data() + j * kTile * shape_.width,
               scores_.data() + j * kTile, (tile + 1) * kTile, /*add=*/false);
    }
  }

  void weigh(int64_t tile, int64_t rows) {
    for (int64_t j = 0; j <= tile; ++j) {
      multiply(rows, shape_.width, kTile, weights_.data() + j * kTile, (tile + 1) * kTile,
               values_.data() + j * kTile * shape_.width, output_.data(), shape_.width, /*add=*/j > 0);
    }
  }

  const Shape& shape_;
  std::vector<Float> keys_, values_;
  std::vector<float> scores_;
  std::vector<Float> weights_;
  std::vector<float> sums_, output_;
};

// One group of heads backward. Tiles are transposed, (keys, queries), so that no product needs a transposed copy of a
// tile of weights.
template <class Float>
class Backward {
 public:
  Backward(const Shape& shape, const Head<const Float>& k, const Head<const Float>& v)
      : shape_(shape),
        k_(k),
        v_(v),
        keys_(pack_head(shape, k, cpu::transpose<Float>)),
        key_gradients_(static_cast<size_t>(shape.tiles * kTile * shape.width)),
        value_gradients_(key_gradients_.size()),
        queries_(tile_of(shape.width)),
        queries_across_(queries_),
        slopes_(queries_),
        slopes_across_(queries_),
        scores_(kTile * kTile),
        weight_gradients_(scores_.size()),
        weights_(scores_.size()),
        score_gradients_(scores_.size()),
        packed_score_gradients_(scores_.size()),
        query_gradients_(static_cast<size_t>(kTile * shape.width)) {}

  void add(const Head<const Float>& q, const Head<const Float>& output, const Head<const Float>& slope,
           const float* log_sums, const Head<Float>& q_gradient) {
    for (int64_t tile = 0; tile < shape_.tiles; ++tile) {
      const int64_t rows = shape_.rows_of_tile(tile), first = tile * kTile;
      cpu::pack_rows(q.row(first), q.stride, rows, shape_.width, queries_.data());
      cpu::pack_transposed(q.row(first), q.stride, rows, shape_.width, queries_across_.data());
      cpu::pack_rows(slope.row(first), slope.stride, rows, shape_.width, slopes_.data());
      cpu::pack_transposed(slope.row(first), slope.stride, rows, shape_.width, slopes_across_.data());
      log_sums_.fill(std::numeric_limits<float>::infinity());  // a query that is not there weighs nothing
      deltas_.fill(0);
      for (int64_t i = 0; i < rows; ++i) {
        log_sums_[i] = log_sums[first + i];
        deltas_[i] = cpu::dot(output.row(first + i), slope.row(first + i), shape_.width);
      }
      for (int64_t j = 0; j <= tile; ++j) add_tile(tile, j);
      store_query_gradients(rows, first, q_gradient);
    }
  }

  void store_gradients(const Head<Float>& k_gradient, const Head<Float>& v_gradient) const {
    for (int64_t i = 0; i < shape_.length; ++i) {
      cpu::store_scaled(key_gradients_.data() + i * shape_.width, shape_.width, 1.0f, k_gradient.row(i));
      cpu::store_scaled(value_gradients_.data() + i * shape_.width, shape_.width, 1.0f, v_gradient.row(i));
    }
  }

 private:
  static std::vector<Float> tile_of(int64_t width) { return std::vector<Float>(static_cast<size_t>(kTile * width)); }

  void add_tile(int64_t tile, int64_t j) {
    const int64_t keys = shape_.rows_of_tile(j), first = j * kTile, width = shape_.width;
    multiply(keys, kTile, width, k_.row(first), k_.stride, queries_across_.data(), scores_.data(), kTile, false);
    multiply(keys, kTile, width, v_.row(first), v_.stride, slopes_across_.data(), weight_gradients_.data(), kTile,
             false);
    cpu::differentiate_softmax(scores_.data(), weight_gradients_.data(), log_sums_.data(), deltas_.data(),
                               (j - tile) * kTile, shape_.scale, weights_.data(), score_gradients_.data());
    multiply(keys, width, kTile, weights_.data(), kTile, slopes_.data(), value_gradients_.data() + first * width, width,
             true);
    multiply(keys, width, kTile, score_gradients_.data(), kTile, queries_.data(), key_gradients_.data() + first * width,
             width, true);
    cpu::pack_rows(score_gradients_.data(), kTile, kTile, kTile, packed_score_gradients_.data());
    multiply(width, kTile, kTile, keys_.data() + first * width, kTile, packed_score_gradients_.data(),
             query_gradients_.data(), kTile, /*add=*/j > 0);
  }

  void store_query_gradients(int64_t rows, int64_t first, const Head<Float>& out) const {  // from (D, queries)
    for (int64_t i = 0; i < rows; ++i) {
      Float* row = out.row(first + i);
      for (int64_t d = 0; d < shape_.width; ++d) cpu::store(row[d], query_gradients_[d * kTile + i]);
    }
  }

  const Shape& shape_;
  Head<const Float> k_, v_;
  std::vector<Float> keys_;
  std::vector<float> key_gradients_, value_gradients_;  // (T, D)
  std::vector<Float> queries_, queries_across_;         // packed
  std::vector<Float> slopes_, slopes_across_;           // packed
  std::vector<float> scores_, weight_gradients_;        // (keys, queries)
  std::vector<Float> weights_, score_gradients_;        // (keys, queries)
  std::vector<Float> packed_score_gradients_;
  std::vector<float> query_gradients_;  // (D, queries)
  std::array<float, kTile> log_sums_, deltas_;
};

// (B, heads, T, D) over memory of (B, T, heads, D), as the layers before and after want it.
at::Tensor empty_heads(const at::Tensor& like) {
  return at::empty({like.size(0), like.size(2), like.size(1), like.size(3)}, like.options()).transpose(1, 2);
}

at::Tensor with_adjacent_elements(const at::Tensor& x) { return x.stride(3) == 1 ? x : x.contiguous(); }

}  // namespace

bool can_tile_attention(const at::Tensor& q, const at::Tensor& k) {
  const bool is_float = q.scalar_type() == at::kFloat;
  return q.is_cpu() && has_avx512() && q.size(2) == k.size(2) &&
         (is_float || (q.scalar_type() == at::kBFloat16 && q.size(3) % 2 == 0));
}

TiledAttention tiled_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value) {
  SLM_CHECK(can_tile_attention(query, key));
  const auto q = with_adjacent_elements(query), k = with_adjacent_elements(key), v = with_adjacent_elements(value);
  const Shape shape(q, k);
  TiledAttention result{empty_heads(q), at::empty({q.size(0), q.size(1), q.size(2)}, q.options().dtype(at::kFloat))};
  with_float_type(q.scalar_type(), [&]<class Float>(Float) {
    for_each_group(shape, [&](int64_t batch, int64_t group) {
      Forward<Float> forward(shape, {k, batch, group}, {v, batch, group});
      for (int64_t i = 0; i < shape.heads_per_group; ++i) {
        const int64_t head = group * shape.heads_per_group + i;
        forward.run({q, batch, head}, {result.output, batch, head},
                    result.log_sums.data_ptr<float>() + (batch * q.size(1) + head) * shape.length);
      }
    });
  });
  return result;
}

AttentionGradients tiled_attention_backward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                                            const TiledAttention& forward, const at::Tensor& gradient) {
  const auto q = with_adjacent_elements(query), k = with_adjacent_elements(key), v = with_adjacent_elements(value);
  const auto slope = with_adjacent_elements(gradient);
  const Shape shape(q, k);
  AttentionGradients result{empty_heads(q), empty_heads(k), empty_heads(v)};
  with_float_type(q.scalar_type(), [&]<class Float>(Float) {
    for_each_group(shape, [&](int64_t batch, int64_t group) {
      Backward<Float> backward(shape, {k, batch, group}, {v, batch, group});
      for (int64_t i = 0; i < shape.heads_per_group; ++i) {
        const int64_t head = group * shape.heads_per_group + i;
        backward.add({q, batch, head}, {forward.output, batch, head}, {slope, batch, head},
                     forward.log_sums.data_ptr<float>() + (batch * q.size(1) + head) * shape.length,
                     {result.q, batch, head});
      }
      backward.store_gradients({result.k, batch, group}, {result.v, batch, group});
    });
  });
  return result;
}

}  // namespace slm
