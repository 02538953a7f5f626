// How a model is quantized. The keys are the run's own (flat, with a prefix): `slm quantize` takes them as well.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/field.h"

namespace slm {

struct QuantizationConfig {
  std::string mode = "none", type = "static", method = "rtn";
  int64_t bits = 8, group_size = 64, calibration_batches = 32;
  std::optional<std::string> granularity, observer;
  double smooth = 0;
  std::vector<std::string> exclude;
  std::optional<int64_t> qat_start_step, qat_freeze_observer_step;
  std::string qat_scale = "dynamic";
  double qat_distill_weight = 0;
  bool finetuning = false;
  std::optional<int64_t> residual_bits;
  std::string scale_policy = "fixed", rounding = "stochastic";

  template <class Visitor>
  void visit(Visitor& v) {
    using enum Resume;
    v.group("Quantization");
    v.field("quantization_mode", mode, OneOf{"none", "ptq", "qat"}, kFree,
            "none; ptq: after the last step the best checkpoint is quantized (post-training quantization) into "
            "quantized/ of the run's folder, training itself stays the same; or qat: the model is trained with "
            "fake-quantized layers from qat_start_step on (quantization-aware training), and the result becomes "
            "quantized/.");
    v.field("quantization_bits", bits, OneOf{"8", "4"}, kFree, "Bits of a weight.");
    v.field("quantization_type", type, OneOf{"static", "dynamic", "weight_only"}, kFree,
            "What happens to the activations: static (8 bits, one range a layer, calibrated beforehand), dynamic (8 "
            "bits, one scale a token, chosen while running), or weight_only (nothing).");
    v.field("quantization_granularity", granularity, OneOf{"per_tensor", "per_channel", "per_group"}, kFree,
            "Which weights share a scale: all of a layer, those of an output, or quantization_group_size neighbours of "
            "an output. per_channel at 8 bits and per_group at 4 where not given.");
    v.field("quantization_group_size", group_size, AtLeast{1}, kFree,
            "Weights that share a scale; the last group of an output may be shorter. Only with per_group.");
    v.field("quantization_method", method, OneOf{"rtn", "mse", "gptq"}, kFree,
            "rtn (round to nearest, nothing is clipped), mse (scales that make the squared error of the weights "
            "least), or gptq (mse, and each column's error is made up for by the columns after it, as the calibration "
            "text weighs them).");
    v.field("quantization_smooth", smooth, Between{0, 1}, kFree,
            "SmoothQuant's alpha: how much of the activations' range the preceding norm hands over to the weights; 0: "
            "none. Not with weight_only.");
    v.field("quantization_observer", observer, OneOf{"moving_average", "min_max", "percentile", "mse"}, kFree,
            "How a static range follows from the calibration text: average of the batches' ends, the ends of all, the "
            "ends without the outermost 0.01 %, or those with the least squared error. mse where not given, with "
            "quantization_mode qat moving_average, because there each step asks for the range. Only with static.");
    v.field("quantization_calibration_batches", calibration_batches, AtLeast{1}, kFree,
            "Batches of the training text (micro_batch_size windows each, drawn by data_seed) that static ranges, gptq "
            "and smoothing are calibrated on.");
    v.field("quantization_exclude", exclude, NonEmpty{}, kFree,
            "Linear layers that stay float: globs (* any characters, ? one) over their names, which are those of Llama "
            "whatever the architecture (lm_head, model.layers.0.*, *.down_proj).");
    v.field("qat_start_step", qat_start_step, AtLeast{0}, kFree,
            "Step from which on layers are fake-quantized, 0: all; the last tenth of the steps where not given. Static "
            "ranges are observed for 100 steps before. Only with quantization_mode qat.");
    v.field("qat_freeze_observer_step", qat_freeze_observer_step, AtLeast{1}, kFree,
            "Step from which on static ranges stay as they are; half way from qat_start_step to the end where not "
            "given. Only with quantization_mode qat and static.");
    v.field("qat_scale", qat_scale, OneOf{"dynamic", "learned"}, kFree,
            "Scales of the weights: dynamic (amax of the weights at each step) or learned (LSQ: from those with the "
            "least squared error on, by gradient). Only with quantization_mode qat.");
    v.field("qat_distill_weight", qat_distill_weight, Between{0, 1}, kFree,
            "w of the fake-quantized steps' loss, (1 - w) cross-entropy + w KL(parent || student) a token over the "
            "whole vocabulary, temperature 1: the parent is the float model of the moment when QAT began; 0: "
            "cross-entropy alone. Only with quantization_mode qat.");
    v.field(
        "enable_quantized_finetuning", finetuning, Any{}, kFixed,
        "Train on from a quantized init_from, whose codes stay the weights: no float copy of them is held, and each "
        "update is rounded by chance, so that nothing is lost on average. Checkpoints are quantized ones.");
    v.field("quantization_residual_bits", residual_bits, OneOf{"0", "2", "4", "8"}, kFixed,
            "With enable_quantized_finetuning: bits that a code keeps beside it while it is trained, which remember "
            "what is less than a step of it; where not given as many as init_from keeps, else 4 at 4 bits and 0 at 8. "
            "With quantization_mode ptq: bits that are kept of what the codes lose, in residual.safetensors, which "
            "such a training begins with; none where not given.");
    v.field("quantization_scale_policy", scale_policy, OneOf{"fixed", "refresh"}, kFixed,
            "With enable_quantized_finetuning: scales stay as they are, or follow the weights at each step (amax), "
            "which a large shift of the text needs.");
    v.field("quantization_rounding", rounding, OneOf{"stochastic", "nearest"}, kFixed,
            "With enable_quantized_finetuning: how an updated weight becomes a code again: stochastic, so that what is "
            "less than a step counts on average, or nearest (halves to even), which loses it and is there to show why "
            "chance is needed.");
  }
};

}  // namespace slm
