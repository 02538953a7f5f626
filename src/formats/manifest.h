// manifest.json of a folder that was saved as a whole: which files it has, their sizes, and the SHA-256 of every piece
// of 64 MiB, so that any damage is seen before a byte is used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace slm {

inline constexpr const char* kManifestFile = "manifest.json";
/// The version that this program writes. A newer one is refused by name.
inline constexpr int64_t kManifestVersion = 1;
inline constexpr uint64_t kManifestPieceBytes = uint64_t{64} << 20;

/// What the saver says of the folder.
struct SaveInfo {
  std::string kind = "checkpoint";
  int64_t step = 0;
  std::string run_id = {};
  std::optional<std::string> parent = {};  // what it was made from, where that is known
};

struct ManifestFile {
  uint64_t size = 0;
  std::vector<std::string> sha256 = {};  // one for each piece; the last piece may be shorter, an empty file has none
};

struct Manifest {
  int64_t format_version = kManifestVersion;
  SaveInfo info = {};
  std::map<std::string, ManifestFile> files = {};
};

/// Reads every file of `folder` but its manifest. The folder holds plain files and folders of them (`adapter/a.json`).
Manifest describe_folder(const std::filesystem::path& folder, const SaveInfo& info);

/// Writes `folder`/manifest.json, on the disk on return. Error (kFailed) as of FileWriter.
void write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

/// Reads `folder`/manifest.json. Error (kData) where it is missing, of a newer version, or holds anything unexpected.
Manifest read_manifest(const std::filesystem::path& folder);

/// What differs between the folder's files and its manifest, one message a file, each beginning with its path; empty
/// where everything verifies. Files that the manifest does not list are ignored. Error (kData) as of `read_manifest`.
std::vector<std::string> find_damage(const std::filesystem::path& folder);

/// Error (kData) with the first message of `find_damage`; else the manifest.
Manifest verify_folder(const std::filesystem::path& folder);

}  // namespace slm
