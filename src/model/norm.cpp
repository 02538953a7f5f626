#include "model/norm.h"

#include <ATen/ops/layer_norm.h>
#include <fmt/format.h>

#include <ostream>

#include "kernels/rms_norm.h"
#include "model/unplaced_parameter.h"

namespace slm {

Norm::Norm(NormKind kind, int64_t width, double eps, bool bias)
    : kind_(kind), eps_(eps), weight_(register_parameter("weight", unplaced_parameter({width}))) {
  if (bias && kind == NormKind::kLayerNorm) bias_ = register_parameter("bias", unplaced_parameter({width}));
}

at::Tensor Norm::forward(const at::Tensor& x) const {
  if (kind_ == NormKind::kRmsNorm) return rms_norm(x, weight_, eps_);
  if (x.is_cpu()) return at::layer_norm(x, weight_.sizes(), weight_, bias_, eps_);
  // A GPU's kernel has one dtype for all.
  return at::layer_norm(x.to(at::kFloat), weight_.sizes(), weight_, bias_, eps_).to(x.scalar_type());
}

void Norm::pretty_print(std::ostream& stream) const {
  stream << fmt::format("{}({}, eps {})", kind_ == NormKind::kRmsNorm ? "RMSNorm" : "LayerNorm", weight_.size(0), eps_);
}

}  // namespace slm
