#include "formats/manifest.h"

#include <algorithm>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/json_members.h"
#include "formats/piece_hashes.h"

namespace slm {

namespace fs = std::filesystem;

namespace {

bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name != kManifestFile &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

// A name of a file of the folder itself, or of a folder in it: nothing that could lead out of it.
bool is_file_name(std::string_view name) {
  const auto slash = name.find('/');
  if (slash == std::string_view::npos) return is_plain_name(name);
  return is_plain_name(name.substr(0, slash)) && is_plain_name(name.substr(slash + 1));
}

uint64_t piece_count(uint64_t size) { return size / kManifestPieceBytes + (size % kManifestPieceBytes != 0 ? 1 : 0); }

ManifestFile read_file_entry(const nlohmann::json& json, const std::string& where) {
  const JsonMembers members(json, where);
  members.allow_only({"size", "sha256"});
  ManifestFile file{.size = members.count("size")};
  const auto& hashes = members.at("sha256");
  if (!hashes.is_array() || hashes.size() != piece_count(file.size)) {
    fail(ExitCode::kData, "{}: sha256 is no list of {} hashes, one for every 64 MiB", where, piece_count(file.size));
  }
  for (const auto& hash : hashes) {
    if (!hash.is_string() || !is_sha256(hash.get_ref<const std::string&>())) {
      fail(ExitCode::kData, "{}: sha256 holds {}; expected 64 lower-case hexadecimal digits", where,
           quote_json(hash.dump()));
    }
    file.sha256.push_back(hash.get<std::string>());
  }
  return file;
}

// The message for one file whose size has been compared; empty where its hashes are as listed.
std::string compare_hashes(const fs::path& path, const ManifestFile& listed, const std::vector<std::string>& found) {
  const auto [first, ignored] = std::mismatch(listed.sha256.begin(), listed.sha256.end(), found.begin());
  if (first == listed.sha256.end()) return "";
  const auto piece = static_cast<uint64_t>(first - listed.sha256.begin());
  return fmt::format("{}: SHA-256 differs from {} in bytes {} to {} (file damaged after saving)", path.string(),
                     kManifestFile, piece * kManifestPieceBytes,
                     std::min(listed.size, (piece + 1) * kManifestPieceBytes));
}

// The message for a file that is missing, no plain file or of another size; empty where it can be hashed.
std::string compare_size(const fs::path& path, const ManifestFile& listed) {
  std::error_code error;
  if (!fs::is_regular_file(path, error))
    return fmt::format("{}: missing, but {} lists it", path.string(), kManifestFile);
  const uint64_t size = fs::file_size(path, error);
  if (error) return fmt::format("{}: cannot be examined: {}", path.string(), error.message());
  if (size == listed.size) return "";
  return fmt::format("{}: size is {}, {} says {} (file damaged after saving)", path.string(), size, kManifestFile,
                     listed.size);
}

std::vector<std::string> find_damage(const fs::path& folder, const Manifest& manifest) {
  std::vector<std::string> damage;
  std::vector<FileToHash> to_hash;
  std::vector<const ManifestFile*> listed;
  for (const auto& [name, file] : manifest.files) {
    const fs::path path = folder / name;
    if (auto message = compare_size(path, file); !message.empty()) {
      damage.push_back(std::move(message));
    } else {
      to_hash.push_back({path, file.size});
      listed.push_back(&file);
    }
  }
  const auto hashes = hash_pieces(to_hash, kManifestPieceBytes);
  for (size_t i = 0; i < to_hash.size(); ++i) {
    if (auto message = compare_hashes(to_hash[i].path, *listed[i], hashes[i]); !message.empty()) {
      damage.push_back(std::move(message));
    }
  }
  return damage;
}

}  // namespace

Manifest describe_folder(const fs::path& folder, const SaveInfo& info) {
  Manifest manifest{.info = info};
  std::vector<FileToHash> files;
  try {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      const auto type = entry.symlink_status().type();
      if (type == fs::file_type::directory || entry.path() == folder / kManifestFile) continue;
      SLM_CHECK(is_file_name(entry.path().lexically_relative(folder).string()) && type == fs::file_type::regular);
      files.push_back({entry.path(), entry.file_size()});
    }
  } catch (const fs::filesystem_error& error) {
    fail(ExitCode::kFailed, "{}: folder cannot be examined: {}", folder.string(), error.code().message());
  }
  const auto hashes = hash_pieces(files, kManifestPieceBytes);
  for (size_t i = 0; i < files.size(); ++i) {
    manifest.files[files[i].path.lexically_relative(folder).string()] = {files[i].size, hashes[i]};
  }
  return manifest;
}

void write_manifest(const fs::path& folder, const Manifest& manifest) {
  auto files = nlohmann::ordered_json::object();
  for (const auto& [name, file] : manifest.files) files[name] = {{"size", file.size}, {"sha256", file.sha256}};
  nlohmann::ordered_json json;
  json["format_version"] = manifest.format_version;
  json["kind"] = manifest.info.kind;
  json["step"] = manifest.info.step;
  json["run_id"] = manifest.info.run_id;
  json["parent"] = manifest.info.parent ? nlohmann::ordered_json(*manifest.info.parent) : nullptr;
  json["files"] = std::move(files);
  FileWriter writer(folder / kManifestFile);
  try {
    writer.write(json.dump(2) + "\n");
  } catch (const nlohmann::json::type_error& error) {
    fail(ExitCode::kFailed, "{}: a name cannot be written: {}", (folder / kManifestFile).string(), error.what());
  }
  writer.close();
}

Manifest read_manifest(const fs::path& folder) {
  const fs::path path = folder / kManifestFile;
  const std::string where = path.string();
  std::error_code error;
  if (!fs::exists(path, error)) {
    fail(ExitCode::kData, "{}: missing; the folder is no checkpoint of slm, or its manifest was removed", where);
  }
  const auto json = parse_json(read_file(path), where, {.max_bytes = size_t{64} << 20, .max_depth = 4});
  const JsonMembers members(json, where);
  members.expect_version(kManifestVersion);
  members.allow_only({"format_version", "kind", "step", "run_id", "parent", "files"});
  Manifest manifest;
  manifest.info.kind = members.string("kind");
  manifest.info.step = static_cast<int64_t>(members.count("step"));
  manifest.info.run_id = members.string("run_id");
  if (!members.at("parent").is_null()) manifest.info.parent = members.string("parent");
  const auto& files = members.at("files");
  if (!files.is_object()) fail(ExitCode::kData, "{}: files is no object", where);
  for (const auto& [name, entry] : files.items()) {
    if (!is_file_name(name)) {
      fail(ExitCode::kData, "{}: files: {} is no plain name of a file of this folder", where, quote_json(name));
    }
    manifest.files[name] = read_file_entry(entry, fmt::format("{}: files: {}", where, quote_json(name)));
  }
  return manifest;
}

std::vector<std::string> find_damage(const fs::path& folder) { return find_damage(folder, read_manifest(folder)); }

Manifest verify_folder(const fs::path& folder) {
  auto manifest = read_manifest(folder);
  const auto damage = find_damage(folder, manifest);
  if (!damage.empty()) throw Error(ExitCode::kData, damage.front());
  return manifest;
}

}  // namespace slm
