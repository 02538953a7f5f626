#include "evaluation/place_errors.h"

#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>

#include <cmath>

#include "core/error.h"

namespace slm {
namespace {

struct Sums {
  std::string name;
  double first = 0, second = 0, product = 0, difference = 0;  // of squares, and of first x second
};

using Heard = std::vector<std::pair<std::string, at::Tensor>>;

// What the tap hears between the layers; the inputs of linear layers are left out.
Heard listen(Transformer& model, const ScoredBatch& batch) {
  Heard heard;
  const Tap tap = [&](std::string_view name, const at::Tensor& value) {
    if (!name.ends_with(".input")) heard.emplace_back(name, value.to(at::kFloat));
  };
  model.hidden(batch.inputs, {.tap = &tap, .document_starts = batch.document_starts});
  return heard;
}

double sum_of_product(const at::Tensor& a, const at::Tensor& b) { return (a * b).sum(at::kDouble).item<double>(); }

void add(const Heard& first, const Heard& second, std::vector<Sums>& sums) {
  SLM_CHECK(first.size() == second.size());
  if (sums.empty()) {
    for (const auto& [name, value] : first) sums.push_back({name});
  }
  for (size_t i = 0; i < first.size(); ++i) {
    const auto &a = first[i].second, &b = second[i].second, difference = b - a;
    sums[i].first += sum_of_product(a, a);
    sums[i].second += sum_of_product(b, b);
    sums[i].product += sum_of_product(a, b);
    sums[i].difference += sum_of_product(difference, difference);
  }
}

}  // namespace

std::vector<PlaceError> compare_places(Transformer& first, Transformer& second, const TokenStream& tokens,
                                       int64_t sequence_length, const EvaluationSettings& settings) {
  const c10::InferenceMode inference;
  std::vector<Sums> sums;
  for_each_scored_batch(tokens, sequence_length, settings,
                        [&](const ScoredBatch& batch) { add(listen(first, batch), listen(second, batch), sums); }, {});
  std::vector<PlaceError> errors;
  for (const auto& [name, a, b, product, difference] : sums) {
    errors.push_back({name, a == 0 ? 0 : std::sqrt(difference / a), a * b == 0 ? 1 : product / std::sqrt(a * b)});
  }
  return errors;
}

}  // namespace slm
