#include "quantization/observers/min_max.h"

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace slm {

Range MinMaxObserver::range() const {
  SLM_CHECK(range_.has_value());
  return *range_;
}

void MinMaxObserver::add(const at::Tensor&, Range ends) { range_ = range_ ? hull(*range_, ends) : ends; }

nlohmann::json MinMaxObserver::to_json() const {
  nlohmann::json state = {{"observer", name_of(kind())}};
  if (range_) state.update({{"low", range_->low}, {"high", range_->high}});
  return state;
}

bool MinMaxObserver::restore(const nlohmann::json& state) {
  if (!state.contains("low") && !state.contains("high")) return true;
  range_ = {state.at("low").get<float>(), state.at("high").get<float>()};
  return range_->low <= range_->high;
}

}  // namespace slm
