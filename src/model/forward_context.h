// What every block of one forward pass shares.
#pragma once

#include <optional>
#include <string_view>

#include "model/dropout_place.h"
#include "model/kv_cache.h"
#include "model/rope.h"
#include "model/tap.h"

namespace slm {

struct ForwardContext {
  std::optional<RopeAngles> angles;  // of the tokens' positions; nothing with learned positions
  KvCache* cache = nullptr;          // null: attention within x alone
  const Tap* tap = nullptr;
  DropoutPlace dropout = {};
  at::Tensor mask = {};  // (B, 1, T, T) for masked_attention; undefined: causal attention

  void listen(std::string_view name, const at::Tensor& value) const {
    if (tap) (*tap)(name, value);
  }

  /// What joins the residual stream at the place `name` (of the tap's names): after dropout, and heard by the tap.
  at::Tensor join(std::string_view name, at::Tensor value) const;
};

}  // namespace slm
