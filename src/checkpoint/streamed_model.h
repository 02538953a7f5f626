// A float model that is larger in its folder than in memory: the weights of its linear layers are read block by block,
// when a pass comes there, and given back behind it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/model_folder.h"
#include "checkpoint/parameter_loader.h"

namespace slm {

class StreamedModel {
 public:
  /// Reads everything but the linear layers' weights (a tied head's is the embedding's). Errors as of load_parameters,
  /// those of a weight's shape or dtype when it is read.
  explicit StreamedModel(const std::filesystem::path& folder);

  /// Layers of this model may be replaced; `parent` goes on being the float model over the same memory.
  const LoadedModel& loaded() const { return loaded_; }
  Transformer& parent() const { return *parent_; }

  /// The weights of a block, or for n_layers that of the head, have their values from here on. Returns the layers whose
  /// weights had none.
  std::vector<std::string> read_block(int64_t block);
  /// The weight of a linear layer is not needed before the next read_block or hidden. A tied head's stays.
  void discard(const std::string& layer);

  /// The parent's (B, T, C) after the last norm, for ids (B, T): weights that are discarded are so again behind it.
  at::Tensor hidden(const at::Tensor& ids, const ForwardSettings& settings);

 private:
  struct Part {
    std::vector<const FileTensor*> tensors;     // that hold the weights
    std::map<std::string, at::Tensor> weights;  // (N, K) by layer
  };
  LoadedModel loaded_;
  std::shared_ptr<Transformer> parent_;
  std::unique_ptr<ParameterLoader> loader_;
  std::vector<Part> parts_;          // of every block, and of the head
  std::set<std::string> discarded_;  // layers
};

}  // namespace slm
