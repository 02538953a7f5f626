#include "model/int8_kv_cache.h"

#include <ATen/ATen.h>

#include "kernels/quantize.h"
#include "model/golden.h"

namespace slm {
namespace {

constexpr double kGoldenTolerance = 4e-6;  // tests/golden/README.md

std::vector<std::string> cases() { return {"gqa", "mha_odd", "zero_token"}; }

TEST(Int8KvCache, CodesAndScalesAreTheGoldens) {
  const Golden golden("quantization/kv_cache.safetensors");
  for (const auto& name : cases()) {
    for (const std::string what : {"k", "v"}) {
      const auto x = golden[name + "." + what];
      const auto quantized = quantize_rows(x);
      EXPECT_TRUE(at::equal(quantized.codes.view(x.sizes()), golden[name + "." + what + "_codes"])) << name << what;
      EXPECT_TRUE(at::equal(quantized.scales.flatten(), golden[name + "." + what + "_scale"].flatten())) << name;
    }
  }
}

// What attend gives for tokens `begin` to `end` of a case.
at::Tensor attend_some(KvCache& cache, const Golden& golden, const std::string& name, int64_t begin, int64_t end) {
  const auto some = [&](const char* what) { return golden[name + what].narrow(2, begin, end - begin); };
  return cache.attend(0, some(".q"), some(".k"), some(".v"));
}

TEST(Int8KvCache, AttentionMatchesTheGoldensAtOnceAndInPieces) {
  const Golden golden("quantization/kv_cache.safetensors");
  for (const auto& name : cases()) {
    const auto expected = golden[name + ".out_f64"];
    const int64_t rows = expected.size(0), tokens = expected.size(2);
    Int8KvCache whole(1, rows, tokens);
    EXPECT_TRUE(close(attend_some(whole, golden, name, 0, tokens), expected, kGoldenTolerance)) << name;
    Int8KvCache pieces(1, rows, tokens);
    const std::vector<int64_t> ends{3, 5, 6, tokens};
    for (int64_t begin = 0; const int64_t end : ends) {
      EXPECT_TRUE(close(attend_some(pieces, golden, name, begin, end), expected.narrow(2, begin, end - begin),
                        kGoldenTolerance))
          << name << " " << begin;
      begin = end;
    }
    EXPECT_FALSE(close(expected, golden[name + ".out_unquantized_f64"], kGoldenTolerance)) << "nothing to see";
  }
}

struct Qkv {
  at::Tensor q, k, v;
};

Qkv some_tokens(int64_t rows, int64_t tokens, int64_t width = 24) {
  return {at::randn({rows, 6, tokens, width}), at::randn({rows, 2, tokens, width}),
          at::randn({rows, 2, tokens, width})};
}

Qkv row_of(const Qkv& x, int64_t row) { return {x.q.narrow(0, row, 1), x.k.narrow(0, row, 1), x.v.narrow(0, row, 1)}; }

at::Tensor attend(KvCache& cache, int64_t layer, const Qkv& x) { return cache.attend(layer, x.q, x.k, x.v); }

TEST(Int8KvCache, RowsOfDifferentLengthsAreAsEachAlone) {
  at::manual_seed(3);
  const std::vector<int64_t> lengths{4, 9, 1};
  Int8KvCache together(2, 3, 16);
  const auto first = some_tokens(3, 9), next = some_tokens(3, 2), last = some_tokens(3, 1);
  for (const int64_t layer : {0, 1}) attend(together, layer, first);
  for (int64_t row = 0; row < 3; ++row) together.set_length(row, lengths[static_cast<size_t>(row)]);
  const auto ragged = std::vector{attend(together, 0, next), attend(together, 1, next)};
  const std::vector<int64_t> kept{2, 0};
  together.keep_rows(kept);
  const Qkv reordered{last.q.index_select(0, at::tensor(kept)), last.k.index_select(0, at::tensor(kept)),
                      last.v.index_select(0, at::tensor(kept))};
  const auto after = attend(together, 0, reordered);
  for (int64_t row = 0; row < 3; ++row) {
    const int64_t length = lengths[static_cast<size_t>(row)];
    Int8KvCache alone(2, 1, 16);
    const auto mine = row_of(first, row);
    const Qkv cut{mine.q.narrow(2, 0, length), mine.k.narrow(2, 0, length), mine.v.narrow(2, 0, length)};
    for (const int64_t layer : {0, 1}) attend(alone, layer, cut);
    for (const int64_t layer : {0, 1}) {
      EXPECT_TRUE(close(ragged[static_cast<size_t>(layer)].narrow(0, row, 1), attend(alone, layer, row_of(next, row)),
                        kGoldenTolerance))
          << row;
    }
    EXPECT_EQ(alone.length(0), length + 2);
    if (row == 1) continue;
    EXPECT_TRUE(close(after.narrow(0, row == 2 ? 0 : 1, 1), attend(alone, 0, row_of(last, row)), kGoldenTolerance));
  }
}

TEST(Int8KvCache, ARowThatIsReadAnewIsStoredInItsPlace) {
  at::manual_seed(4);
  Int8KvCache cache(1, 2, 8);
  attend(cache, 0, some_tokens(2, 5));
  const auto again = some_tokens(1, 3), next = some_tokens(2, 1);
  attend(*cache.row(1), 0, again);
  cache.set_length(1, 3);
  Int8KvCache alone(1, 1, 8);
  attend(alone, 0, again);
  EXPECT_TRUE(close(attend(cache, 0, next).narrow(0, 1, 1), attend(alone, 0, row_of(next, 1)), kGoldenTolerance));
}

TEST(Int8KvCache, IsTheFloatCacheOfWhatTheCodesStandForWhateverFitsIntoAPiece) {
  at::manual_seed(5);
  constexpr int64_t kTokens = 3000, kWidth = 128;  // more than a piece of the dequantized cache holds for two heads
  const auto x = some_tokens(2, kTokens, kWidth), next = some_tokens(2, 1, kWidth);
  const auto rounded = [](const at::Tensor& t) {
    const auto quantized = quantize_rows(t);
    return dequantize(quantized.codes, quantized.scales, t.size(-1)).view(t.sizes());
  };
  Int8KvCache coded(1, 2, kTokens + 1);
  FloatKvCache plain(1, 2, kTokens + 1);
  attend(coded, 0, x);
  attend(plain, 0, {x.q, rounded(x.k), rounded(x.v)});
  EXPECT_TRUE(
      close(attend(coded, 0, next), attend(plain, 0, {next.q, rounded(next.k), rounded(next.v)}), kGoldenTolerance));
}

TEST(Int8KvCache, TakesAtLeast45PercentLessThanABfloat16Cache) {
  constexpr int64_t kTokens = 4096, kWidth = 64;
  const auto x = at::randn({1, 3, 1, kWidth}).to(at::kBFloat16);
  Int8KvCache coded(2, 1, kTokens);
  FloatKvCache plain(2, 1, kTokens);
  EXPECT_EQ(coded.bytes(), 0);
  EXPECT_EQ(coded.attend(0, x, x, x).scalar_type(), at::kBFloat16);
  plain.attend(0, x, x, x);
  EXPECT_EQ(plain.bytes(), int64_t{2} * 2 * 3 * kTokens * kWidth * 2);  // layers, keys and values, heads, ...
  EXPECT_EQ(coded.bytes(), int64_t{2} * 2 * 3 * kTokens * (kWidth + 4));
  EXPECT_LE(static_cast<double>(coded.bytes()), 0.55 * static_cast<double>(plain.bytes()));
}

}  // namespace
}  // namespace slm
