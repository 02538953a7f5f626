// Saving a folder so that it exists either whole or not at all, whatever happens in between.
//
// Everything is written into a sibling whose name begins with ".tmp-", each file and the folder are fsynced, the
// manifest comes last, then one rename makes the folder appear under its name, and the parent is fsynced. A process
// that is killed, or a machine that loses power, leaves at most a ".tmp-" folder, which no reader looks at. Removing
// goes the same way backwards: first the rename to ".tmp-", then the removal.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "formats/manifest.h"

namespace slm {

/// What becomes of a folder that stands under the final name already.
enum class Existing { kRefuse, kReplace };

/// What every unfinished file and folder is called at its beginning.
inline constexpr std::string_view kStagingPrefix = ".tmp-";
/// What a checkpoint is called that a run left behind when it went on from an earlier one.
inline constexpr std::string_view kSupersededPrefix = "superseded-";

class SaveTransaction {
 public:
  /// Makes the staging folder, and the parents of `final_folder` where they are missing. Error (kFailed) where
  /// `final_folder` exists and is not to be replaced, or the staging folder cannot be made.
  explicit SaveTransaction(const std::filesystem::path& final_folder, Existing existing = Existing::kRefuse);
  /// Drops the staging folder if nothing was committed.
  ~SaveTransaction();
  SaveTransaction(const SaveTransaction&) = delete;
  SaveTransaction& operator=(const SaveTransaction&) = delete;

  /// Where the files go: plain files, and folders of plain files.
  const std::filesystem::path& staging() const { return staging_; }

  const std::filesystem::path& final_folder() const { return final_folder_; }

  /// On return the folder stands under its final name and is on the disk; one that it replaces stands there until then
  /// (on file systems that cannot exchange two names, for all but a moment). Error (kFailed) with the system's reason.
  void commit(const SaveInfo& info);

 private:
  void take_final_name();

  std::filesystem::path final_folder_, staging_;
  Existing existing_;
  std::filesystem::path existing_parent_;  // the nearest folder that was there before
  bool committed_ = false;
};

/// Removes a folder so that a kill in between leaves no part of it under its name. Error (kFailed).
void remove_folder_safely(const std::filesystem::path& folder);

/// Makes the symbolic link `link` point to `target` (relative to the link's folder), atomically and durably.
void replace_link(const std::filesystem::path& link, const std::filesystem::path& target);

/// Removes what killed processes left in `parent_folder`; not while another process saves into it. Returns the number
/// of entries removed; 0 where the folder does not exist. Error (kFailed).
size_t remove_stale_staging(const std::filesystem::path& parent_folder);

}  // namespace slm
