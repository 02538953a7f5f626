#include "quantization/activation_quantizer.h"

#include <ATen/ops/aminmax.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "kernels/fake_quantize.h"

namespace slm {

ActivationQuantizer::ActivationQuantizer(std::string place, QuantizationType type, ObserverKind observer,
                                         int64_t most_values)
    : place_(std::move(place)), type_(type) {
  SLM_CHECK(type != QuantizationType::kWeightOnly);
  if (type == QuantizationType::kStatic) observer_ = make_observer(observer, most_values);
}

void ActivationQuantizer::set(bool observing, bool quantizing) {
  observing_ = observing && observer_;
  quantizing_ = quantizing;
}

at::Tensor ActivationQuantizer::forward(const at::Tensor& x) {
  if (observing_ && at::GradMode::is_enabled()) observe(x.detach());
  if (!quantizing_ || (observer_ && !scale_)) return x;
  quantized_ += x.numel();
  return observer_ ? fake_quantize_affine(x, *scale_, clipped_) : fake_quantize_rows(x);
}

void ActivationQuantizer::observe(const at::Tensor& x) {
  const auto [low, high] = at::aminmax(x);
  const Range ends{low.item<float>(), high.item<float>()};
  if (!std::isfinite(ends.low) || !std::isfinite(ends.high)) return;  // the step's loss is not finite either
  if (observer_->kind() == ObserverKind::kMovingAverage) {
    of_step_ = of_step_ ? hull(*of_step_, ends) : ends;
    return;
  }
  observer_->observe(x, place_);
  has_seen_ = true;
}

void ActivationQuantizer::end_step(bool applied) {
  quantized_ = clipped_ = 0;
  if (applied && of_step_) {
    observer_->observe(at::tensor({of_step_->low, of_step_->high}), place_);
    has_seen_ = true;
  }
  of_step_.reset();
  if (!observing_ || !applied || !has_seen_) return;
  const auto range = observer_->range();
  scale_ = affine_scale(range.low, range.high);
}

nlohmann::json ActivationQuantizer::to_json() const {
  if (!observer_) return nullptr;
  nlohmann::json state = {{"observer", observer_->to_json()}, {"activation", nullptr}};
  if (scale_) state["activation"] = {{"scale", scale_->scale}, {"zero_point", scale_->zero_point}};
  return state;
}

void ActivationQuantizer::restore(const nlohmann::json& state, const std::string& origin) {
  SLM_CHECK(observer_);
  try {
    auto observer = observer_from_json(state.at("observer"), origin);
    if (observer->kind() != observer_->kind()) {
      fail(ExitCode::kData, "{}: was observed by {}, expected {} (quantization_observer)", origin,
           name_of(observer->kind()), name_of(observer_->kind()));
    }
    observer_ = std::move(observer);
    const auto& activation = state.at("activation");
    has_seen_ = !activation.is_null();
    scale_.reset();
    if (!has_seen_) return;
    scale_ = AffineScale{activation.at("scale").get<float>(), activation.at("zero_point").get<int32_t>()};
    if (std::isfinite(scale_->scale) && scale_->scale > 0 && scale_->zero_point >= 0 && scale_->zero_point <= 255) {
      return;
    }
    fail(ExitCode::kData, "{}: scale {} and zero point {}: expected a positive number and one from 0 to 255", origin,
         scale_->scale, scale_->zero_point);
  } catch (const nlohmann::json::exception& error) {
    fail(ExitCode::kData, "{}: not the state of a quantized place ({})", origin, error.what());
  }
}

}  // namespace slm
