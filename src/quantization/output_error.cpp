#include "quantization/output_error.h"

#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>

#include "core/error.h"
#include "model/tap.h"
#include "quantization/packed_linear.h"

namespace slm {
namespace {

using Tensors = std::map<std::string, at::Tensor, std::less<>>;

struct Sums {
  double signal = 0, local = 0, cumulative = 0;

  OutputError error(const std::string& name) const { return {name, relative(local), relative(cumulative)}; }

  // An output of nothing but zeros is met exactly or infinitely badly.
  double relative(double distance) const { return distance == 0 ? 0 : std::sqrt(distance / signal); }
};

double squares(const at::Tensor& x) { return x.to(at::kDouble).square().sum().item<double>(); }

double squared_distance(const at::Tensor& exact, const at::Tensor& other) {
  return squares(exact.to(at::kFloat) - other.to(at::kFloat));
}

struct Pair {
  std::string name, input;
  std::shared_ptr<Linear> exact, quantized;
};

std::vector<Pair> paired_layers(Transformer& parent, Transformer& model) {
  std::map<std::string, std::shared_ptr<Linear>> exact;
  parent.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) { exact[name] = layer; });
  std::vector<Pair> pairs;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    if (!std::dynamic_pointer_cast<PackedLinear>(layer)) return;
    pairs.push_back({name, linear_input(name), exact.at(name), layer});
  });
  return pairs;
}

// What the tap hears in a pass over the batch, up to the last norm; that is the head's input.
Tensors listen(Transformer& model, const TokenBatch& batch) {
  Tensors heard;
  const Tap tap = [&](std::string_view name, const at::Tensor& value) { heard[std::string(name)] = value; };
  heard["lm_head.input"] = model.hidden(batch.ids, {.tap = &tap, .document_starts = batch.document_starts});
  return heard;
}

// Adds what a layer gives for inputs (B, T, K) of both models; a head's many outputs are made some rows at a time.
void add_layer(const Pair& pair, const Tensors& exact, const Tensors& quantized, Sums& sums) {
  constexpr int64_t kRows = 256;
  const auto x = exact.at(pair.input).reshape({-1, pair.exact->in_features()});
  const auto moved = quantized.at(pair.input).reshape(x.sizes());
  for (int64_t begin = 0; begin < x.size(0); begin += kRows) {
    const int64_t count = std::min(kRows, x.size(0) - begin);
    const auto rows = x.narrow(0, begin, count);
    const auto y = pair.exact->forward(rows);
    sums.signal += squares(y);
    sums.local += squared_distance(y, pair.quantized->forward(rows));
    sums.cumulative += squared_distance(y, pair.quantized->forward(moved.narrow(0, begin, count)));
  }
}

void add_blocks(Transformer& model, const TokenBatch& batch, const Tensors& exact, const Tensors& quantized,
                std::vector<Sums>& sums) {
  const auto context = model.decoder().embed(batch.ids, {.document_starts = batch.document_starts}).context;
  const auto* x = &exact.at("hidden.embeddings");
  for (size_t block = 0; block < sums.size(); ++block) {
    const auto name = fmt::format("hidden.block.{}", block);
    const auto& y = exact.at(name);
    sums[block].signal += squares(y);
    sums[block].local += squared_distance(y, model.decoder().run_block(static_cast<int64_t>(block), *x, context));
    sums[block].cumulative += squared_distance(y, quantized.at(name));
    x = &y;
  }
}

}  // namespace

OutputErrors measure_output_errors(Transformer& parent, Transformer& model, const std::vector<TokenBatch>& batches,
                                   bool same_inputs) {
  SLM_CHECK(!batches.empty());
  const auto pairs = same_inputs ? paired_layers(parent, model) : std::vector<Pair>();
  const c10::InferenceMode inference;
  std::vector<Sums> layers(pairs.size()), blocks(static_cast<size_t>(model.config().n_layers));
  OutputErrors errors;
  for (const auto& batch : batches) {
    const auto exact = listen(parent, batch), quantized = listen(model, batch);
    for (size_t i = 0; i < pairs.size(); ++i) add_layer(pairs[i], exact, quantized, layers[i]);
    add_blocks(model, batch, exact, quantized, blocks);
    errors.tokens += batch.ids.numel();
  }
  for (size_t i = 0; i < pairs.size(); ++i) errors.layers.push_back(layers[i].error(pairs[i].name));
  for (size_t i = 0; i < blocks.size(); ++i) {
    errors.blocks.push_back(blocks[i].error(fmt::format("hidden.block.{}", i)));
  }
  return errors;
}

}  // namespace slm
