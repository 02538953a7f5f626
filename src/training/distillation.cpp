#include "training/distillation.h"

#include <c10/core/GradMode.h>

#include "core/error.h"
#include "formats/manifest.h"

namespace slm {

LoadedModel copy_parent(const TransformerConfig& config, const ParameterArena& arena, const ParentSettings& settings) {
  const c10::NoGradGuard no_grad;
  auto parent = build_model(config, {.dtype = settings.dtype, .device = settings.device});
  const auto values = arena.by_name();
  for (const auto& [name, value] : parent.arena->values()) value.copy_(values.at(name));
  parent.arena->update_shadows();
  return parent;
}

LoadedModel read_parent(const std::filesystem::path& folder, const ParentIdentity& wanted,
                        const TransformerConfig& config, const ParentSettings& settings) {
  const auto& [start, run_id] = wanted;
  if (!std::filesystem::exists(folder)) {
    fail(ExitCode::kData,
         "qat_distill_weight: {} is missing, the float model of step {} that the run learns from; put it back, or "
         "resume from a checkpoint of step {} or earlier",
         folder.string(), start, start);
  }
  const auto found = verify_folder(folder).info;
  if (found.step != start || found.run_id != run_id) {
    fail(ExitCode::kData,
         "qat_distill_weight: {} is of step {} of the run {}, expected step {} of the run {}, where QAT began",
         folder.string(), found.step, found.run_id, start, run_id);
  }
  auto parent = build_model(config, {.dtype = settings.dtype, .device = settings.device});
  load_parameters(folder, config, *parent.arena);
  return parent;
}

}  // namespace slm
