#include "formats/manifest.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "core/error_of.h"
#include "core/file.h"
#include "core/json.h"
#include "core/sha256.h"
#include "core/temporary_folder.h"
#include "formats/piece_hashes.h"

namespace slm {

namespace fs = std::filesystem;

namespace {

const SaveInfo kInfo{.step = 7, .run_id = "run", .parent = "step-000006"};

// A folder with a few files and their manifest.
struct SavedFolder {
  TemporaryFolder folder;
  SavedFolder() {
    write_file_atomically(folder / "a.bin", "0123456789");
    write_file_atomically(folder / "b.json", "{}");
    write_file_atomically(folder / "empty", "");
    write_manifest(folder.path(), describe_folder(folder.path(), kInfo));
  }
  fs::path path() const { return folder.path(); }
  std::string prefix(const std::string& file) const { return (folder / file).string() + ": "; }

  // What reading says after `change` was made to the manifest's JSON.
  template <typename Change>
  std::string after(Change&& change) const {
    auto json = parse_json(read_file(folder / kManifestFile), "manifest");
    change(json);
    write_file_atomically(folder / kManifestFile, json.dump());
    const auto error = error_of([&] { read_manifest(path()); });
    if (!error) return "no error";
    EXPECT_EQ(error->code(), ExitCode::kData);
    return error->what();
  }
};

}  // namespace

TEST(Manifest, WhatIsWrittenIsReadAndVerifies) {
  const SavedFolder saved;
  const Manifest manifest = verify_folder(saved.path());
  EXPECT_EQ(manifest.format_version, 1);
  EXPECT_EQ(manifest.info.kind, "checkpoint");
  EXPECT_EQ(manifest.info.step, 7);
  EXPECT_EQ(manifest.info.run_id, "run");
  EXPECT_EQ(manifest.info.parent, "step-000006");
  ASSERT_EQ(manifest.files.size(), 3u);
  EXPECT_EQ(manifest.files.at("a.bin").size, 10u);
  EXPECT_EQ(manifest.files.at("a.bin").sha256, std::vector<std::string>{sha256_hex("0123456789")});
  EXPECT_TRUE(manifest.files.at("empty").sha256.empty());
}

TEST(Manifest, NoParentIsNull) {
  const TemporaryFolder folder;
  write_manifest(folder.path(), Manifest{.info = {.run_id = "run"}});
  EXPECT_EQ(read_manifest(folder.path()).info.parent, std::nullopt);
  EXPECT_TRUE(parse_json(read_file(folder / kManifestFile), "manifest")["parent"].is_null());
}

TEST(Manifest, AnyChangedByteIsFound) {
  for (size_t at = 0; at < 10; ++at) {
    const SavedFolder saved;
    std::string content = read_file(saved.folder / "a.bin");
    content[at] ^= 1;
    write_file_atomically(saved.folder / "a.bin", content);
    const auto error = error_of([&] { verify_folder(saved.path()); });
    ASSERT_TRUE(error) << at;
    EXPECT_EQ(error->code(), ExitCode::kData);
    EXPECT_EQ(error->what(), saved.prefix("a.bin") +
                                 "SHA-256 differs from manifest.json in bytes 0 to 10 (file damaged after saving)");
  }
}

TEST(Manifest, NamesEveryDamagedFile) {
  const SavedFolder saved;
  write_file_atomically(saved.folder / "a.bin", "012345678");
  fs::remove(saved.folder / "b.json");
  write_file_atomically(saved.folder / "empty", "x");
  EXPECT_EQ(find_damage(saved.path()),
            (std::vector<std::string>{
                saved.prefix("a.bin") + "size is 9, manifest.json says 10 (file damaged after saving)",
                saved.prefix("b.json") + "missing, but manifest.json lists it",
                saved.prefix("empty") + "size is 1, manifest.json says 0 (file damaged after saving)"}));
}

TEST(Manifest, FilesOfAFolderInsideAreListedByItsNameAndVerify) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "adapter");
  write_file_atomically(folder / "a.bin", "0123456789");
  write_file_atomically(folder / "adapter" / "b.bin", "abc");
  write_manifest(folder.path(), describe_folder(folder.path(), kInfo));
  const auto manifest = verify_folder(folder.path());
  ASSERT_EQ(manifest.files.size(), 2u);
  EXPECT_EQ(manifest.files.at("adapter/b.bin").sha256, std::vector<std::string>{sha256_hex("abc")});
  write_file_atomically(folder / "adapter" / "b.bin", "abd");
  EXPECT_EQ(
      find_damage(folder.path()),
      std::vector<std::string>{(folder / "adapter" / "b.bin").string() +
                               ": SHA-256 differs from manifest.json in bytes 0 to 3 (file damaged after saving)"});
}

TEST(Manifest, FilesThatItDoesNotListAreIgnored) {
  const SavedFolder saved;
  write_file_atomically(saved.folder / "notes.txt", "mine");
  fs::create_directory(saved.folder / "folder");
  EXPECT_TRUE(find_damage(saved.path()).empty());
}

TEST(Manifest, AMissingOneIsNamed) {
  const TemporaryFolder folder;
  EXPECT_TRUE(
      message_of([&] { verify_folder(folder.path()); }).starts_with((folder / kManifestFile).string() + ": missing"));
}

TEST(Manifest, ANewerVersionIsRefusedByNameWhateverElseItHolds) {
  const SavedFolder saved;
  const std::string message = saved.after([](auto& json) {
    json["format_version"] = 2;
    json["novelty"] = 1;
  });
  EXPECT_EQ(message, saved.prefix(kManifestFile) +
                         "format_version 2 is newer than this program, which reads up to 1; use a newer slm");
}

TEST(Manifest, AnythingUnexpectedIsRefused) {
  using Json = nlohmann::json;
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& json) { json = Json::array(); },
      [](Json& json) { json["format_version"] = 0; },
      [](Json& json) { json["format_version"] = "1"; },
      [](Json& json) { json["format_version"] = 1.0; },
      [](Json& json) { json.erase("format_version"); },
      [](Json& json) { json.erase("kind"); },
      [](Json& json) { json["step"] = -1; },
      [](Json& json) { json["run_id"] = nullptr; },
      [](Json& json) { json["parent"] = 1; },
      [](Json& json) { json.erase("parent"); },
      [](Json& json) { json["unknown"] = 1; },
      [](Json& json) { json["files"] = Json::array(); },
      [](Json& json) { json["files"]["a.bin"]["mode"] = 1; },
      [](Json& json) { json["files"]["a.bin"]["size"] = 1e3; },
      [](Json& json) { json["files"]["a.bin"]["size"] = (uint64_t{64} << 20) + 1; },
      [](Json& json) { json["files"]["a.bin"]["sha256"].push_back(std::string(64, '0')); },
      [](Json& json) { json["files"]["a.bin"]["sha256"][0] = std::string(64, 'G'); },
      [](Json& json) { json["files"]["a.bin"]["sha256"][0] = std::string(63, '0'); },
      [](Json& json) { json["files"]["a.bin"]["sha256"][0] = 0; },
      [](Json& json) { json["files"]["a.bin"] = "x"; },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    const SavedFolder saved;
    EXPECT_TRUE(saved.after(changes[i]).starts_with(saved.prefix(kManifestFile)))
        << i << " " << saved.after(changes[i]);
  }
}

TEST(Manifest, NamesThatLeadOutOfTheFolderAreRefused) {
  for (const std::string& name :
       {std::string("../a.bin"), std::string("/etc/passwd"), std::string(".."), std::string("."), std::string(""),
        std::string("a/../b"), std::string("sub/deeper/a.bin"), std::string("../manifest.json"), std::string("sub/.."),
        std::string("sub/"), std::string("sub/manifest.json"), std::string("a\0b", 3), std::string("manifest.json")}) {
    const SavedFolder saved;
    const auto message = saved.after([&](auto& json) {
      json["files"][name] = {{"size", 0}, {"sha256", nlohmann::json::array()}};
    });
    EXPECT_NE(message.find("is no plain name of a file of this folder"), std::string::npos) << name << " " << message;
  }
}

TEST(Manifest, DamageIsFoundInTheLastOfSeveralPieces) {
  const SavedFolder saved;
  const uint64_t size = 2 * kManifestPieceBytes + 5;
  write_file_atomically(saved.folder / "large", "");
  fs::resize_file(saved.folder / "large", size);
  const Manifest manifest = describe_folder(saved.path(), kInfo);
  write_manifest(saved.path(), manifest);
  ASSERT_EQ(manifest.files.at("large").sha256.size(), 3u);
  EXPECT_EQ(manifest.files.at("large").sha256[0], manifest.files.at("large").sha256[1]);
  EXPECT_EQ(manifest.files.at("large").sha256[2], sha256_hex(std::string(5, '\0')));
  fs::resize_file(saved.folder / "large", size - 1);
  std::ofstream(saved.folder / "large", std::ios::app) << 'x';
  EXPECT_EQ(message_of([&] { verify_folder(saved.path()); }),
            saved.prefix("large") +
                "SHA-256 differs from manifest.json in bytes 134217728 to 134217733 (file damaged after saving)");
}

TEST(PieceHashes, EqualTheHashesOfThePiecesWhateverTheirSize) {
  const TemporaryFolder folder;
  std::string text;
  for (size_t i = 0; i < 3'000'000; ++i) text += static_cast<char>(i * i / 1000);
  write_file_atomically(folder / "a", text);
  // Smaller and larger than the megabyte that is read at once, and no divisors of anything.
  for (const uint64_t piece : {10'007u, 1'500'001u, 2'999'999u, 3'000'000u, 3'000'001u}) {
    std::vector<std::string> expected;
    for (size_t at = 0; at < text.size(); at += piece) expected.push_back(sha256_hex(text.substr(at, piece)));
    EXPECT_EQ(hash_pieces({{folder / "a", text.size()}, {folder / "a", 0}}, piece),
              (std::vector<std::vector<std::string>>{expected, {}}))
        << piece;
  }
}

TEST(PieceHashes, AnErrorOfAnyThreadIsPassedOn) {
  const TemporaryFolder folder;
  std::vector<FileToHash> files(20, {folder / "missing", 1});
  EXPECT_TRUE(error_of([&] { hash_pieces(files, 1); }));
}

}  // namespace slm
