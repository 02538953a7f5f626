#include "core/file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "core/error_of.h"
#include "core/temporary_folder.h"

namespace slm {

namespace fs = std::filesystem;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

size_t entries_of(const fs::path& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST(File, WhatIsWrittenIsRead) {
  const TemporaryFolder folder;
  const std::string long_text(1'000'000, 'x');
  FileWriter writer(folder / "a");
  writer.write("zero \0 byte, ");
  writer.write(std::string_view("\0", 1));
  writer.write(long_text);
  writer.close();
  const std::string expected = std::string("zero ") + std::string(1, '\0') + long_text;
  EXPECT_EQ(read_file(folder / "a"), expected);
  EXPECT_EQ(text_of(MappedFile(folder / "a").bytes()), expected);
}

TEST(File, AnEmptyFileIsReadAndMapped) {
  const TemporaryFolder folder;
  FileWriter(folder / "a").close();
  EXPECT_EQ(read_file(folder / "a"), "");
  EXPECT_TRUE(MappedFile(folder / "a").bytes().empty());
}

TEST(File, FilesWithoutStatedSizeAreReadWhole) { EXPECT_TRUE(read_file("/proc/self/status").starts_with("Name:")); }

TEST(File, ReadingNamesPathAndReason) {
  const TemporaryFolder folder;
  const std::string missing = (folder / "missing").string();
  const std::string path = folder.path().string();
  EXPECT_EQ(message_of([&] { read_file(missing); }), missing + ": cannot be opened: No such file or directory");
  EXPECT_EQ(message_of([&] { MappedFile map(missing); }), missing + ": cannot be opened: No such file or directory");
  EXPECT_EQ(message_of([&] { read_file(path); }), path + ": is a folder; expected a file");
  EXPECT_EQ(message_of([&] { MappedFile map(path); }), path + ": is a folder; expected a file");
  EXPECT_EQ(error_of([&] { read_file(missing); })->code(), ExitCode::kData);
}

TEST(File, AMapMovesWithItsOwner) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "first");
  write_file_atomically(folder / "b", "second");
  MappedFile a(folder / "a");
  MappedFile b(std::move(a));
  EXPECT_EQ(text_of(b.bytes()), "first");
  b = MappedFile(folder / "b");
  EXPECT_EQ(text_of(b.bytes()), "second");
}

TEST(File, PartsOfAFileAreReadUpToItsEnd) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "0123456789");
  const FileReader reader(folder / "a");
  std::array<std::byte, 4> buffer{};
  EXPECT_EQ(reader.read_at(2, buffer), 4u);
  EXPECT_EQ(text_of(buffer), "2345");
  EXPECT_EQ(reader.read_at(8, buffer), 2u);
  EXPECT_EQ(text_of(std::span(buffer).first(2)), "89");
  EXPECT_EQ(reader.read_at(10, buffer), 0u);
}

TEST(File, AFullDiskIsAnErrorThatNamesIt) {
  const std::string message = "/dev/full: cannot be written: No space left on device";
  FileWriter writer("/dev/full");
  const auto error = error_of([&] { writer.write("x"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->what(), message);
  EXPECT_EQ(error->code(), ExitCode::kFailed);
}

// The system takes the bytes up to the limit, then none: a write that took only a part must be gone on with.
TEST(File, AWriteThatEndsInTheMiddleIsAnError) {
  const TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    FileWriter writer(folder / "a");
    const auto message = message_of([&] { writer.write(std::string(2000, 'x')); });
    _exit(message == (folder / "a").string() + ": cannot be written: File too large" ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(fs::file_size(folder / "a"), 1000u);
}

TEST(File, AtomicWritesReplaceAndLeaveNothingElse) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "first");
  write_file_atomically(folder / "a", "second");
  EXPECT_EQ(read_file(folder / "a"), "second");
  EXPECT_EQ(entries_of(folder.path()), 1u);
}

TEST(File, AFailedAtomicWriteLeavesTheFolderAsItWas) {
  const TemporaryFolder folder;
  fs::create_directories(folder.path() / "taken" / "inside");
  EXPECT_NE(message_of([&] { write_file_atomically(folder / "taken", "x"); }).find("cannot be replaced"),
            std::string::npos);
  EXPECT_EQ(entries_of(folder.path()), 1u);
  EXPECT_NE(message_of([&] { write_file_atomically(folder.path() / "none" / "a", "x"); }).find("cannot be created"),
            std::string::npos);
}

}  // namespace slm
