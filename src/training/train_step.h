// One optimizer step as a function.
#pragma once

#include <optional>

#include "data/batch.h"
#include "model/adapters.h"
#include "model/parameter_arena.h"
#include "model/transformer.h"
#include "training/distillation.h"
#include "training/optimizer.h"
#include "training/qat.h"
#include "training/quantized_finetuning.h"

namespace slm {

struct StepSettings {
  int64_t micro_batch_size = 1;  // rows of one forward and backward pass; the last one may have fewer
  double max_grad_norm = 0;      // 0: no clipping
  DropoutPlace dropout = {};     // of the step's first row
  double adapter_dropout = 0;    // probability of a zero, of the adapters' own dropout at the same place
};

struct StepResult {
  double loss = 0;           // mean over the step's scored tokens, nats, before the update; NaN where there are none
  double gradient_norm = 0;  // 2-norm over all trainable parameters, before clipping
  int64_t tokens = 0;        // scored tokens
  std::optional<double> divergence = {};  // mean of KL(parent || model), nats; where the step distills
  bool applied = false;                   // false where loss or norm is not finite: then nothing was updated
};

/// What else a step's passes may need.
struct StepHelpers {
  const Distillation* distillation = nullptr;  // the loss of a token is then the mixed one of kernels/distillation.h
  const Adapters* adapters = nullptr;          // of the model, where it has some: they are told of their dropout
};

/// Adds the gradient of `batch` to the arena, which is zeroed first: each micro-batch's sum of losses divided by the
/// scored tokens of the whole batch, so that the cut into micro-batches does not matter. Returns loss and tokens.
StepResult accumulate_gradients(Transformer& model, const ParameterArena& arena, const Batch& batch,
                                const StepSettings& settings, const StepHelpers& helpers = {});

/// min(1, max_norm / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_; 1 where max_norm is 0.
double clip_factor(double norm, double max_norm);

/// What a step works on.
struct StepParts {
  Transformer& model;
  const ParameterArena& arena;  // of what is trained
  Optimizer& optimizer;
  Qat* qat = nullptr;                    // has heard begin_step; null without quantization-aware training
  QuantizedFinetuning* codes = nullptr;  // null where no codes are trained
  const Adapters* adapters = nullptr;    // null where the model has none
};

/// accumulate_gradients, the norm, the clip and the optimizer's update.
StepResult train_step(const StepParts& parts, const Batch& batch, double learning_rate, const StepSettings& settings);

/// A batch's rows [begin, end) as int64 tensors (rows, T) that share its memory.
struct BatchTensors {
  at::Tensor inputs, targets;
  at::Tensor document_starts;  // undefined where documents are not isolated
};
BatchTensors batch_tensors(const Batch& batch, int64_t begin, int64_t end);

}  // namespace slm
