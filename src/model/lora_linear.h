// Low-rank adaptation of a linear layer (Hu et al. 2021, arXiv:2106.09685): beside a layer that stays as it is,
// whatever it is made of, a product of two small matrices is trained.
#pragma once

#include <memory>
#include <string>

#include "model/dropout_place.h"
#include "model/linear.h"

namespace slm {

/// y = base(x) + scale B A dropout(x): A (r, K), B (N, r).
class LoraLinear final : public Linear {
 public:
  /// Takes the place of `base`, whose parameters keep their names; A and B are `lora_A.weight` and `lora_B.weight`
  /// below it, without memory yet. `name` is the layer's, and keys the dropout's masks; `dropout`, which the adapters
  /// of a model share, says where in training a forward pass stands, and p 0 outside of it.
  LoraLinear(std::string name, std::shared_ptr<Linear> base, int64_t rank, double scale,
             std::shared_ptr<const DropoutPlace> dropout);

  /// x (..., K); where there is dropout (B, ..., K).
  at::Tensor forward(const at::Tensor& x) override;
  int64_t in_features() const override { return base_->in_features(); }
  int64_t out_features() const override { return base_->out_features(); }
  void pretty_print(std::ostream& stream) const override;

  const std::shared_ptr<Linear>& base() const { return base_; }
  double scale() const { return scale_; }
  const at::Tensor& a() const { return a_->weight(); }
  const at::Tensor& b() const { return b_->weight(); }

 private:
  at::Tensor dropped(const at::Tensor& x) const;

  std::string name_;
  std::shared_ptr<Linear> base_;
  double scale_;
  std::shared_ptr<const DropoutPlace> dropout_;
  std::shared_ptr<DenseLinear> a_, b_;
};

/// The layer itself, or what an adapter lies over.
const std::shared_ptr<Linear>& without_adapter(const std::shared_ptr<Linear>& layer);

}  // namespace slm
