// A linear layer's product for a few rows of x, from a weight's codes: a few of its rows at a time become values that
// stay in the cache. Raw pointers, one thread's share.
#pragma once

#include <cstdint>

namespace slm::cpu {

/// Of a weight (N, K), its codes: int8_t, one each, or uint32_t words of eight 4-bit codes q + 8, lowest nibble first.
template <class Code>
struct CodedMatrix {
  const Code* codes;     // (N, width)
  int64_t width;         // of a row: codes, or words
  const float* scales;   // (N, groups), or one for all
  int64_t scale_stride;  // from one row's scales to the next one's: groups, or 0
  int64_t group;         // codes, or words, that share a scale
};

/// Floats in a row of x, and of what is decoded: K or more, zeros behind the end.
template <class Code>
int64_t decoded_width(int64_t width);

/// A row of x (K) in the order in which codes are decoded, (decoded_width), into zeros.
template <class Code>
void to_decoded_order(const float* x, int64_t count, float* ordered);

/// x (M, decoded_width), each row in that order.
struct FewRows {
  const float* x;
  int64_t rows;  // M
};

/// y[m * outputs + n] = sum_k x[m, k] w[n, k] for n in [begin, end), each sum in 16 lanes. `scratch` holds
/// scratch_size(width) floats, zeros at the first call.
template <class Code>
void coded_product(const FewRows& x, const CodedMatrix<Code>& weight, int64_t begin, int64_t end, int64_t outputs,
                   float* scratch, float* y);

template <class Code>
int64_t scratch_size(int64_t width);

}  // namespace slm::cpu
