// What every block of one forward pass shares.
#pragma once

#include "model/kv_cache.h"
#include "model/rope.h"
#include "model/tap.h"

namespace slm {

struct ForwardContext {
  const Rope* rope = nullptr;  // null with learned positions
  int64_t first_position = 0;  // of the first token of x
  KvCache* cache = nullptr;    // null: attention within x alone
  const Tap* tap = nullptr;

  void listen(std::string_view name, const at::Tensor& value) const {
    if (tap) (*tap)(name, value);
  }
};

}  // namespace slm
