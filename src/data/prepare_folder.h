// The folder of prepared data: a preparation works in preparing/ inside it, and what was there before stays until the
// new files are complete. Whenever the process ends, the next one finds either a journal to go on from, or complete
// files to move.
#pragma once

#include <filesystem>
#include <vector>

namespace slm {

class PrepareFolder {
 public:
  explicit PrepareFolder(std::filesystem::path folder);

  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path record() const { return folder_ / "data.json"; }
  std::filesystem::path tokenizer() const { return folder_ / "tokenizer.json"; }
  std::filesystem::path tokens() const { return folder_ / "tokens"; }

  std::filesystem::path preparing() const { return folder_ / "preparing"; }
  std::filesystem::path new_record() const { return preparing() / "data.json"; }
  std::filesystem::path new_tokenizer() const { return preparing() / "tokenizer.json"; }
  std::filesystem::path new_tokens() const { return preparing() / "tokens"; }
  /// Shards that take the place of those of the same name in new_tokens().
  std::filesystem::path replaced_tokens() const { return preparing() / "replaced"; }
  std::filesystem::path journal() const { return preparing() / "journal.json"; }
  std::filesystem::path standard_input() const { return preparing() / "standard_input"; }

  /// The folders that do not exist yet. Errors (kFailed) of this and of all that follows name the path.
  void create();
  /// Everything of preparing/ but the copy of standard input.
  void start_anew();
  /// preparing/, and the folders that `create` made as far as they are empty.
  void discard();

  /// Moves the new files to their places, where new_record() says that they are complete; old files of the old record
  /// go. May be ended anywhere and called again.
  void publish();

 private:
  std::filesystem::path folder_;
  std::vector<std::filesystem::path> made_;  // by `create`, outermost first
};

}  // namespace slm
