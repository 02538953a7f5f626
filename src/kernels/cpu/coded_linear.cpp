#include "kernels/cpu/coded_linear.h"

#include <algorithm>
#include <array>

#include "kernels/cpu/quantize.h"
#include "kernels/cpu/vector_clones.h"

namespace slm::cpu {
namespace {

constexpr int64_t kLanes = 16, kNibbles = 8;
constexpr int64_t kRows = 4;  // of the weight at a time: four independent sums for each element of x that is loaded

int64_t rounded_up(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

// `count` words, a multiple of 16, each with a scale: nibble i of 16 words side by side, so that no element has to
// cross a lane.
SLM_VECTOR_CLONES void decode_words(const uint32_t* __restrict words, const float* __restrict scales, int64_t count,
                                    float* __restrict values) {
  for (int64_t word = 0; word < count; word += kLanes) {
    for (int64_t nibble = 0; nibble < kNibbles; ++nibble) {
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const auto code = static_cast<int32_t>((words[word + lane] >> (4 * nibble)) & 15) - 8;
        values[word * kNibbles + nibble * kLanes + lane] = static_cast<float>(code) * scales[word + lane];
      }
    }
  }
}

void decode_row(const CodedMatrix<int8_t>& weight, int64_t row, float*, float* values) {
  const auto* codes = weight.codes + row * weight.width;
  const auto* scale = weight.scales + row * weight.scale_stride;
  for (int64_t begin = 0; begin < weight.width; begin += weight.group, ++scale) {
    dequantize_run(codes + begin, std::min(weight.group, weight.width - begin), {*scale, 0, {}}, values + begin);
  }
}

// `word_scales` has a place for each word, those behind the row's end 0.
void decode_row(const CodedMatrix<uint32_t>& weight, int64_t row, float* word_scales, float* values) {
  const auto* words = weight.codes + row * weight.width;
  const auto* scale = weight.scales + row * weight.scale_stride;
  for (int64_t begin = 0; begin < weight.width; begin += weight.group, ++scale) {
    std::fill_n(word_scales + begin, std::min(weight.group, weight.width - begin), *scale);
  }
  const int64_t whole = weight.width / kLanes * kLanes;
  decode_words(words, word_scales, whole, values);
  if (whole == weight.width) return;
  std::array<uint32_t, kLanes> last{};  // words that are not there have a scale of 0
  std::copy(words + whole, words + weight.width, last.begin());
  decode_words(last.data(), word_scales + whole, kLanes, values + whole * kNibbles);
}

// The sum of the first 2 * kHalf lanes, in the first.
template <int64_t kHalf>
inline void fold(std::array<float, kLanes>& lanes) {
  for (int64_t lane = 0; lane < kHalf; ++lane) lanes[lane] += lanes[lane + kHalf];
  if constexpr (kHalf > 1) fold<kHalf / 2>(lanes);
}

// Sums of products of x with kRows rows of `width` values, a multiple of the lanes.
SLM_VECTOR_CLONES void dot_rows(const float* __restrict values, int64_t width, const float* __restrict x,
                                float* __restrict sums) {
  std::array<std::array<float, kLanes>, kRows> lanes{};
  for (int64_t i = 0; i < width; i += kLanes) {
    for (int64_t row = 0; row < kRows; ++row) {
      for (int64_t lane = 0; lane < kLanes; ++lane) lanes[row][lane] += values[row * width + i + lane] * x[i + lane];
    }
  }
  for (int64_t row = 0; row < kRows; ++row) {
    fold<kLanes / 2>(lanes[row]);
    sums[row] = lanes[row][0];
  }
}

}  // namespace

template <>
int64_t decoded_width<int8_t>(int64_t width) {
  return rounded_up(width, kLanes);
}
template <>
int64_t decoded_width<uint32_t>(int64_t width) {
  return rounded_up(width, kLanes) * kNibbles;
}

template <>
void to_decoded_order<int8_t>(const float* x, int64_t count, float* ordered) {
  std::copy_n(x, count, ordered);
}
template <>
void to_decoded_order<uint32_t>(const float* x, int64_t count, float* ordered) {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t word = i / kNibbles;
    ordered[(word / kLanes * kNibbles + i % kNibbles) * kLanes + word % kLanes] = x[i];
  }
}

template <class Code>
int64_t scratch_size(int64_t width) {
  return (kRows + 1) * decoded_width<Code>(width);
}

template <class Code>
void coded_product(const FewRows& x, const CodedMatrix<Code>& weight, int64_t begin, int64_t end, int64_t outputs,
                   float* scratch, float* y) {
  const int64_t width = decoded_width<Code>(weight.width);
  auto* values = scratch + width;
  for (int64_t first = begin; first < end; first += kRows) {
    const int64_t count = std::min(kRows, end - first);
    for (int64_t row = 0; row < count; ++row) decode_row(weight, first + row, scratch, values + row * width);
    for (int64_t m = 0; m < x.rows; ++m) {
      std::array<float, kRows> sums;
      dot_rows(values, width, x.x + m * width, sums.data());
      std::copy_n(sums.begin(), count, y + m * outputs + first);
    }
  }
}

template int64_t scratch_size<int8_t>(int64_t);
template int64_t scratch_size<uint32_t>(int64_t);
template void coded_product(const FewRows&, const CodedMatrix<int8_t>&, int64_t, int64_t, int64_t, float*, float*);
template void coded_product(const FewRows&, const CodedMatrix<uint32_t>&, int64_t, int64_t, int64_t, float*, float*);

}  // namespace slm::cpu
