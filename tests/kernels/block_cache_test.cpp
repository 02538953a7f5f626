#include "kernels/block_cache.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <vector>

namespace slm {
namespace {

at::Tensor bytes(int64_t count) { return at::empty({count}, at::kByte); }

TEST(BlockCache, GivesAFreedBlockToTheNextTensorOfThatSize) {
  use_block_cache();
  for (const int64_t size : {1, 64, 65, 1000, 4096, 100'000, 3 << 20, 50 << 20}) {
    const void* block = bytes(size).data_ptr();  // freed at once
    EXPECT_EQ(bytes(size).data_ptr(), block) << size;
  }
}

TEST(BlockCache, BlocksAreLargeEnoughApartAndAligned) {
  use_block_cache();
  std::vector<at::Tensor> blocks;
  for (int64_t size = 1; size < 200'000; size += size / 7 + 1) {
    blocks.push_back(bytes(size).fill_(static_cast<int>(blocks.size() % 251)));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(blocks.back().data_ptr()) % 64, 0u) << size;
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    const auto* data = blocks[i].data_ptr<uint8_t>();
    EXPECT_TRUE(std::all_of(data, data + blocks[i].numel(), [&](uint8_t byte) { return byte == i % 251; })) << i;
  }
}

TEST(BlockCache, ATensorOfNothingAndOneTooLarge) {
  use_block_cache();
  EXPECT_EQ(bytes(0).numel(), 0);
  EXPECT_THROW(bytes(int64_t{1} << 60), std::bad_alloc);
}

}  // namespace
}  // namespace slm
