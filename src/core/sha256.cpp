#include "core/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <vector>

#include "core/error.h"
#include "core/file.h"

namespace slm {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  SLM_CHECK(state_->context != nullptr);
  SLM_CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  SLM_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

void Sha256::update(std::string_view text) { update(std::as_bytes(std::span(text.data(), text.size()))); }

std::string Sha256::hex() {
  std::array<unsigned char, 32> digest{};
  unsigned int length = 0;
  SLM_CHECK(EVP_DigestFinal_ex(state_->context, digest.data(), &length) == 1 && length == digest.size());
  std::string text;
  for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string sha256_hex(std::string_view text) { return sha256_hex(std::as_bytes(std::span(text.data(), text.size()))); }

std::string sha256_of_file(const std::filesystem::path& path, const std::function<void(int64_t)>& on_bytes) {
  constexpr size_t kBlock = size_t{1} << 20;
  const FileReader reader(path);
  std::vector<std::byte> block(kBlock);
  Sha256 hash;
  for (uint64_t offset = 0;;) {
    const size_t got = reader.read_at(offset, block);
    if (got == 0) return hash.hex();
    hash.update(std::span(block).first(got));
    if (on_bytes) on_bytes(static_cast<int64_t>(got));
    offset += got;
  }
}

}  // namespace slm
