#include "data/prepare_folder.h"

#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "data/data_record.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

bool file_exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

void remove_path(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) fail(ExitCode::kFailed, "{}: cannot be removed: {}", path.string(), error.message());
}

void move_file(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) fail(ExitCode::kFailed, "{}: cannot be moved to {}: {}", from.string(), to.string(), error.message());
}

// Each file of `from` to `to`.
void move_files(const fs::path& from, const fs::path& to) {
  if (!file_exists(from)) return;
  for (const auto& entry : fs::directory_iterator(from)) move_file(entry.path(), to / entry.path().filename());
}

std::set<std::string> files_of(const DataRecord& record) {
  std::set<std::string> files;
  const auto add = [&](const StreamRecord& stream) {
    for (const ShardRecord& shard : stream.shards) {
      for (const std::string& file : shard.files()) files.insert(file);
    }
  };
  for (const StreamRecord& stream : record.train) add(stream);
  if (record.validation) add(*record.validation);
  return files;
}

// Files of the folder that are not among `kept`.
void remove_others(const fs::path& folder, const std::set<std::string>& kept) {
  if (!file_exists(folder)) return;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!kept.contains(entry.path().filename())) remove_path(entry.path());
  }
}

}  // namespace

PrepareFolder::PrepareFolder(fs::path folder) : folder_(std::move(folder)) {}

void PrepareFolder::create() {
  std::vector<fs::path> missing;
  for (fs::path path = fs::absolute(folder_); !file_exists(path); path = path.parent_path()) missing.push_back(path);
  made_.insert(made_.end(), missing.rbegin(), missing.rend());
  make_folder(new_tokens());
  make_folder(replaced_tokens());
}

void PrepareFolder::start_anew() {
  for (const fs::path& path : {new_record(), journal(), new_tokenizer(), new_tokens(), replaced_tokens()}) {
    remove_path(path);
  }
  create();
}

void PrepareFolder::discard() {
  remove_path(preparing());
  std::error_code not_empty;  // then something else of value is in it
  for (auto path = made_.rbegin(); path != made_.rend(); ++path) fs::remove(*path, not_empty);
  made_.clear();
}

void PrepareFolder::publish() {
  const auto record = read_data_record(new_record());
  if (!record) return;
  const auto files = files_of(*record);
  make_folder(tokens());
  // The old record goes before its files change, so that it never vouches for files of two preparations.
  if (const auto old = read_data_record(PrepareFolder::record())) {
    for (const std::string& file : files_of(*old)) {
      if (!files.contains(file)) remove_path(tokens() / file);
    }
  }
  remove_path(PrepareFolder::record());
  move_files(replaced_tokens(), new_tokens());
  remove_others(new_tokens(), files);
  move_files(new_tokens(), tokens());
  if (file_exists(new_tokenizer())) move_file(new_tokenizer(), tokenizer());
  sync_directory(tokens());
  move_file(new_record(), PrepareFolder::record());
  sync_directory(folder_);
  remove_path(preparing());
}

}  // namespace slm
