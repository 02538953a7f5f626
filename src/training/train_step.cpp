#include "training/train_step.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/sum_of_squares.h"
#include "kernels/token_loss.h"

namespace slm {

BatchTensors batch_tensors(const Batch& batch, int64_t begin, int64_t end) {
  const auto rows = [&](const std::vector<int64_t>& ids) {
    auto* first = const_cast<int64_t*>(ids.data() + begin * batch.length);  // from_blob has no const form
    return at::from_blob(first, {end - begin, batch.length}, at::kLong);
  };
  return {rows(batch.inputs), rows(batch.targets),
          batch.document_starts.empty() ? at::Tensor() : rows(batch.document_starts)};
}

StepResult accumulate_gradients(Transformer& model, const ParameterArena& arena, const Batch& batch,
                                const StepSettings& settings, const StepHelpers& helpers) {
  StepResult result;
  result.tokens =
      std::count_if(batch.targets.begin(), batch.targets.end(), [](int64_t t) { return t != kIgnoredTarget; });
  arena.gradients().zero_();
  if (result.tokens == 0) {
    result.loss = std::numeric_limits<double>::quiet_NaN();
    return result;
  }
  const double share = 1.0 / static_cast<double>(result.tokens);
  if (helpers.distillation) result.divergence = 0;
  auto dropout = settings.dropout;
  for (int64_t begin = 0; begin < batch.rows; begin += settings.micro_batch_size) {
    const auto micro = batch_tensors(batch, begin, std::min(begin + settings.micro_batch_size, batch.rows));
    dropout.first_row = settings.dropout.first_row + begin;
    // The teacher goes first: of its pass only the last hidden states stay.
    std::optional<HeadTeacher> teacher;
    if (helpers.distillation) teacher.emplace(helpers.distillation->teach(micro.inputs, micro.document_starts));
    if (helpers.adapters) {
      auto place = dropout;
      place.p = settings.adapter_dropout;
      helpers.adapters->set_dropout(place);
    }
    const auto hidden = model.hidden(micro.inputs, {.dropout = dropout, .document_starts = micro.document_starts});
    const auto head = model.head_loss(hidden, micro.targets, share, teacher ? &*teacher : nullptr);
    if (hidden.requires_grad()) torch::autograd::backward({hidden}, {head.hidden_gradient});
    result.loss += head.loss.item<double>();
    if (result.divergence) *result.divergence += head.divergence.item<double>();
  }
  if (helpers.adapters) helpers.adapters->set_dropout({});
  return result;
}

double clip_factor(double norm, double max_norm) {
  return max_norm > 0 ? std::min(1.0, max_norm / (norm + 1e-6)) : 1.0;
}

StepResult train_step(const StepParts& parts, const Batch& batch, double learning_rate, const StepSettings& settings) {
  if (parts.codes) parts.codes->clear_gradients();
  auto result = accumulate_gradients(
      parts.model, parts.arena, batch, settings,
      {.distillation = parts.qat ? parts.qat->distillation() : nullptr, .adapters = parts.adapters});
  result.applied = std::isfinite(result.loss);
  if (parts.qat && result.applied) parts.qat->finish_gradients();
  double squares = sum_of_squares(parts.arena.gradients());
  if (parts.codes) squares += sum_of_squares(parts.codes->gradients());
  result.gradient_norm = std::sqrt(squares);
  result.applied = result.applied && std::isfinite(result.gradient_norm);
  const double clip = clip_factor(result.gradient_norm, settings.max_grad_norm);
  if (result.applied) {
    parts.optimizer.step(learning_rate, clip);
    if (parts.codes) parts.codes->update(learning_rate, clip, parts.optimizer.steps_done());
  }
  if (parts.qat) parts.qat->end_step(result.applied, learning_rate, clip);
  return result;
}

}  // namespace slm
