// Memory of tensors on the CPU, kept for the next tensor of that size.
#pragma once

#include <cstddef>

namespace slm {

/// From now on LibTorch takes the CPU's tensors from a cache of blocks by size. A training step frees and takes the
/// same sizes again and again; the heap would split and join its blocks each time, and give those above 32 MiB back to
/// the system, so that each of their pages faults anew. Contents are not cleared. std::bad_alloc where no memory is
/// left. To be called before the first tensor is made; later calls do nothing.
void use_block_cache();

/// The most that the cache keeps of what is free, 128 MiB unless it is told; what is above that is freed now. Where
/// memory counts more than time.
void limit_block_cache(size_t bytes);

}  // namespace slm
