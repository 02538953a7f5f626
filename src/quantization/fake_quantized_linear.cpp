#include "quantization/fake_quantized_linear.h"

#include <fmt/format.h>

#include <ostream>

#include "core/error.h"

namespace slm {

FakeQuantizedLinear::FakeQuantizedLinear(const DenseLinear& dense, const at::Tensor& weight, const Scheme& scheme,
                                         std::shared_ptr<ActivationQuantizer> activations)
    : DenseLinear(weight.defined() ? weight : dense.weight(), dense.bias(), !weight.defined()),
      scheme_(scheme),
      activations_(std::move(activations)) {
  SLM_CHECK((activations_ == nullptr) == (scheme.type == QuantizationType::kWeightOnly));
}

at::Tensor FakeQuantizedLinear::prepare(const at::Tensor& x) { return activations_ ? activations_->forward(x) : x; }

void FakeQuantizedLinear::pretty_print(std::ostream& stream) const {
  stream << fmt::format("FakeQuantizedLinear({} -> {}{}, {})", in_features(), out_features(),
                        bias().defined() ? ", bias" : "", describe(scheme_));
}

}  // namespace slm
