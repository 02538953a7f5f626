// A target without a loss.
#pragma once

#include <cstdint>

namespace slm {

inline constexpr int64_t kIgnoredTarget = -100;  // as in PyTorch

}  // namespace slm
