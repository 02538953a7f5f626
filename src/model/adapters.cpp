#include "model/adapters.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.h"
#include "core/rng.h"

namespace slm {
namespace {

std::string name_of_a(const std::string& layer) { return layer + ".lora_A.weight"; }
std::string name_of_b(const std::string& layer) { return layer + ".lora_B.weight"; }

// Uniform in [-bound, bound); an element depends on (key, its place) alone.
void fill_uniform(const at::Tensor& out, double bound, uint64_t key) {
  const auto drawn = at::empty(out.sizes());
  const CounterRng rng(key);
  auto* values = drawn.data_ptr<float>();
  for (int64_t i = 0; i < drawn.numel(); ++i) {
    values[i] = static_cast<float>(bound * (2 * rng.uniform(0, static_cast<uint64_t>(i)) - 1));
  }
  out.copy_(drawn);
}

// A module in which the parameters of layers have their canonical names, for the arena.
class NamedLayers : public torch::nn::Module {
 public:
  void add(const std::string& layer, const LoraLinear& adapted) {
    auto* parent = static_cast<torch::nn::Module*>(this);
    for (size_t begin = 0; begin < layer.size();) {
      const size_t end = std::min(layer.find('.', begin), layer.size());
      parent = &child(*parent, layer.substr(begin, end - begin));
      begin = end + 1;
    }
    for (const auto& part : adapted.named_children()) parent->register_module(part.key(), part.value());
  }

 private:
  static torch::nn::Module& child(torch::nn::Module& parent, const std::string& name) {
    const auto children = parent.named_children();
    const auto* found = children.find(name);
    return found ? **found : *parent.register_module(name, std::make_shared<torch::nn::Module>());
  }
};

}  // namespace

at::Tensor AdapterWeights::change() const { return at::mm(b, a) * scale; }

Adapters::Adapters(Transformer& model, const std::vector<AdapterShape>& shapes, const ArenaSettings& settings)
    : dropout_(std::make_shared<DropoutPlace>()) {
  std::map<std::string, const AdapterShape*> wanted;
  for (const auto& shape : shapes) wanted[shape.layer] = &shape;
  NamedLayers parameters;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& linear) {
    const auto found = wanted.find(name);
    if (found == wanted.end()) return;
    const auto& shape = *found->second;
    const auto adapted = std::make_shared<LoraLinear>(name, linear, shape.rank, shape.scale, dropout_);
    parameters.add(name, *adapted);
    shapes_.push_back(shape);
    linear = adapted;
  });
  SLM_CHECK(shapes_.size() == shapes.size());
  arena_ = std::make_unique<ParameterArena>(parameters, settings);
}

void Adapters::initialize(uint64_t seed) const {
  const c10::NoGradGuard no_grad;
  for (const auto& [layer, scale, a, b] : weights()) {
    fill_uniform(a, 1 / std::sqrt(static_cast<double>(a.size(1))), derive_key(seed, "initialize " + name_of_a(layer)));
    b.zero_();
  }
  arena_->update_shadows();
}

std::vector<AdapterWeights> Adapters::weights() const {
  const auto values = arena_->by_name();
  std::vector<AdapterWeights> weights;
  for (const auto& [layer, rank, scale] : shapes_) {
    weights.push_back({layer, scale, values.at(name_of_a(layer)), values.at(name_of_b(layer))});
  }
  return weights;
}

void Adapters::set_weights(const std::vector<AdapterWeights>& weights) const {
  const c10::NoGradGuard no_grad;
  std::map<std::string, const AdapterWeights*> given;
  for (const auto& weight : weights) given[weight.layer] = &weight;
  SLM_CHECK(given.size() == shapes_.size());
  for (const auto& ours : this->weights()) {
    const auto& theirs = *given.at(ours.layer);
    SLM_CHECK(ours.a.sizes() == theirs.a.sizes() && ours.b.sizes() == theirs.b.sizes());
    ours.a.copy_(theirs.a);
    ours.b.copy_(theirs.b);
  }
  arena_->update_shadows();
}

Adapters attach_adapters(Transformer& model, const std::vector<AdapterWeights>& weights,
                         const ArenaSettings& settings) {
  std::vector<AdapterShape> shapes;
  for (const auto& weight : weights) shapes.push_back({weight.layer, weight.a.size(0), weight.scale});
  Adapters adapters(model, shapes, settings);
  adapters.set_weights(weights);
  return adapters;
}

}  // namespace slm
