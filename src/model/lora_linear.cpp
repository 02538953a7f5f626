#include "model/lora_linear.h"

#include <ATen/ops/add.h>
#include <fmt/format.h>

#include <ostream>

#include "core/rng.h"
#include "kernels/dropout.h"

namespace slm {

LoraLinear::LoraLinear(std::string name, std::shared_ptr<Linear> base, int64_t rank, double scale,
                       std::shared_ptr<const DropoutPlace> dropout)
    : name_(std::move(name)), base_(std::move(base)), scale_(scale), dropout_(std::move(dropout)) {
  for (const auto& parameter : base_->named_parameters(/*recurse=*/false)) {
    register_parameter(parameter.key(), parameter.value(), parameter.value().requires_grad());
  }
  a_ = register_module("lora_A", std::make_shared<DenseLinear>(base_->in_features(), rank, false));
  b_ = register_module("lora_B", std::make_shared<DenseLinear>(rank, base_->out_features(), false));
}

at::Tensor LoraLinear::forward(const at::Tensor& x) {
  const auto change = b_->forward(a_->forward(dropped(x)));  // (..., N)
  return at::add(base_->forward(x), change, scale_);
}

at::Tensor LoraLinear::dropped(const at::Tensor& x) const {
  const auto& [p, seed, step, first_row] = *dropout_;
  if (p == 0) return x;
  return dropout(x, p, derive_key(seed, fmt::format("lora dropout {} {}", step, name_)), first_row);
}

void LoraLinear::pretty_print(std::ostream& stream) const {
  stream << fmt::format("LoraLinear(rank {}, scale {:g}) over ", a().size(0), scale_);
  base_->pretty_print(stream);
}

const std::shared_ptr<Linear>& without_adapter(const std::shared_ptr<Linear>& layer) {
  const auto* adapted = dynamic_cast<const LoraLinear*>(layer.get());
  return adapted ? adapted->base() : layer;
}

}  // namespace slm
