#include "quantization/fake_quantized_weight.h"

#include <ATen/TensorOperators.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "kernels/fake_quantize.h"
#include "quantization/clip_search.h"

namespace slm {

FakeQuantizedWeight::FakeQuantizedWeight(WeightForms forms, const Scheme& scheme)
    : forms_(std::move(forms)), scheme_(scheme), run_length_(scheme.run_length(forms_.master.size(1))) {
  SLM_CHECK(forms_.computed.sizes() == forms_.master.sizes());
}

void FakeQuantizedWeight::show_master() const { forms_.computed.copy_(forms_.master); }

void FakeQuantizedWeight::begin(const at::Tensor& known) const {
  if (learns_scales()) {
    forms_.scales.copy_(known.defined() ? known : mse_scales(forms_.master, scheme_));
  } else {
    forms_.scales.copy_(amax_scales(forms_.master, scheme_));
  }
}

void FakeQuantizedWeight::update() const {
  if (learns_scales()) {
    forms_.scales.clamp_min_(std::numeric_limits<float>::min());  // the optimizer may have stepped over 0
  } else {
    forms_.scales.copy_(amax_scales(forms_.master, scheme_));
  }
  fake_quantize_into(forms_.master, forms_.scales, run_length_, scheme_.codes(), forms_.computed);
}

void FakeQuantizedWeight::clear_gradient() const {
  if (forms_.tied_gradient.defined()) forms_.gradient.zero_();  // the others are the arena's
}

void FakeQuantizedWeight::finish_gradient(bool quantized) const {
  if (!forms_.gradient.defined()) return;
  // Scales of amax clip nothing, so that all of the gradient goes through.
  if (quantized && learns_scales()) {
    const auto sum =
        fake_quantize_backward(forms_.master, forms_.scales, run_length_, scheme_.codes(), forms_.gradient);
    const double sharing = static_cast<double>(forms_.master.numel()) / static_cast<double>(sum.numel());
    forms_.scale_gradient.copy_(sum * (1 / std::sqrt(sharing * scheme_.codes().max)));
  }
  if (forms_.tied_gradient.defined()) forms_.tied_gradient.add_(forms_.gradient);
}

QuantizedWeight FakeQuantizedWeight::quantized() const {
  return round_to_nearest(forms_.master, scheme_, forms_.scales);
}

}  // namespace slm
