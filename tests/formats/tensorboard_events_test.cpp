// Event files against bytes that TensorBoard's own writer made (scripts/make_tensorboard_golden.py).
#include "formats/tensorboard_events.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error_of.h"
#include "core/temporary_folder.h"

namespace slm {
namespace {

namespace fs = std::filesystem;
using Scalars = std::vector<Scalar>;

constexpr double kStarted = 1763736000.25;

TEST(TensorBoardEvents, HaveTheBytesOfTensorBoardsOwnWriter) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "Once upon a time\n";
  text += "there was a caf\u00e9.";
  const Scalars first{{"train/loss", 2.5}, {"train/learning_rate", 6e-4}, {"train/applied", 0}};
  const Scalars second{{"train/loss", std::numeric_limits<double>::quiet_NaN()}, {"train/tokens", 1e12}};
  std::string file;
  for (const auto& event :
       {tensorboard_version_event(kStarted), tensorboard_start_event({kStarted, 6}),
        tensorboard_scalars_event({kStarted + 1, 6}, first),
        tensorboard_scalars_event({kStarted + 2, 3'000'000'000}, second),
        tensorboard_text_event({kStarted + 3, 200}, "samples", text),
        tensorboard_scalars_event({kStarted + 4, 200}, Scalars{{"long/tag_of_many_letters", -1.25}})}) {
    file += tensorboard_record(event);
  }
  EXPECT_EQ(file, read_file(fs::path(SLM_SOURCE_DIR) / "tests/golden/formats/tensorboard/events.tfevents"));
}

TEST(TensorBoardWriter, EachStartHasAFileThatSortsBehindTheOthers) {
  const TemporaryFolder folder;
  std::vector<std::string> names;
  for (int start = 0; start < 3; ++start) {
    TensorBoardWriter writer(folder / "tensorboard", 1);
    writer.write_scalars(1, Scalars{{"train/loss", 2}});
    for (const auto& entry : fs::directory_iterator(folder / "tensorboard")) {
      const auto name = entry.path().filename().string();
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  ASSERT_EQ(names.size(), 3u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_TRUE(names[0].starts_with("events.out.tfevents."));
}

TEST(TensorBoardWriter, ShowsATextAsItStands) {
  const TemporaryFolder folder;
  TensorBoardWriter(folder.path(), 1).write_text(4, "samples", "# no heading\n* no list");
  const auto file = fs::directory_iterator(folder.path())->path();
  EXPECT_NE(read_file(file).find("    # no heading\n    * no list"), std::string::npos);
}

TEST(TensorBoardWriter, RefusesAFolderThatCannotBeMade) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "file", "");
  const auto error = error_of([&] { TensorBoardWriter(folder / "file", 1); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::kFailed);
  EXPECT_NE(std::string(error->what()).find((folder / "file").string() + ": cannot be created"), std::string::npos);
}

}  // namespace
}  // namespace slm
