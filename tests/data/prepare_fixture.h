// The fixture of tests that turn text into token files.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/error_of.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "data/prepare.h"

namespace slm {

class Prepare : public ::testing::Test {
 protected:
  std::string file(const std::string& name, std::string_view content) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, content);
    return (folder_ / name).string();
  }
  PreparedData prepare(const DataConfig& config, int64_t sequence_length = 4) const {
    return prepare_data(config, sequence_length, out());
  }
  std::string message(const DataConfig& config, int64_t sequence_length = 4) const {
    return message_of([&] { prepare(config, sequence_length); });
  }
  // What prepare_data writes to the log.
  std::string log_of(const DataConfig& config) const {
    ::testing::internal::CaptureStderr();
    prepare(config);
    return ::testing::internal::GetCapturedStderr();
  }
  std::filesystem::path out() const { return folder_ / "out"; }
  std::filesystem::path path(const std::string& name) const { return folder_ / name; }

 private:
  TemporaryFolder folder_;
};

inline DataConfig train_on(const std::vector<std::string>& files) {
  DataConfig config;
  config.train.assign(files.begin(), files.end());
  config.validation_fraction = 0.5;
  return config;
}

inline std::string text_of(const PreparedData& data, const TokenStream& file) {
  std::vector<int64_t> ids(static_cast<size_t>(file.size()));
  file.copy(0, ids);
  return data.tokenizer->decode(std::vector<int32_t>(ids.begin(), ids.end()));
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace slm
