#include "kernels/coded_linear.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "kernels/cpu/coded_linear.h"
#include "kernels/float_types.h"

namespace slm {
namespace {

constexpr int64_t kFewRows = 16;       // with more, one large product wins over many small ones (docs/log.md)
constexpr int64_t kCodesInWord = 8;    // 4-bit codes
constexpr int64_t kGrain = 1 << 15;    // products worth a thread of their own
constexpr int64_t kRowsTogether = 16;  // of the weight; what threads share out

bool in_words(const CodedWeight& weight) { return weight.codes.scalar_type() == at::kInt; }

// x (M, K) as the kernel wants it: (M, decoded_width).
template <class Code>
at::Tensor in_decoded_order(const at::Tensor& x, int64_t width) {
  const int64_t columns = x.size(1), padded = cpu::decoded_width<Code>(width);
  const auto ordered = at::zeros({x.size(0), padded}, x.options());
  const auto from = x.contiguous();
  const auto* in = elements<const float>(from);
  auto* out = elements<float>(ordered);
  for (int64_t row = 0; row < x.size(0); ++row) {
    cpu::to_decoded_order<Code>(in + row * columns, columns, out + row * padded);
  }
  return ordered;
}

template <class Code>
at::Tensor product(const at::Tensor& x, const CodedWeight& weight) {
  constexpr int64_t kPerCode = sizeof(Code) == 1 ? 1 : kCodesInWord;
  const int64_t outputs = weight.codes.size(0), width = weight.codes.size(1);
  const auto codes = weight.codes.contiguous(), scales = weight.scales.contiguous();
  const cpu::CodedMatrix<Code> matrix{.codes = elements<const Code>(codes),
                                      .width = width,
                                      .scales = elements<const float>(scales),
                                      .scale_stride = scales.dim() == 1 ? 0 : scales.size(1),
                                      .group = (weight.group_size + kPerCode - 1) / kPerCode};
  const auto y = at::empty({x.size(0), outputs}, x.options());
  if (y.numel() == 0) return y;
  const auto ordered = in_decoded_order<Code>(x, width);
  const cpu::FewRows rows{elements<const float>(ordered), x.size(0)};
  auto* out = elements<float>(y);
  const int64_t blocks = (outputs + kRowsTogether - 1) / kRowsTogether;
  const int64_t grain = std::max<int64_t>(1, kGrain / (kRowsTogether * weight.in_features * x.size(0)));
  at::parallel_for(0, blocks, grain, [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(static_cast<size_t>(cpu::scratch_size<Code>(width)));
    cpu::coded_product(rows, matrix, begin * kRowsTogether, std::min(end * kRowsTogether, outputs), outputs,
                       scratch.data(), out);
  });
  return y;
}

}  // namespace

bool supports_coded_linear(const CodedWeight& weight, int64_t rows) {
  if (!weight.codes.is_cpu() || rows > kFewRows) return false;
  const bool one_group = weight.group_size >= weight.in_features;
  return !in_words(weight) || one_group || weight.group_size % kCodesInWord == 0;
}

at::Tensor coded_linear(const at::Tensor& x, const CodedWeight& weight, const at::Tensor& bias) {
  SLM_CHECK(x.dim() == 2 && x.scalar_type() == at::kFloat && x.size(1) == weight.in_features);
  SLM_CHECK(supports_coded_linear(weight, 1));
  const auto y = in_words(weight) ? product<uint32_t>(x, weight) : product<int8_t>(x, weight);
  return bias.defined() ? y.add_(bias) : y;
}

}  // namespace slm
