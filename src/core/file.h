// Files: whole reads, memory maps, and writes that are on the disk when they return.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace slm {

/// The file's bytes. Error (kData) naming path and reason where it is missing, a folder or unreadable.
std::string read_file(const std::filesystem::path& path);

/// Read-only map of a whole file; an empty file gives an empty span.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

/// Reads parts of a file. Unlike a map, a damaged disk gives an error here and not a signal.
/// Errors (kData) name the path and the system's reason.
class FileReader {
 public:
  explicit FileReader(const std::filesystem::path& path);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  /// The next bytes of the file from `offset` on, `buffer.size()` of them or less where the file ends; 0 at its end.
  size_t read_at(uint64_t offset, std::span<std::byte> buffer) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// Writes a new file piece by piece (an existing one is emptied first). Every return value is checked; `close` fsyncs.
/// Without `close` the destructor closes the descriptor and leaves an unfinished file for its owner (a SaveTransaction,
/// say) to remove. Errors (kFailed) name the path and the system's reason, "No space left on device" for example.
class FileWriter {
 public:
  explicit FileWriter(const std::filesystem::path& path);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// Writes over bytes that are there already; the next `write` still goes to the end.
  void overwrite(uint64_t offset, std::span<const std::byte> bytes);
  void close();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// Makes a folder and the ones above it where they are missing. Error (kFailed) with the system's reason.
void make_folder(const std::filesystem::path& path);

/// Copies a file to a name that is free. Error (kFailed) with the system's reason.
void copy_file_to(const std::filesystem::path& from, const std::filesystem::path& to);

/// fsync of a file that somebody else wrote.
void sync_file(const std::filesystem::path& path);

/// fsync of a directory, so that a rename inside it is durable.
void sync_directory(const std::filesystem::path& directory);

/// Replaces `path` by `content` atomically and durably (temporary neighbour, fsync, rename, fsync of the folder).
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace slm
