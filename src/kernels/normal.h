// Normal random numbers that are a pure function of a key and an element's place.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace slm {

/// Fills a contiguous float32 tensor, drawn on the CPU wherever it lies, with normal(0, standard_deviation) by Box and
/// Muller's transform (1958) of Philox's words. An element depends on (key, its place in memory order) alone: neither
/// on threads nor on the tensor's size. Values lie within 6.7 standard deviations.
void fill_normal(const at::Tensor& out, double standard_deviation, uint64_t key);

}  // namespace slm
