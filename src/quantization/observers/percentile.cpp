#include "quantization/observers/percentile.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/numbers.h"
#include "kernels/float_types.h"

namespace slm {
namespace {

// Values that one end needs of most_values: those of two neighbouring ranks, and one for the rounding of the rank.
size_t kept_of(double percent, int64_t most_values) {
  SLM_CHECK(percent > 50 && percent <= 100 && most_values > 0);
  const double last_rank = static_cast<double>(most_values - 1);
  return static_cast<size_t>(std::floor((1 - percent / 100) * last_rank)) + 3;
}

// Between `below` and `above`, as torch.lerp has it.
double between(double below, double above, double weight) {
  const double step = above - below;
  return weight < 0.5 ? below + weight * step : above - step * (1 - weight);
}

// The q quantile of `count` values, value_at(rank) being one of them in ascending order.
template <class ValueAt>
float quantile(double q, int64_t count, const ValueAt& value_at) {
  const double rank = q * static_cast<double>(count - 1);
  const auto below = static_cast<int64_t>(std::floor(rank)), above = static_cast<int64_t>(std::ceil(rank));
  return static_cast<float>(between(value_at(below), value_at(above), rank - static_cast<double>(below)));
}

}  // namespace

void SmallestValues::add(const float* x, int64_t count, bool negated) {
  const float sign = negated ? -1.0f : 1.0f;
  for (int64_t i = 0; i < count; ++i) {
    const float value = sign * x[i];
    if (value >= limit_) continue;
    values_.push_back(value);
    if (values_.size() == 2 * keep_) drop_the_rest();
  }
}

void SmallestValues::drop_the_rest() {
  if (values_.size() < keep_) return;
  const auto last = values_.begin() + static_cast<int64_t>(keep_) - 1;
  std::nth_element(values_.begin(), last, values_.end());
  limit_ = *last;
  values_.resize(keep_);
}

std::vector<float> SmallestValues::sorted() const {
  auto values = values_;
  std::sort(values.begin(), values.end());
  values.resize(std::min(values.size(), keep_));
  return values;
}

void SmallestValues::restore(const std::vector<float>& sorted) {
  values_ = sorted;
  drop_the_rest();
}

PercentileObserver::PercentileObserver(double percent, int64_t most_values)
    : percent_(percent),
      most_values_(most_values),
      smallest_(kept_of(percent, most_values)),
      largest_(kept_of(percent, most_values)) {}

void PercentileObserver::add(const at::Tensor& x, Range) {
  const auto values = x.to(at::kCPU, at::kFloat).contiguous();
  if (values.numel() > most_values_ - count_) {
    fail(ExitCode::kUsage,
         "quantization_observer: percentile is exact for up to {} values of a layer's input, and here are more; lower "
         "quantization_calibration_batches, or take another observer",
         with_commas(most_values_));
  }
  count_ += values.numel();
  smallest_.add(elements<const float>(values), values.numel(), /*negated=*/false);
  largest_.add(elements<const float>(values), values.numel(), /*negated=*/true);
}

Range PercentileObserver::range() const {
  SLM_CHECK(count_ > 0);
  const auto smallest = smallest_.sorted(), largest = largest_.sorted();
  const auto from_below = [&](int64_t rank) { return static_cast<double>(smallest.at(static_cast<size_t>(rank))); };
  const auto from_above = [&](int64_t rank) {
    return -static_cast<double>(largest.at(static_cast<size_t>(count_ - 1 - rank)));
  };
  return {quantile(1 - percent_ / 100, count_, from_below), quantile(percent_ / 100, count_, from_above)};
}

nlohmann::json PercentileObserver::to_json() const {
  return {{"observer", name_of(kind())},    {"percent", percent_},
          {"most_values", most_values_},    {"values", count_},
          {"smallest", smallest_.sorted()}, {"largest_negated", largest_.sorted()}};
}

bool PercentileObserver::restore(const nlohmann::json& state) {
  const auto smallest = state.at("smallest").get<std::vector<float>>();
  const auto largest = state.at("largest_negated").get<std::vector<float>>();
  percent_ = state.at("percent").get<double>();
  most_values_ = state.at("most_values").get<int64_t>();
  count_ = state.at("values").get<int64_t>();
  if (!(percent_ > 50 && percent_ <= 100) || most_values_ < 1 || count_ < 0 || count_ > most_values_) return false;
  const size_t kept = kept_of(percent_, most_values_), expected = std::min(kept, static_cast<size_t>(count_));
  if (smallest.size() != expected || largest.size() != expected) return false;
  smallest_ = SmallestValues(kept);
  largest_ = SmallestValues(kept);
  smallest_.restore(smallest);
  largest_.restore(largest);
  return true;
}

}  // namespace slm
