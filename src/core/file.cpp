#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace slm {

namespace {

std::string reason(int error_number) { return std::generic_category().message(error_number); }

// Closes on every way out of a scope; writers close by hand to see the result.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int value() const { return value_; }

 private:
  int value_;
};

int open_retrying(const std::filesystem::path& path, int flags, mode_t mode = 0) {
  int descriptor;
  do {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

int open_for_reading(const std::filesystem::path& path) {
  const int descriptor = open_retrying(path, O_RDONLY);
  if (descriptor < 0) fail(ExitCode::kData, "{}: cannot be opened: {}", path.string(), reason(errno));
  return descriptor;
}

struct stat status_of(const Descriptor& descriptor, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(descriptor.value(), &status) != 0) {
    fail(ExitCode::kData, "{}: cannot be examined: {}", path.string(), reason(errno));
  }
  if (S_ISDIR(status.st_mode)) fail(ExitCode::kData, "{}: is a folder; expected a file", path.string());
  return status;
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  const Descriptor descriptor(open_for_reading(path));
  const struct stat status = status_of(descriptor, path);
  // Room for one byte more than the stated size, so that the end is seen without growing; a pipe states 0.
  std::string content(static_cast<size_t>(status.st_size) + 1, '\0');
  size_t filled = 0;
  for (;;) {
    if (filled == content.size()) content.resize(content.size() * 2 + 4096);
    const ssize_t got = ::read(descriptor.value(), content.data() + filled, content.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(ExitCode::kData, "{}: cannot be read: {}", path.string(), reason(errno));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  content.resize(filled);
  return content;
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor descriptor(open_for_reading(path));
  const struct stat status = status_of(descriptor, path);
  if (!S_ISREG(status.st_mode)) fail(ExitCode::kData, "{}: is no regular file; it cannot be mapped", path.string());
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor.value(), 0);
  if (address == MAP_FAILED) {
    fail(ExitCode::kData, "{}: cannot be mapped into memory: {}", path.string(), reason(errno));
  }
  data_ = static_cast<const std::byte*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

FileReader::FileReader(const std::filesystem::path& path) : path_(path), descriptor_(open_for_reading(path)) {}

FileReader::~FileReader() { ::close(descriptor_); }

size_t FileReader::read_at(uint64_t offset, std::span<std::byte> buffer) const {
  size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t got =
        ::pread(descriptor_, buffer.data() + filled, buffer.size() - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(ExitCode::kData, "{}: cannot be read: {}", path_.string(), reason(errno));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

FileWriter::FileWriter(const std::filesystem::path& path)
    : path_(path), descriptor_(open_retrying(path, O_WRONLY | O_CREAT | O_TRUNC, 0666)) {
  if (descriptor_ < 0) fail(ExitCode::kFailed, "{}: cannot be created: {}", path_.string(), reason(errno));
}

FileWriter::~FileWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void FileWriter::write(std::span<const std::byte> bytes) {
  SLM_CHECK(descriptor_ >= 0);
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(ExitCode::kFailed, "{}: cannot be written: {}", path_.string(), reason(errno));
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void FileWriter::write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }

void FileWriter::overwrite(uint64_t offset, std::span<const std::byte> bytes) {
  SLM_CHECK(descriptor_ >= 0);
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(ExitCode::kFailed, "{}: cannot be written: {}", path_.string(), reason(errno));
    bytes = bytes.subspan(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
}

void FileWriter::close() {
  SLM_CHECK(descriptor_ >= 0);
  const int descriptor = std::exchange(descriptor_, -1);
  const int sync_error = ::fsync(descriptor) == 0 ? 0 : errno;
  // Linux releases the descriptor even where close reports EINTR; the data is already on the disk then.
  const int close_error = ::close(descriptor) == 0 || errno == EINTR ? 0 : errno;
  const int error = sync_error != 0 ? sync_error : close_error;
  if (error != 0) fail(ExitCode::kFailed, "{}: cannot be written to the disk: {}", path_.string(), reason(error));
}

void make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail(ExitCode::kFailed, "{}: cannot be created: {}", path.string(), error.message());
}

void copy_file_to(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  std::filesystem::copy_file(from, to, error);
  if (error) fail(ExitCode::kFailed, "{}: cannot be copied to {}: {}", from.string(), to.string(), error.message());
}

void sync_file(const std::filesystem::path& path) {
  const Descriptor descriptor(open_for_reading(path));
  if (::fsync(descriptor.value()) != 0) {
    fail(ExitCode::kFailed, "{}: cannot be written to the disk: {}", path.string(), reason(errno));
  }
}

void sync_directory(const std::filesystem::path& directory) {
  const Descriptor descriptor(open_retrying(directory, O_RDONLY | O_DIRECTORY));
  if (descriptor.value() < 0) {
    fail(ExitCode::kFailed, "{}: folder cannot be opened: {}", directory.string(), reason(errno));
  }
  // EINVAL: a file system that has no fsync of folders.
  if (::fsync(descriptor.value()) != 0 && errno != EINVAL) {
    fail(ExitCode::kFailed, "{}: folder cannot be written to the disk: {}", directory.string(), reason(errno));
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  static std::atomic<unsigned> serial = 0;  // two threads may write the same file
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const auto temporary = folder / fmt::format(".tmp-{}-{}-{}", path.filename().string(), ::getpid(), serial++);
  try {
    FileWriter writer(temporary);
    writer.write(content);
    writer.close();
    std::error_code error;
    std::filesystem::rename(temporary, path, error);
    if (error) fail(ExitCode::kFailed, "{}: cannot be replaced: {}", path.string(), error.message());
  } catch (...) {
    std::error_code ignored;  // the first error is the one to report
    std::filesystem::remove(temporary, ignored);
    throw;
  }
  sync_directory(folder);
}

}  // namespace slm
