#include "quantization/observers/mse.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "kernels/float_types.h"
#include "kernels/quantize.h"

namespace slm {
namespace {

constexpr int kDroppedBits = 12;
constexpr size_t kTableSize = size_t{1} << (32 - kDroppedBits);

// The upper bits of x rounded to as many, half to even.
uint32_t upper_bits(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t odd = (bits >> kDroppedBits) & 1;
  return (bits + (1u << (kDroppedBits - 1)) - 1 + odd) >> kDroppedBits;
}

float value_of(uint32_t upper) { return std::bit_cast<float>(upper << kDroppedBits); }

}  // namespace

void MseObserver::add(const at::Tensor& x, Range ends) {
  const auto batch = x.to(at::kCPU, at::kFloat).contiguous();
  const auto* values = elements<const float>(batch);
  ends_ = ends_ ? hull(*ends_, ends) : ends;
  if (counts_.empty() && std::ssize(values_) + batch.numel() <= kMostExact) {
    values_.insert(values_.end(), values, values + batch.numel());
    return;
  }
  if (counts_.empty()) {
    counts_.resize(kTableSize);
    count(values_.data(), std::ssize(values_));
    values_ = {};
  }
  count(values, batch.numel());
}

void MseObserver::count(const float* x, int64_t size) {
  for (int64_t i = 0; i < size; ++i) ++counts_[upper_bits(x[i])];
}

MseObserver::Weighted MseObserver::weighted() const {
  if (counts_.empty()) return {values_, std::vector<int64_t>(values_.size(), 1)};
  Weighted found;
  for (size_t upper = 0; upper < kTableSize; ++upper) {
    if (counts_[upper] == 0) continue;
    found.values.push_back(value_of(static_cast<uint32_t>(upper)));
    found.counts.push_back(counts_[upper]);
  }
  return found;
}

Range MseObserver::clipped(int clip) const {
  const auto share = static_cast<float>(static_cast<double>(clip) / kClips);
  return {ends_->low * share, ends_->high * share};
}

std::vector<double> MseObserver::errors() const {
  SLM_CHECK(ends_.has_value());
  auto [values, counts] = weighted();
  const auto x = at::from_blob(values.data(), {std::ssize(values)}, at::kFloat);
  std::vector<double> errors;
  for (int clip = 1; clip <= kClips; ++clip) {
    const auto range = clipped(clip);
    const auto scale = affine_scale(range.low, range.high);
    const auto approximation = dequantize_affine(quantize_affine(x, scale), scale);
    const auto* y = elements<const float>(approximation);
    double sum = 0;  // in one order, whatever the number of threads
    for (size_t i = 0; i < values.size(); ++i) {
      const double error = static_cast<double>(values[i]) - y[i];
      sum += static_cast<double>(counts[i]) * (error * error);
    }
    errors.push_back(sum);
  }
  return errors;
}

Range MseObserver::range() const {
  const auto all = errors();
  const auto best = std::min_element(all.rbegin(), all.rend());  // from behind: the widest of equals
  return clipped(static_cast<int>(all.rend() - best));
}

nlohmann::json MseObserver::to_json() const {
  nlohmann::json state = {{"observer", name_of(kind())}};
  if (!ends_) return state;
  const auto [values, counts] = weighted();
  state.update({{"low", ends_->low}, {"high", ends_->high}, {"values", values}});
  if (!counts_.empty()) state["counts"] = counts;
  return state;
}

bool MseObserver::restore(const nlohmann::json& state) {
  if (!state.contains("low")) return !state.contains("values");
  ends_ = {state.at("low").get<float>(), state.at("high").get<float>()};
  values_ = state.at("values").get<std::vector<float>>();
  if (!(ends_->low <= ends_->high)) return false;
  if (!state.contains("counts")) return !values_.empty() && std::ssize(values_) <= kMostExact;
  const auto counts = state.at("counts").get<std::vector<int64_t>>();
  if (counts.size() != values_.size()) return false;
  counts_.resize(kTableSize);
  for (size_t i = 0; i < counts.size(); ++i) {
    const uint32_t upper = upper_bits(values_[i]);
    if (counts[i] < 1 || value_of(upper) != values_[i]) return false;
    counts_[upper] = counts[i];
  }
  values_ = {};
  return true;
}

}  // namespace slm
