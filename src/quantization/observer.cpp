#include "quantization/observer.h"

#include <ATen/ops/aminmax.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/numbers.h"
#include "quantization/names.h"
#include "quantization/observers/min_max.h"
#include "quantization/observers/moving_average.h"
#include "quantization/observers/mse.h"
#include "quantization/observers/percentile.h"

namespace slm {
namespace {

constexpr Names<ObserverKind, 4> kNames{{{ObserverKind::kMovingAverage, "moving_average"},
                                         {ObserverKind::kMinMax, "min_max"},
                                         {ObserverKind::kPercentile, "percentile"},
                                         {ObserverKind::kMse, "mse"}}};

constexpr float kLargest = std::numeric_limits<float>::max() / 2;  // high - low stays finite

void check_end(float end, std::string_view place) {
  if (std::abs(end) <= kLargest) return;
  fail(ExitCode::kData,
       "{}: the activations hold {}; no range can be learned from them (expected finite numbers up to {:.2g}; the "
       "checkpoint's training diverged; use an earlier one)",
       place, found_number(end), kLargest);
}

}  // namespace

std::string_view name_of(ObserverKind kind) { return name_in(kNames, kind); }
ObserverKind observer_kind(std::string_view name, std::string_view origin) { return value_in(kNames, name, origin); }

Range hull(Range a, Range b) { return {std::min(a.low, b.low), std::max(a.high, b.high)}; }

void Observer::observe(const at::Tensor& x, std::string_view place) {
  if (x.numel() == 0) return;
  const auto [low, high] = at::aminmax(x);  // a NaN anywhere becomes both
  const Range ends{low.item<float>(), high.item<float>()};
  check_end(ends.low, place);
  check_end(ends.high, place);
  add(x, ends);
}

std::unique_ptr<Observer> make_observer(ObserverKind kind, int64_t most_values) {
  switch (kind) {
    case ObserverKind::kMovingAverage:
      return std::make_unique<MovingAverageObserver>();
    case ObserverKind::kMinMax:
      return std::make_unique<MinMaxObserver>();
    case ObserverKind::kPercentile:
      return std::make_unique<PercentileObserver>(PercentileObserver::kPercent, most_values);
    case ObserverKind::kMse:
      return std::make_unique<MseObserver>();
  }
  SLM_CHECK(false);
  return nullptr;
}

std::unique_ptr<Observer> observer_from_json(const nlohmann::json& state, const std::string& origin) {
  std::string what = "its fields contradict each other";
  try {
    auto observer = make_observer(observer_kind(state.at("observer").get<std::string>(), origin));
    if (observer->restore(state)) return observer;
  } catch (const nlohmann::json::exception& error) {
    what = error.what();
  } catch (const Error& error) {
    what = error.what();
  }
  fail(ExitCode::kData, "{}: not the state of an observer ({})", origin, what);
}

}  // namespace slm
