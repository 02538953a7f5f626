// SHA-256 through OpenSSL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace slm {

/// Incremental SHA-256; `hex()` ends it.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  /// 64 lower-case hexadecimal digits.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha256_hex(std::string_view text);

/// Of a file's content, read a piece at a time; `on_bytes` hears how many bytes each had. Error (kData) where it cannot
/// be read.
std::string sha256_of_file(const std::filesystem::path& path, const std::function<void(int64_t bytes)>& on_bytes = {});

}  // namespace slm
