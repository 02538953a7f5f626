#include "kernels/swiglu.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <utility>

#include "kernels/cpu/swiglu.h"
#include "kernels/float_types.h"
#include "kernels/plain.h"

namespace slm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kGrain = 1 << 14;  // elements worth a thread of their own

// Rows of one width that lie `stride` elements apart.
struct Rows {
  explicit Rows(const at::Tensor& x) : tensor(x.flatten(0, -2)) { SLM_CHECK(tensor.stride(1) == 1); }

  template <class Float>
  Float* row(int64_t i) const {
    return static_cast<Float*>(tensor.data_ptr()) + i * tensor.stride(0);
  }

  at::Tensor tensor;  // (M, F)
};

// Calls body(i) with each row's number, rows side by side on several threads.
template <class Body>
void for_each_row(const Rows& rows, const Body& body) {
  const int64_t grain = std::max<int64_t>(1, kGrain / rows.tensor.size(1));
  at::parallel_for(0, rows.tensor.size(0), grain, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) body(i);
  });
}

at::Tensor gated(const at::Tensor& gate, const at::Tensor& up) {
  auto out = at::empty(gate.sizes(), gate.options());
  const Rows g(gate), u(up), y(out);
  with_float_type(gate.scalar_type(), [&]<class Float>(Float) {
    for_each_row(g, [&](int64_t i) {
      cpu::swiglu(g.row<const Float>(i), u.row<const Float>(i), g.tensor.size(1), y.row<Float>(i));
    });
  });
  return out;
}

// The gradients of gate and up, into dgate and dup.
void differentiate(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& slope, const at::Tensor& dgate,
                   const at::Tensor& dup) {
  const Rows g(gate), u(up), dy(slope.contiguous()), dg(dgate), du(dup);
  with_float_type(gate.scalar_type(), [&]<class Float>(Float) {
    for_each_row(g, [&](int64_t i) {
      cpu::swiglu_backward(g.row<const Float>(i), u.row<const Float>(i), dy.row<const Float>(i), g.tensor.size(1),
                           dg.row<Float>(i), du.row<Float>(i));
    });
  });
}

class Swiglu : public torch::autograd::Function<Swiglu> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate, const at::Tensor& up) {
    context->save_for_backward({gate, up});
    return gated(gate, up);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto dgate = at::empty(saved[0].sizes(), saved[0].options()), dup = at::empty_like(dgate);
    differentiate(saved[0], saved[1], gradients[0], dgate, dup);
    return {dgate, dup};
  }
};

std::pair<at::Tensor, at::Tensor> halves(const at::Tensor& x) {
  const int64_t width = x.size(-1) / 2;
  return {x.narrow(-1, 0, width), x.narrow(-1, width, width)};
}

class SwigluOfHalves : public torch::autograd::Function<SwigluOfHalves> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate_and_up) {
    context->save_for_backward({gate_and_up});
    const auto [gate, up] = halves(gate_and_up);
    return gated(gate, up);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto x = context->get_saved_variables()[0];
    const auto gradient = at::empty_like(x);
    const auto [gate, up] = halves(x);
    const auto [dgate, dup] = halves(gradient);
    differentiate(gate, up, gradients[0], dgate, dup);
    return {gradient};
  }
};

}  // namespace

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  if (!gate.is_cpu()) return plain::swiglu(gate, up);
  return at::GradMode::is_enabled() ? Swiglu::apply(gate, up) : gated(gate, up);
}

at::Tensor swiglu(const at::Tensor& gate_and_up) {
  if (gate_and_up.is_cpu() && at::GradMode::is_enabled()) return SwigluOfHalves::apply(gate_and_up);
  const auto [gate, up] = halves(gate_and_up);
  return gate.is_cpu() ? gated(gate, up) : plain::swiglu(gate, up);
}

}  // namespace slm
