// The float model that quantization-aware training began from goes on teaching the quantized one: distillation from
// itself, with no other model (Liu et al. 2023, arXiv:2305.17888).
#pragma once

#include <filesystem>
#include <string>

#include "checkpoint/model_folder.h"

namespace slm {

class Distillation {
 public:
  /// `weight` of the divergence in the loss, above 0.
  Distillation(LoadedModel parent, double weight) : parent_(std::move(parent)), weight_(weight) {}

  /// Of token ids (B, T); document_starts as in ForwardSettings. Nothing is dropped out.
  HeadTeacher teach(const at::Tensor& ids, const at::Tensor& document_starts) const {
    return parent_.model->teach(ids, {.document_starts = document_starts}, weight_);
  }

 private:
  LoadedModel parent_;
  double weight_;
};

/// How the parent lies in memory: as the student's layers compute, without gradients.
struct ParentSettings {
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
};

/// A float model of shape `config` with the values of `arena`.
LoadedModel copy_parent(const TransformerConfig& config, const ParameterArena& arena, const ParentSettings& settings);

/// Which model is wanted: of the run `run_id` at step `start`.
struct ParentIdentity {
  int64_t start = 0;
  std::string run_id;
};

/// The same model from the folder that it was saved in. Error (kData) where the folder is missing, does not verify, or
/// holds another model.
LoadedModel read_parent(const std::filesystem::path& folder, const ParentIdentity& wanted,
                        const TransformerConfig& config, const ParentSettings& settings);

}  // namespace slm
