#include "formats/save_transaction.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <set>

#include "core/error_of.h"
#include "core/file.h"
#include "core/temporary_folder.h"

namespace slm {

namespace fs = std::filesystem;

namespace {

std::string step_name(int step) { return fmt::format("step-{:06}", step); }

void save(const fs::path& checkpoints, int step, size_t bytes = 100'000) {
  SaveTransaction transaction(checkpoints / step_name(step));
  FileWriter writer(transaction.staging() / "model.safetensors");
  for (size_t written = 0; written < bytes; written += 1000) writer.write(std::string(1000, static_cast<char>(step)));
  writer.close();
  FileWriter state(transaction.staging() / "trainer_state.json");
  state.write("{}");
  state.close();
  transaction.commit({.step = step, .run_id = "run"});
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

// Runs `action` in a child process and returns what it exits with; 99 where it throws.
int result_of_child(const std::function<int()>& action) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      _exit(action());
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      _exit(99);
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Mounts a disk of one megabyte that only this process sees; false where the machine does not let it.
bool mount_small_disk(const fs::path& folder) {
  const auto write_all = [](const char* path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    return file.good();
  };
  const auto user = getuid();
  const auto group = getgid();
  return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_all("/proc/self/setgroups", "deny") &&
         write_all("/proc/self/uid_map", fmt::format("0 {} 1", user)) &&
         write_all("/proc/self/gid_map", fmt::format("0 {} 1", group)) &&
         mount("slm-test", folder.c_str(), "tmpfs", 0, "size=1m") == 0;
}

// 0 where saving into `checkpoints`, which holds step 1, fails with `reason` and leaves step 1 and nothing else.
int failed_save_leaves_the_earlier_one(const fs::path& checkpoints, const std::string& reason) {
  const auto error = error_of([&] { save(checkpoints, 2, 4'000'000); });
  if (!error) return 1;
  std::fprintf(stderr, "%s\n", error->what());
  if (error->code() != ExitCode::kFailed) return 2;
  if (std::string(error->what()).find("model.safetensors: cannot be written: " + reason) == std::string::npos) return 3;
  if (names_in(checkpoints) != std::set<std::string>{"step-000001"}) return 4;
  verify_folder(checkpoints / "step-000001");
  save(checkpoints, 3, 1000);  // training goes on, and a smaller one still fits
  verify_folder(checkpoints / "step-000003");
  return 0;
}

}  // namespace

TEST(SaveTransaction, ACommittedFolderVerifiesAndLeavesNoStaging) {
  const TemporaryFolder folder;
  save(folder / "run/checkpoints", 500);
  EXPECT_EQ(names_in(folder / "run/checkpoints"), std::set<std::string>{"step-000500"});
  const Manifest manifest = verify_folder(folder / "run/checkpoints/step-000500");
  EXPECT_EQ(manifest.info.step, 500);
  EXPECT_EQ(manifest.files.size(), 2u);
}

TEST(SaveTransaction, StagesInAHiddenSiblingUntilCommit) {
  const TemporaryFolder folder;
  SaveTransaction transaction(folder / "a/");
  EXPECT_EQ(transaction.staging().parent_path(), folder.path());
  EXPECT_TRUE(transaction.staging().filename().string().starts_with(".tmp-a-")) << transaction.staging();
  EXPECT_FALSE(fs::exists(folder / "a"));
  transaction.commit({.run_id = "run"});
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"a"});
}

TEST(SaveTransaction, WithoutCommitNothingIsLeft) {
  const TemporaryFolder folder;
  {
    const SaveTransaction transaction(folder / "a");
    write_file_atomically(transaction.staging() / "file", "x");
  }
  EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST(SaveTransaction, NeverOverwrites) {
  const TemporaryFolder folder;
  save(folder.path(), 1);
  EXPECT_NE(message_of([&] { SaveTransaction again(folder / "step-000001"); }).find("exists already"),
            std::string::npos);
  SaveTransaction late(folder / "late");
  fs::create_directory(folder / "late");
  EXPECT_NE(message_of([&] { late.commit({.run_id = "run"}); }).find("exists already"), std::string::npos);
  verify_folder(folder / "step-000001");
}

TEST(SaveTransaction, ReplacesWhereAskedAndOnlyOnceTheNewFolderIsWhole) {
  const TemporaryFolder folder;
  const auto write = [&](const std::string& text, bool commits) {
    SaveTransaction transaction(folder / "quantized", Existing::kReplace);
    FileWriter writer(transaction.staging() / "file");
    writer.write(text);
    writer.close();
    if (commits) transaction.commit({});
  };
  write("first", true);
  write("second", false);
  EXPECT_EQ(read_file(folder / "quantized" / "file"), "first");
  write("third", true);
  EXPECT_EQ(read_file(folder / "quantized" / "file"), "third");
  EXPECT_EQ(find_damage(folder / "quantized"), std::vector<std::string>{});
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"quantized"});
}

TEST(SaveTransaction, AFullDiskFailsAndLeavesTheEarlierCheckpoint) {
  const TemporaryFolder folder;
  constexpr int kNoMount = 77;
  const int result = result_of_child([&] {
    if (!mount_small_disk(folder.path())) return kNoMount;
    save(folder.path(), 1, 1000);
    return failed_save_leaves_the_earlier_one(folder.path(), "No space left on device");
  });
  if (result == kNoMount) GTEST_SKIP() << "this machine lets no user mount a small disk";
  EXPECT_EQ(result, 0);
}

TEST(SaveTransaction, AFileSizeLimitFailsAndLeavesTheEarlierCheckpoint) {
  const TemporaryFolder folder;
  save(folder.path(), 1);
  EXPECT_EQ(result_of_child([&] {
              signal(SIGXFSZ, SIG_IGN);
              const rlimit limit{1'000'000, 1'000'000};
              setrlimit(RLIMIT_FSIZE, &limit);
              return failed_save_leaves_the_earlier_one(folder.path(), "File too large");
            }),
            0);
}

TEST(SaveTransaction, AKillInTheMiddleLeavesTheEarlierCheckpointAndOnlyStaging) {
  const TemporaryFolder folder;
  save(folder.path(), 1);
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    SaveTransaction transaction(folder / step_name(2));
    FileWriter writer(transaction.staging() / "model.safetensors");
    writer.write("the first bytes");
    if (write(ready[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  for (const int end : ready) close(end);

  const auto names = names_in(folder.path());
  EXPECT_EQ(names.size(), 2u);
  EXPECT_TRUE(names.begin()->starts_with(".tmp-step-000002-")) << *names.begin();
  verify_folder(folder / step_name(1));
  EXPECT_EQ(remove_stale_staging(folder.path()), 1u);
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{step_name(1)});
  save(folder.path(), 2);
}

// Saves, moves `latest` and rotates without end, and is killed at some moment, again and again.
TEST(SaveTransaction, AKillAtAnyMomentLeavesOnlyWholeCheckpoints) {
  const TemporaryFolder folder;
  save(folder.path(), 1);
  replace_link(folder / "latest", step_name(1));
  int step = 1;
  for (int round = 0; round < 30; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) {
        save(folder.path(), ++step);
        replace_link(folder / "latest", step_name(step));
        remove_folder_safely(folder / step_name(step - 1));
      }
    }
    usleep(static_cast<useconds_t>(5'000 * (round + 1)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);

    verify_folder(folder / "latest");
    remove_stale_staging(folder.path());
    for (const auto& name : names_in(folder.path())) {
      verify_folder(folder / name);
      if (name != "latest") step = std::max(step, std::stoi(name.substr(5)));
    }
    replace_link(folder / "latest", step_name(step));
    for (const auto& name : names_in(folder.path())) {
      if (name != "latest" && name != step_name(step)) remove_folder_safely(folder / name);
    }
  }
  EXPECT_GT(step, 5);  // the children did get somewhere
}

TEST(RemoveFolderSafely, RemovesTheWholeFolderAndNamesWhatItCannotRemove) {
  const TemporaryFolder folder;
  save(folder.path(), 1);
  remove_folder_safely((folder / "step-000001").string() + "/");
  EXPECT_TRUE(names_in(folder.path()).empty());
  EXPECT_TRUE(
      message_of([&] { remove_folder_safely(folder / "none"); }).starts_with((folder / "none").string() + ": "));
}

TEST(ReplaceLink, PointsToTheNewTargetAndNeverFollowsTheOld) {
  const TemporaryFolder folder;
  save(folder.path(), 1);
  save(folder.path(), 2);
  for (const int step : {1, 2, 1}) {
    replace_link(folder / "latest", step_name(step));
    EXPECT_EQ(fs::read_symlink(folder / "latest"), step_name(step));
    EXPECT_EQ(verify_folder(folder / "latest").info.step, step);
  }
  EXPECT_EQ(names_in(folder.path()).size(), 3u);
  EXPECT_TRUE(error_of([&] { replace_link(folder / "step-000001", "step-000002"); }));
  EXPECT_EQ(names_in(folder.path()).size(), 3u);
}

TEST(RemoveStaleStaging, TouchesNothingElse) {
  const TemporaryFolder folder;
  EXPECT_EQ(remove_stale_staging(folder / "none"), 0u);
  save(folder.path(), 1);
  write_file_atomically(folder / "tmp-notes", "x");
  fs::create_directories(folder / ".tmp-a/b");
  write_file_atomically(folder / ".tmp-file", "x");
  EXPECT_EQ(remove_stale_staging(folder.path()), 2u);
  EXPECT_EQ(names_in(folder.path()), (std::set<std::string>{"step-000001", "tmp-notes"}));
}

}  // namespace slm
