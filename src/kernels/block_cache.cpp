#include "kernels/block_cache.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace slm {
namespace {

constexpr size_t kAlignment = 64;       // of a cache line, and what LibTorch's own allocator gives
constexpr size_t kStepsOfDoubling = 8;  // sizes between a power of two and the next: at most an eighth is unused

// The smallest of the sizes 8, 9 .. 15 times a power of two, in cache lines, that holds `bytes` > 0.
size_t rounded_size(size_t bytes) {
  const size_t lines = (bytes + kAlignment - 1) / kAlignment;
  const int shift = std::max(0, static_cast<int>(std::bit_width(lines - 1)) - 4);
  const size_t step = size_t{1} << shift;
  return (lines + step - 1) / step * step * kAlignment;
}

// Sizes by their number: each doubling has kStepsOfDoubling of them.
size_t size_class(size_t rounded) {
  const size_t lines = rounded / kAlignment;
  if (lines < 2 * kStepsOfDoubling) return lines;
  const int shift = static_cast<int>(std::bit_width(lines)) - 4;
  return static_cast<size_t>(shift) * kStepsOfDoubling + (lines >> shift);
}

// What stands before each block.
struct alignas(kAlignment) Header {
  size_t size;  // of the block without this
};

class BlockCache final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* block = bytes == 0 ? nullptr : take(rounded_size(bytes));
    return {block, block, &give_back, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }

  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

  void limit(size_t bytes) {
    const std::lock_guard lock(mutex_);
    most_idle_ = bytes;
    for (auto& blocks : idle_) {
      while (idle_bytes_ > most_idle_ && !blocks.empty()) {
        idle_bytes_ -= blocks.back()->size;
        std::free(blocks.back());
        blocks.pop_back();
      }
    }
  }

  static BlockCache& instance() {
    static auto* cache = new BlockCache;  // never destroyed: tensors of static objects are freed after main
    return *cache;
  }

 private:
  void* take(size_t size) {
    {
      const std::lock_guard lock(mutex_);
      auto& idle = idle_[size_class(size)];
      if (!idle.empty()) {
        Header* header = idle.back();
        idle.pop_back();
        idle_bytes_ -= size;
        return header + 1;
      }
    }
    auto* header = static_cast<Header*>(std::aligned_alloc(kAlignment, sizeof(Header) + size));
    if (!header) throw std::bad_alloc();
    header->size = size;
    return header + 1;
  }

  bool keep(Header* header) {
    const std::lock_guard lock(mutex_);
    if (idle_bytes_ + header->size > most_idle_) return false;
    idle_[size_class(header->size)].push_back(header);
    idle_bytes_ += header->size;
    return true;
  }

  static void give_back(void* block) {
    if (!block) return;
    auto* header = static_cast<Header*>(block) - 1;
    if (!instance().keep(header)) std::free(header);
  }

  std::mutex mutex_;                                                      // guards what is below
  std::array<std::vector<Header*>, size_t{64} * kStepsOfDoubling> idle_;  // by size class
  size_t idle_bytes_ = 0, most_idle_ = size_t{128} << 20;
};

}  // namespace

void use_block_cache() {
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(&BlockCache::instance(), /*priority=*/1); });
}

void limit_block_cache(size_t bytes) { BlockCache::instance().limit(bytes); }

}  // namespace slm
