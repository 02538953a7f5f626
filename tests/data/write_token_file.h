// Token files for tests, in one call.
#pragma once

#include <filesystem>
#include <span>

#include "data/token_file.h"

namespace slm {

inline void write_token_file(const std::filesystem::path& path, std::span<const int32_t> ids, int64_t vocab_size) {
  TokenFileWriter writer(path, vocab_size);
  writer.append(ids);
  writer.finish();
}

}  // namespace slm
