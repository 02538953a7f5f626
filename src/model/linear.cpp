#include "model/linear.h"

#include <fmt/format.h>

#include <ostream>

#include "kernels/linear.h"
#include "model/unplaced_parameter.h"

namespace slm {

DenseLinear::DenseLinear(int64_t in_features, int64_t out_features, bool bias)
    : weight_(register_parameter("weight", unplaced_parameter({out_features, in_features}))) {
  if (bias) bias_ = register_parameter("bias", unplaced_parameter({out_features}));
}

DenseLinear::DenseLinear(at::Tensor shared_weight) : weight_(std::move(shared_weight)) {}

DenseLinear::DenseLinear(at::Tensor weight, at::Tensor bias, bool owned)
    : weight_(std::move(weight)), bias_(std::move(bias)) {
  if (owned) register_parameter("weight", weight_, weight_.requires_grad());
  if (owned && bias_.defined()) register_parameter("bias", bias_, bias_.requires_grad());
}

at::Tensor DenseLinear::forward(const at::Tensor& x) { return dense_linear(prepare(x), weight_, bias_); }

void DenseLinear::pretty_print(std::ostream& stream) const {
  stream << fmt::format("DenseLinear({} -> {}{})", in_features(), out_features(), bias_.defined() ? ", bias" : "");
}

void visit_linear(torch::nn::Module& parent, const std::string& path, const char* name, std::shared_ptr<Linear>& layer,
                  const LinearVisitor& visitor) {
  if (!layer) return;
  const auto before = layer;
  visitor(path + "." + name, layer);
  if (layer != before) parent.replace_module(name, layer);
}

}  // namespace slm
