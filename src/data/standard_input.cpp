#include "data/standard_input.h"

#include <unistd.h>

#include <cerrno>
#include <span>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "core/file.h"

namespace slm {

int64_t copy_standard_input(const std::filesystem::path& path) {
  if (::isatty(STDIN_FILENO)) return 0;
  constexpr size_t kBlock = size_t{1} << 20;
  std::vector<std::byte> block(kBlock);
  FileWriter writer(path);
  int64_t bytes = 0;
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(ExitCode::kData, "standard input: cannot be read: {}", std::generic_category().message(errno));
    if (got == 0) break;
    writer.write(std::span(block).first(static_cast<size_t>(got)));
    bytes += got;
  }
  writer.close();
  return bytes;
}

}  // namespace slm
