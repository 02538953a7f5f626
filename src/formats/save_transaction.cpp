#include "formats/save_transaction.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "core/file.h"

namespace slm {

namespace fs = std::filesystem;

namespace {

fs::path parent_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

// A sibling that no other saver, of this process or another, uses.
fs::path staging_sibling(const fs::path& path) {
  static std::atomic<unsigned> serial = 0;
  return parent_of(path) / fmt::format("{}{}-{}-{}", kStagingPrefix, path.filename().string(), ::getpid(), serial++);
}

// "runs/a/" names the same folder as "runs/a", but has no file name.
fs::path without_trailing_slash(const fs::path& path) { return path.has_filename() ? path : path.parent_path(); }

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() != fs::file_type::not_found;
}

void rename_checked(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) fail(ExitCode::kFailed, "{}: cannot be renamed to {}: {}", from.string(), to.string(), error.message());
}

void remove_checked(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) fail(ExitCode::kFailed, "{}: cannot be removed: {}", path.string(), error.message());
}

void refuse_existing(const fs::path& folder) {
  if (is_there(folder)) {
    fail(ExitCode::kFailed, "{}: exists already; a saved folder is never overwritten (remove it or use another name)",
         folder.string());
  }
}

// Whether the two names have changed places; not every file system can.
bool exchange(const fs::path& one, const fs::path& other) {
  return ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0;
}

}  // namespace

SaveTransaction::SaveTransaction(const fs::path& final_folder, Existing existing)
    : final_folder_(without_trailing_slash(final_folder)),
      staging_(staging_sibling(final_folder_)),
      existing_(existing) {
  if (existing_ == Existing::kRefuse) refuse_existing(final_folder_);
  const fs::path parent = parent_of(final_folder_);
  existing_parent_ = parent;
  while (!is_there(existing_parent_)) existing_parent_ = parent_of(existing_parent_);
  std::error_code error;
  fs::create_directories(parent, error);
  if (!error) fs::create_directory(staging_, error);
  if (error) fail(ExitCode::kFailed, "{}: cannot be created: {}", staging_.string(), error.message());
}

SaveTransaction::~SaveTransaction() {
  std::error_code ignored;  // an error on the way here is being reported already, and readers pass over the rest
  if (!committed_) fs::remove_all(staging_, ignored);
}

void SaveTransaction::commit(const SaveInfo& info) {
  SLM_CHECK(!committed_);
  const Manifest manifest = describe_folder(staging_, info);
  for (const auto& [name, file] : manifest.files) sync_file(staging_ / name);
  for (const auto& entry : fs::directory_iterator(staging_)) {
    if (entry.is_directory()) sync_directory(entry.path());
  }
  write_manifest(staging_, manifest);
  sync_directory(staging_);
  take_final_name();
  committed_ = true;
  fs::path folder = parent_of(final_folder_);
  for (; folder != existing_parent_; folder = parent_of(folder)) sync_directory(folder);
  sync_directory(existing_parent_);
}

void SaveTransaction::take_final_name() {
  if (existing_ == Existing::kRefuse) refuse_existing(final_folder_);
  if (!is_there(final_folder_)) return rename_checked(staging_, final_folder_);
  if (exchange(staging_, final_folder_)) {
    sync_directory(parent_of(final_folder_));
    return remove_checked(staging_);
  }
  const fs::path doomed = staging_sibling(final_folder_);
  rename_checked(final_folder_, doomed);
  rename_checked(staging_, final_folder_);
  sync_directory(parent_of(final_folder_));
  remove_checked(doomed);
}

void remove_folder_safely(const fs::path& folder) {
  const fs::path named = without_trailing_slash(folder);
  const fs::path doomed = staging_sibling(named);
  rename_checked(named, doomed);
  sync_directory(parent_of(named));
  remove_checked(doomed);
}

void replace_link(const fs::path& link, const fs::path& target) {
  const fs::path temporary = staging_sibling(link);
  std::error_code error;
  fs::create_symlink(target, temporary, error);
  if (error) fail(ExitCode::kFailed, "{}: link cannot be created: {}", temporary.string(), error.message());
  fs::rename(temporary, link, error);
  if (error) {
    std::error_code ignored;  // the first error is the one to report
    fs::remove(temporary, ignored);
    fail(ExitCode::kFailed, "{}: link cannot be replaced: {}", link.string(), error.message());
  }
  sync_directory(parent_of(link));
}

size_t remove_stale_staging(const fs::path& parent_folder) {
  if (!is_there(parent_folder)) return 0;
  std::vector<fs::path> stale;
  std::error_code error;
  for (fs::directory_iterator entry(parent_folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename().string().starts_with(kStagingPrefix)) stale.push_back(entry->path());
  }
  if (error) fail(ExitCode::kFailed, "{}: folder cannot be read: {}", parent_folder.string(), error.message());
  for (const fs::path& path : stale) remove_checked(path);
  return stale.size();
}

}  // namespace slm
