#include "model/embedding.h"

#include <fmt/format.h>

#include <ostream>

#include "kernels/embedding.h"
#include "model/unplaced_parameter.h"

namespace slm {

Embedding::Embedding(int64_t count, int64_t width)
    : weight_(register_parameter("weight", unplaced_parameter({count, width}))) {}

at::Tensor Embedding::forward(const at::Tensor& ids) const { return embedding_lookup(weight_, ids); }

void Embedding::pretty_print(std::ostream& stream) const {
  stream << fmt::format("Embedding({}, {})", weight_.size(0), weight_.size(1));
}

}  // namespace slm
