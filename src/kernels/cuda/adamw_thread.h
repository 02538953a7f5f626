// What one thread of the AdamW kernel does, compiled for the CPU as well: a test runs the threads one after another and
// compares with the CPU's own loop.
//
// 28 bytes an element pass through memory (30 with a shadow, 22 with bfloat16 moments and a shadow) and some 15
// operations are done to it, so memory sets the pace: elements go in fours, 16 or 8 bytes an access, where the arrays'
// addresses allow it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/adamw_element.h"

namespace slm::cuda {

inline constexpr int kWidth = 4;  // elements that go together

/// Elements [head, head + 4 * groups) go in fours, those before and after one by one.
struct AdamWSplit {
  int64_t head, groups, count;
};

/// Elements until the next address that is a multiple of four of them.
template <class T>
int64_t until_aligned(const T* pointer) {
  const auto past = reinterpret_cast<uintptr_t>(pointer) / sizeof(T) % kWidth;
  return static_cast<int64_t>((kWidth - past) % kWidth);
}

/// All go one by one where the arrays are not aligned alike.
template <class Moment>
AdamWSplit split_elements(const AdamWElements<Moment>& e, int64_t count) {
  const int64_t first = until_aligned(e.parameters);
  const bool alike = first == until_aligned(e.gradients) && first == until_aligned(e.exp_avg) &&
                     first == until_aligned(e.exp_avg_sq) && (!e.shadows || first == until_aligned(e.shadows));
  const int64_t head = alike ? std::min(first, count) : count;
  return {head, (count - head) / kWidth, count};
}

template <class T>
struct alignas(kWidth * sizeof(T)) Four {
  T at[kWidth];
};

template <class T>
SLM_HOST_DEVICE inline Four<T> load_four(const T* pointer) {
  return *reinterpret_cast<const Four<T>*>(pointer);
}

template <class T>
SLM_HOST_DEVICE inline void store_four(T* pointer, const Four<T>& values) {
  *reinterpret_cast<Four<T>*>(pointer) = values;
}

template <class Moment>
SLM_HOST_DEVICE inline void update(float& parameter, float gradient, Moment& exp_avg, Moment& exp_avg_sq,
                                   uint32_t number, const AdamWScalars& s) {
  const AdamWElement old{parameter, cpu::to_float(exp_avg), cpu::to_float(exp_avg_sq)};
  const AdamWElement updated = adamw_element(old, gradient, s);
  const uint32_t random = adamw_random_bits(s.step, number);
  parameter = updated.parameter;
  store_moment(exp_avg, updated.exp_avg, random & 0xffff);
  store_moment(exp_avg_sq, updated.exp_avg_sq, random >> 16);
}

template <class Moment>
SLM_HOST_DEVICE inline void update_one(const AdamWElements<Moment>& e, int64_t i, uint32_t number,
                                       const AdamWScalars& s) {
  update(e.parameters[i], e.gradients[i], e.exp_avg[i], e.exp_avg_sq[i], number, s);
  if (e.shadows) cpu::store(e.shadows[i], e.parameters[i]);
}

// Elements i .. i + 3; the addresses are multiples of four elements.
template <class Moment>
SLM_HOST_DEVICE inline void update_four(const AdamWElements<Moment>& e, int64_t i, uint32_t number,
                                        const AdamWScalars& s) {
  Four<float> parameter = load_four(e.parameters + i);
  const Four<float> gradient = load_four(e.gradients + i);
  Four<Moment> mean = load_four(e.exp_avg + i), square = load_four(e.exp_avg_sq + i);
  Four<cpu::Bfloat16> shadow;
  for (int k = 0; k < kWidth; ++k) {
    update(parameter.at[k], gradient.at[k], mean.at[k], square.at[k], number + k, s);
    cpu::store(shadow.at[k], parameter.at[k]);
  }
  store_four(e.parameters + i, parameter);
  store_four(e.exp_avg + i, mean);
  store_four(e.exp_avg_sq + i, square);
  if (e.shadows) store_four(e.shadows + i, shadow);
}

/// Thread `thread` of `threads`; element i of the arrays has the number first + i in its buffer.
template <class Moment>
SLM_HOST_DEVICE inline void adamw_thread(const AdamWElements<Moment>& e, uint32_t first, const AdamWSplit& split,
                                         const AdamWScalars& s, int64_t thread, int64_t threads) {
  const int64_t tail = split.head + kWidth * split.groups;
  for (int64_t i = split.head + kWidth * thread; i < tail; i += kWidth * threads) {
    update_four(e, i, first + static_cast<uint32_t>(i), s);
  }
  for (int64_t i = thread; i < split.head; i += threads) update_one(e, i, first + static_cast<uint32_t>(i), s);
  for (int64_t i = tail + thread; i < split.count; i += threads) {
    update_one(e, i, first + static_cast<uint32_t>(i), s);
  }
}

}  // namespace slm::cuda
