// Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) for the matrices of the blocks, AdamW for
// everything else: embeddings, head, norms, biases.
//   B = momentum B + (1 - momentum) g
//   G = B, or with Nesterov's look ahead momentum B + (1 - momentum) g
//   p *= 1 - lr * weight_decay
//   p -= lr * 0.2 sqrt(max(N, K)) * orthogonalized(G)
// The factor gives the update the size of AdamW's, so that both share one learning rate and decay (Liu et al. 2025,
// arXiv:2502.16982; match_rms_adamw of torch.optim.Muon).
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/parameter_arena.h"
#include "training/adamw.h"
#include "training/optimizer.h"

namespace slm {

struct MuonSettings {
  double momentum = 0.95;
  bool nesterov = true;
  int64_t steps = 5;  // of the orthogonalization
  double weight_decay = 0.1;
  at::ScalarType dtype = at::kFloat;  // that the orthogonalization computes in
};

struct MuonStep {
  double learning_rate;
  double clip_factor = 1.0;  // multiplies the gradient
};

/// Updates `parameter` and `momentum`, both (N, K) float32 like the gradient.
void muon(const at::Tensor& parameter, const at::Tensor& gradient, const at::Tensor& momentum,
          const MuonSettings& settings, const MuonStep& step);

class Muon final : public Optimizer {
 public:
  /// Of an arena that keeps the matrices of the blocks apart.
  Muon(const ParameterArena& arena, const MuonSettings& settings, const AdamWSettings& rest);

  void step(double learning_rate, double clip_factor) override;
  int64_t steps_done() const override { return rest_.steps_done(); }
  void set_steps_done(int64_t steps) override { rest_.set_steps_done(steps); }
  /// AdamW's state, and `momentum_buffer.<name>` of every matrix.
  StateDict state() const override;

 private:
  struct Matrix {
    std::string name;
    at::Tensor parameter, gradient, shadow, momentum;  // (N, K), views into the arena but for the momentum
  };

  MuonSettings settings_;
  AdamW rest_;
  std::vector<Matrix> matrices_;
};

}  // namespace slm
