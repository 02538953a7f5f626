#include "formats/safetensors.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

#include "core/error_of.h"
#include "core/file.h"
#include "core/json.h"
#include "core/sha256.h"
#include "core/temporary_folder.h"

namespace slm {

namespace fs = std::filesystem;

namespace {

const fs::path kGoldens = fs::path(SLM_SOURCE_DIR) / "tests/golden";
const fs::path kFiles = kGoldens / "formats/safetensors";

nlohmann::json golden_manifest() {
  return parse_json(read_file(kFiles / "manifest.json"), (kFiles / "manifest.json").string());
}

// Owns what TensorToWrite points to.
struct OwnedTensor {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  std::string data;

  TensorToWrite view() const { return {name, dtype, shape, std::as_bytes(std::span(data.data(), data.size()))}; }
};

std::vector<TensorToWrite> views(const std::vector<OwnedTensor>& tensors) {
  std::vector<TensorToWrite> all;
  for (const auto& tensor : tensors) all.push_back(tensor.view());
  return all;
}

rc::Gen<std::string> arbitrary_text() {
  return rc::gen::container<std::string>(
      rc::gen::element<char>('a', 'b', '.', '"', '\\', '\n', ' ', '{', '\0', '\x7f'));
}

std::vector<OwnedTensor> arbitrary_tensors() {
  const auto names = *rc::gen::container<std::set<std::string>>(arbitrary_text());
  std::vector<OwnedTensor> tensors;
  for (const auto& name : names) {
    const auto dtype = static_cast<DType>(*rc::gen::inRange(0, static_cast<int>(DType::kU64) + 1));
    const auto shape = *rc::gen::resize(3, rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(0, 5)));
    size_t bytes = dtype_size(dtype);
    for (const int64_t dimension : shape) bytes *= static_cast<size_t>(dimension);
    tensors.push_back({name, dtype, shape, *rc::gen::container<std::string>(bytes, rc::gen::arbitrary<char>())});
  }
  return tensors;
}

std::string bytes_of(const SafetensorsFile& file, const TensorInfo& tensor) {
  const auto data = file.data(tensor);
  return std::string(reinterpret_cast<const char*>(data.data()), data.size());
}

}  // namespace

TEST(Safetensors, RefusesEveryFileOfTheHostileSet) {
  size_t refused = 0;
  for (const auto& row : golden_manifest()) {
    if (row["verdict"] != "refuse") continue;
    const fs::path path = kFiles / row["file"].get<std::string>();
    const auto error = error_of([&] { SafetensorsFile file(path); });
    ASSERT_TRUE(error) << path << ": " << row["reason"];
    EXPECT_EQ(error->code(), ExitCode::kData);
    EXPECT_TRUE(std::string(error->what()).starts_with(path.string() + ": ")) << error->what();
    ++refused;
  }
  EXPECT_GE(refused, 19u);
}

TEST(Safetensors, ReadsEveryGoodFileOfTheSet) {
  size_t accepted = 0;
  for (const auto& row : golden_manifest()) {
    if (row["verdict"] != "accept") continue;
    const SafetensorsFile file(kFiles / row["file"].get<std::string>());
    EXPECT_EQ(file.tensors().size(), row["tensors"].size()) << row["file"];
    for (const auto& [name, expected] : row["tensors"].items()) {
      const TensorInfo* tensor = file.find(name);
      ASSERT_NE(tensor, nullptr) << row["file"] << " " << name;
      EXPECT_EQ(dtype_name(tensor->dtype), expected["dtype"]);
      EXPECT_EQ(tensor->shape, expected["shape"].get<std::vector<int64_t>>());
      EXPECT_EQ(sha256_hex(file.data(*tensor)), expected["sha256"]);
    }
    EXPECT_EQ(file.find("no such tensor"), nullptr);
    ++accepted;
  }
  EXPECT_GE(accepted, 11u);
}

TEST(Safetensors, ReadsMetadata) {
  const SafetensorsFile file(kFiles / "metadata.safetensors");
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"format", "pt"}, {"note", "ü\"\\ 中"}}));
}

// Files that the safetensors package itself laid out.
TEST(Safetensors, WritesTheSameBytesAsThePackage) {
  const TemporaryFolder folder;
  for (const char* name : {"models/llama_tiny/model.safetensors", "models/gpt2_tiny/case.safetensors",
                           "training/gpt2_tiny.safetensors", "optimizers/muon.safetensors"}) {
    const SafetensorsFile golden(kGoldens / name);
    std::vector<TensorToWrite> tensors;
    for (const TensorInfo& tensor : golden.tensors()) {
      tensors.push_back({tensor.name, tensor.dtype, tensor.shape, golden.data(tensor)});
    }
    std::reverse(tensors.begin(), tensors.end());
    write_safetensors(folder / "a", tensors, golden.metadata());
    EXPECT_TRUE(read_file(folder / "a") == read_file(kGoldens / name)) << name;
  }
}

TEST(Safetensors, WhatIsWrittenIsRead) {
  const TemporaryFolder folder;
  EXPECT_TRUE(rc::check([&] {
    const auto tensors = arbitrary_tensors();
    const auto metadata = *rc::gen::container<std::map<std::string, std::string>>(arbitrary_text(), arbitrary_text());
    write_safetensors(folder / "a", views(tensors), metadata);
    const SafetensorsFile file(folder / "a");
    RC_ASSERT(file.metadata() == metadata);
    RC_ASSERT(file.tensors().size() == tensors.size());
    for (const auto& tensor : tensors) {
      const TensorInfo* read = file.find(tensor.name);
      RC_ASSERT(read != nullptr);
      RC_ASSERT(read->dtype == tensor.dtype);
      RC_ASSERT(read->shape == tensor.shape);
      RC_ASSERT(bytes_of(file, *read) == tensor.data);
    }
  }));
}

TEST(Safetensors, AnyChangedHeaderByteGivesAnErrorOrAFileThatCanBeReadThrough) {
  const TemporaryFolder folder;
  EXPECT_TRUE(rc::check([&] {
    write_safetensors(folder / "a", views(arbitrary_tensors()), {{"format", "pt"}});
    std::string content = read_file(folder / "a");
    const size_t header_end =
        8 + static_cast<unsigned char>(content[0]) + 256u * static_cast<unsigned char>(content[1]);
    const size_t at = *rc::gen::inRange<size_t>(0, header_end);
    content[at] = static_cast<char>(content[at] ^ *rc::gen::inRange(1, 256));
    write_file_atomically(folder / "a", content);
    const auto error = error_of([&] {
      const SafetensorsFile file(folder / "a");
      for (const TensorInfo& tensor : file.tensors()) sha256_hex(file.data(tensor));
    });
    RC_ASSERT((!error || error->code() == ExitCode::kData));
  }));
}

TEST(Safetensors, AFileCutAnywhereIsRefused) {
  const TemporaryFolder folder;
  const std::string content = read_file(kFiles / "two_tensors.safetensors");
  for (size_t length = 0; length < content.size(); ++length) {
    write_file_atomically(folder / "a", content.substr(0, length));
    EXPECT_TRUE(error_of([&] { SafetensorsFile file(folder / "a"); })) << length;
  }
}

TEST(Safetensors, ContradictionsOfTheCallerAreBugs) {
  const TemporaryFolder folder;
  const OwnedTensor good{"a", DType::kF32, {2}, std::string(8, 'x')};
  const OwnedTensor short_data{"b", DType::kF32, {2}, "1234567"};
  const OwnedTensor reserved{"__metadata__", DType::kU8, {1}, "1"};
  EXPECT_THROW(write_safetensors(folder / "a", views({good, good})), std::logic_error);
  EXPECT_THROW(write_safetensors(folder / "a", views({short_data})), std::logic_error);
  EXPECT_THROW(write_safetensors(folder / "a", views({reserved})), std::logic_error);
}

TEST(Safetensors, TextThatIsNoUtf8IsNotWritten) {
  const TemporaryFolder folder;
  const auto error = error_of([&] { write_safetensors(folder / "a", {}, {{"note", "\xff"}}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::kFailed);
}

TEST(Safetensors, MessagesNameTheTensorAndWhatContradictsWhat) {
  const auto message = [](const char* name) {
    const std::string path = (kFiles / name).string();
    return message_of([&] { SafetensorsFile file(path); }).substr(path.size());
  };
  EXPECT_EQ(message("size_mismatch.safetensors"),
            ": tensor \"a\": data_offsets [0, 16] do not hold the 20 bytes of its shape and dtype");
  EXPECT_EQ(message("hole.safetensors"),
            ": tensor \"b\": begins at byte 20 of the data, but the one before it ends at 16");
  const auto beyond = message("header_longer_than_file.safetensors");
  EXPECT_NE(beyond.find("but the file ends after"), std::string::npos) << beyond;
}

}  // namespace slm
