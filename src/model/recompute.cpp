#include "model/recompute.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <utility>

namespace slm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Segment = std::function<at::Tensor(const at::Tensor&)>;

// What autograd can carry from the forward to the backward pass.
struct SegmentHolder : torch::CustomClassHolder {
  explicit SegmentHolder(Segment s) : segment(std::move(s)) {}
  Segment segment;
};

class Recompute : public torch::autograd::Function<Recompute> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const c10::intrusive_ptr<SegmentHolder>& holder) {
    context->save_for_backward({x});
    context->saved_data["segment"] = c10::IValue::make_capsule(holder);
    return holder->segment(x);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto capsule = context->saved_data["segment"].toCapsule();
    const auto& segment = static_cast<SegmentHolder&>(*capsule).segment;
    const auto x = context->get_saved_variables()[0].detach().set_requires_grad(true);
    const c10::AutoGradMode with_gradients(true);
    torch::autograd::backward({segment(x)}, {gradients[0]});
    return {x.grad(), at::Tensor()};
  }
};

}  // namespace

at::Tensor recomputed(const at::Tensor& x, Segment segment) {
  if (!c10::GradMode::is_enabled()) return segment(x);
  // Autograd calls the backward pass only where an input has a gradient, and the segment's parameters are no inputs.
  const auto input = x.requires_grad() ? x : x.detach().set_requires_grad(true);
  return Recompute::apply(input, c10::make_intrusive<SegmentHolder>(std::move(segment)));
}

}  // namespace slm
