// The checkpoints of one run: run/checkpoints/step-000500 and the links latest and best.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/adapter_folder.h"
#include "checkpoint/state_dict.h"
#include "data/tokenizer.h"
#include "model/parameter_arena.h"
#include "model/transformer.h"
#include "quantization/metadata.h"

namespace slm {

/// How far the run has come that saved a checkpoint.
inline constexpr const char* kTrainerStateFile = "trainer_state.json";

/// All that the next step depends on.
struct RunState {
  const TransformerConfig& config;
  const ParameterArena& arena;
  Transformer* model;              // whose layers are codes; null where all parameters lie in the arena
  const Tokenizer* tokenizer;      // null: none is saved
  StateDict optimizer;             // by canonical name, see docs/checkpoint_format.md
  nlohmann::ordered_json trainer;  // trainer_state.json
  std::string training_config;     // the resolved config, YAML
  // Of a model of codes, or one of quantization-aware training: then with learned scales (checkpoint/qat_folder.h).
  std::optional<QuantizationMetadata> quantization = {};
  StateDict qat_scales = {};
  const Adapters* adapters = nullptr;  // over the model, which is then saved as it was
  AdapterInfo adapter_info = {};
};

class CheckpointStore {
 public:
  /// `folder` is run/checkpoints, created at the first save; what a killed process left in it is removed now.
  /// `total_limit` 0 keeps all.
  CheckpointStore(std::filesystem::path folder, std::string run_id, int64_t total_limit);

  /// Saves durably (design: stage, fsync, rename), points `latest` there, and `best` where asked; then removes the
  /// oldest beyond the limit, never the newest or the best. Returns the checkpoint's folder.
  std::filesystem::path save(int64_t step, const RunState& state, bool is_best);

  /// Points `best` at a step that is already saved.
  void mark_best(int64_t step);

  /// Points `best` at nothing.
  void forget_best();

  bool holds(int64_t step) const;

  /// For a run that goes on from `step`: newer checkpoints, of a way that is not followed any more or damaged, are
  /// renamed to superseded-step-…, so that nothing is lost and nothing takes them for the newest. `latest` points to
  /// `step`, `best` to `best_step` (0: to nothing).
  void go_on_from(int64_t step, int64_t best_step);

 private:
  void rotate() const;

  std::filesystem::path folder_;
  std::string run_id_;
  int64_t total_limit_;
};

/// The step-… folders of run/checkpoints by falling step.
std::vector<std::filesystem::path> list_checkpoints(const std::filesystem::path& folder);

/// The newest checkpoint whose manifest and hashes verify; `passed_over` is told of each newer one that does not and
/// why. Nothing where there is none.
std::optional<std::filesystem::path> newest_verified_checkpoint(
    const std::filesystem::path& folder,
    const std::function<void(const std::filesystem::path&, const std::string& reason)>& passed_over);

/// Resolves what a person names as a checkpoint: a checkpoint or Hugging Face folder itself, or a run's folder, whose
/// best (else latest) checkpoint is meant. Error (kData) where there is none.
std::filesystem::path find_checkpoint(const std::filesystem::path& path);

/// Verifies a folder with a manifest; one without is taken unverified with a warning, but refused where it has
/// trainer_state.json or quantization_metadata.json, which only slm writes.
void verify_or_warn(const std::filesystem::path& folder);

}  // namespace slm
