#include "quantization/quantize_layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/nonzero.h>
#include <c10/core/GradMode.h>

#include <map>
#include <optional>

#include "core/block_index.h"
#include "core/error.h"
#include "core/log.h"
#include "quantization/clip_search.h"
#include "quantization/gptq.h"
#include "quantization/packed_linear.h"
#include "quantization/residual.h"
#include "quantization/smooth.h"

namespace slm {
namespace {

// Layers that read the same tensor; the tap hears it under the name `input`.
struct InputGroup {
  std::string input;
  std::vector<const PlannedLayer*> layers;
};

// The hidden states (B, T, C) of a calibration batch before some block.
struct Stream {
  Decoder::Embedded now;  // after the layers as they are, quantized as far as we have come
  at::Tensor exact;       // after the float model's layers; undefined where nobody asks
};

// What calibration learns about an input.
struct InputStatistics {
  std::optional<AffineScale> activation;  // where static
  std::optional<GptqColumns> columns;     // for gptq
};

std::vector<InputGroup> group_by_input(const QuantizationPlan& plan) {
  std::vector<InputGroup> groups;
  for (const auto& layer : plan) {
    auto input = linear_input(layer.name);
    if (groups.empty() || groups.back().input != input) groups.push_back({std::move(input), {}});
    groups.back().layers.push_back(&layer);
  }
  return groups;
}

// The norm that gives an input, or nothing where that comes from elsewhere.
std::string norm_before(const std::string& input) {
  if (input == "lm_head.input") return "model.norm";
  const auto ends = [&](std::string_view tail, std::string_view norm) {
    return input.ends_with(tail) ? input.substr(0, input.size() - tail.size()) + std::string(norm) : std::string();
  };
  const auto attention = ends(".self_attn.input", ".input_layernorm");
  return attention.empty() ? ends(".mlp.input", ".post_attention_layernorm") : attention;
}

class LayerQuantizer {
 public:
  LayerQuantizer(Transformer& model, const QuantizationSettings& settings, const std::vector<TokenBatch>& calibration,
                 const QuantizationListener& listener)
      : model_(model), settings_(settings), listener_(listener) {
    model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
      dense_[name] = std::dynamic_pointer_cast<DenseLinear>(layer);
    });
    if (!settings.calibrates()) return;
    SLM_CHECK(!calibration.empty());
    if (settings.method == QuantizationMethod::kGptq) float_model_ = model.share();
    for (const auto& [ids, document_starts] : calibration) {
      streams_.push_back({model.decoder().embed(ids, {.document_starts = document_starts}), {}});
      tokens_ += ids.numel();
      if (float_model_) streams_.back().exact = streams_.back().now.x;
    }
    if (listener.on_hidden_states) listener.on_hidden_states(bytes_of_streams());
  }

  std::vector<QuantizedLayerInfo> run(const std::vector<InputGroup>& groups) {
    if (listener_.on_block) listener_.on_block(0);
    for (const auto& group : groups) {
      enter_block(group);
      quantize_group(group);
    }
    release();
    return std::move(done_);
  }

 private:
  // Before the first block; the float model's states are the same tensors there.
  int64_t bytes_of_streams() const {
    size_t bytes = 0;
    for (const auto& stream : streams_) bytes += stream.now.x.nbytes();
    return static_cast<int64_t>(float_model_ ? 2 * bytes : bytes);
  }

  // Which part of the model gives the group's input: a block, or n_layers for the head.
  int64_t block_of(const InputGroup& group) const {
    return block_index(group.input).value_or(model_.config().n_layers);
  }

  // The streams go through all blocks before that one, which are quantized by now.
  void enter_block(const InputGroup& group) {
    for (const int64_t block = block_of(group); block_ < block;) {
      for (auto& [now, exact] : streams_) {
        now.x = model_.decoder().run_block(block_, now.x, now.context);
        if (float_model_) exact = float_model_->decoder().run_block(block_, exact, now.context);
      }
      release();
      ++block_;
      if (listener_.on_block) listener_.on_block(block_);
    }
  }

  // No stream of the float model needs what has been replaced so far.
  void release() {
    for (const auto& layer : replaced_) {
      if (listener_.on_last_read) listener_.on_last_read(layer);
      dense_.erase(layer);
    }
    replaced_.clear();
  }

  // What `model` gives at the place `input` of the block where the streams stand, from hidden states x before it.
  at::Tensor input_in(Transformer& model, const std::string& input, const at::Tensor& x, ForwardContext context) const {
    if (block_ == model.config().n_layers) return model.decoder().finish(x, context);
    at::Tensor found;
    const Tap tap = [&](std::string_view name, const at::Tensor& value) {
      if (name == input) found = value;
    };
    context.tap = &tap;
    model.decoder().run_block(block_, x, context);
    SLM_CHECK(found.defined());
    return found;
  }

  // Largest |x| (K) of each channel of an input.
  at::Tensor largest_of(const std::string& input) {
    at::Tensor largest;
    for (const auto& [now, exact] : streams_) {
      const auto x = input_in(model_, input, now.x, now.context);
      const auto batch = at::amax(at::abs(x.reshape({-1, x.size(-1)})), 0).to(at::kFloat);
      largest = largest.defined() ? at::maximum(largest, batch) : batch;
    }
    if (const auto wrong = at::nonzero(at::isfinite(largest).logical_not()); wrong.numel() != 0) {
      fail(ExitCode::kData,
           "{}: over the calibration text channel {} holds NaN or infinity; smoothing needs finite activations (the "
           "checkpoint's training diverged; use an earlier one)",
           input, wrong[0][0].item<int64_t>());
    }
    return largest;
  }

  // `factors` (K): by what smoothing has divided the input, or undefined.
  InputStatistics observe(const InputGroup& group, const at::Tensor& factors) {
    const bool is_static = settings_.scheme.type == QuantizationType::kStatic;
    const bool is_gptq = settings_.method == QuantizationMethod::kGptq;
    if (!is_static && !is_gptq) return {};
    const int64_t in_features = group.layers[0]->in_features;
    const auto observer = is_static ? make_observer(settings_.observer, tokens_ * in_features) : nullptr;
    std::optional<Hessian> hessian;
    if (is_gptq) hessian.emplace(in_features);
    for (const auto& [now, exact] : streams_) {
      const auto x = input_in(model_, group.input, now.x, now.context);
      if (observer) observer->observe(x, group.input);
      if (!hessian) continue;
      const auto wanted = input_in(*float_model_, group.input, exact, now.context);
      hessian->add(x, factors.defined() ? wanted / factors : wanted);
    }
    InputStatistics statistics;
    if (observer) {
      const auto range = observer->range();
      statistics.activation = affine_scale(range.low, range.high);
    }
    if (hessian) statistics.columns = gptq_columns(*std::move(hessian), group.input);
    return statistics;
  }

  // The factors (K) by which the group's input is divided and its weights are multiplied; undefined where it has no
  // norm of its own to take them.
  at::Tensor smooth(const InputGroup& group) {
    const auto norm = norm_before(group.input);
    if (settings_.smooth == 0 || norm.empty()) return {};
    std::vector<at::Tensor> weights;
    for (const auto* layer : group.layers) {
      if (!layer->scheme) {
        log_info("{}: stays float, so the layers that share its input are not smoothed", layer->name);
        return {};
      }
      weights.push_back(dense_.at(layer->name)->weight());
    }
    const auto factors = smoothing_factors(largest_of(group.input), weights, settings_.smooth);
    for (auto& parameter : model_.named_parameters()) {
      if (parameter.key() != norm + ".weight" && parameter.key() != norm + ".bias") continue;
      parameter.value().set_data(parameter.value() / factors);
    }
    return factors;
  }

  // `rounded` becomes what was rounded to the codes: the weight, but under gptq.
  QuantizedWeight quantize_weight(const at::Tensor& weight, const InputStatistics& statistics,
                                  at::Tensor& rounded) const {
    rounded = weight;
    const auto& scheme = settings_.scheme;
    switch (settings_.method) {
      case QuantizationMethod::kRtn:
        return round_to_nearest(weight, scheme, amax_scales(weight, scheme));
      case QuantizationMethod::kMse:
        return round_to_nearest(weight, scheme, mse_scales(weight, scheme));
      case QuantizationMethod::kGptq:
        return gptq(weight, scheme, *statistics.columns, /*clip_by_mse=*/true,
                    settings_.residual_bits > 0 ? &rounded : nullptr);
    }
    SLM_CHECK(false);
    return {};
  }

  void quantize_group(const InputGroup& group) {
    bool any = false;
    for (const auto* layer : group.layers) any = any || layer->scheme;
    if (!any) return;
    for (const auto* layer : group.layers) {
      if (layer->scheme) check_finite(dense_.at(layer->name)->weight(), layer->name);
    }
    const auto factors = smooth(group);
    const auto statistics = observe(group, factors);
    std::map<std::string, std::shared_ptr<Linear>> packed;
    for (const auto* layer : group.layers) {
      if (!layer->scheme) continue;
      const auto& dense = *dense_.at(layer->name);
      const auto weight = factors.defined() ? dense.weight() * factors : dense.weight();
      at::Tensor rounded;
      const auto quantized = quantize_weight(weight, statistics, rounded);
      packed[layer->name] = std::make_shared<PackedLinear>(quantized, dense.bias(), statistics.activation);
      if (settings_.residual_bits > 0 && listener_.on_residual) {
        listener_.on_residual(layer->name, residual_of(rounded, quantized, settings_.residual_bits));
      }
      report(*layer, weight, quantized, statistics.activation);
    }
    for (const auto& [name, layer] : packed) std::dynamic_pointer_cast<PackedLinear>(layer)->lay_out();
    model_.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
      if (const auto found = packed.find(name); found != packed.end()) layer = found->second;
    });
    for (const auto& [name, layer] : packed) replaced_.push_back(name);
    if (!float_model_) release();
  }

  void report(const PlannedLayer& layer, const at::Tensor& weight, const QuantizedWeight& quantized,
              const std::optional<AffineScale>& activation) {
    done_.push_back({.name = layer.name,
                     .out_features = layer.out_features,
                     .in_features = layer.in_features,
                     .scheme = *layer.scheme,
                     .activation = activation,
                     .error = quantization_error(weight, quantized),
                     .clipped = clipped_share(weight, quantized)});
    if (listener_.on_layer) listener_.on_layer(done_.back());
  }

  Transformer& model_;
  const QuantizationSettings& settings_;
  const QuantizationListener& listener_;
  std::map<std::string, std::shared_ptr<DenseLinear>> dense_;
  std::shared_ptr<Transformer> float_model_;  // what gptq compares with, else null
  std::vector<Stream> streams_;               // before block block_
  int64_t tokens_ = 0;                        // of all of them
  int64_t block_ = 0;
  std::vector<std::string> replaced_;  // whose float weights may still be read
  std::vector<QuantizedLayerInfo> done_;
};

}  // namespace

std::vector<QuantizedLayerInfo> quantize_layers(Transformer& model, const QuantizationPlan& plan,
                                                const QuantizationSettings& settings,
                                                const std::vector<TokenBatch>& calibration,
                                                const QuantizationListener& listener) {
  const c10::NoGradGuard no_grad;
  return LayerQuantizer(model, settings, calibration, listener).run(group_by_input(plan));
}

}  // namespace slm
