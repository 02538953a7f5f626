// slm config and slm train --dry-run from the outside.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "core/file.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = SLM_SOURCE_DIR;

std::string config(const std::string& name) { return (kRoot / "configs" / name).string(); }

TEST(ConfigCommand, PrintsEachValueWithItsOriginAndWhatItPrintsIsAConfig) {
  const TestFolder folder;
  const auto path = folder.file("mine.yaml", "base: '" + config("quickstart.yaml") + "'\nmodel: {n_layers: 2}\n");
  const auto printed = run_slm({"config", "print", path, "seed=5"});
  ASSERT_EQ(printed.exit_code, 0) << printed.error;
  for (const auto& part :
       {fmt::format("  n_layers: 2                             # {}:2\n", path),
        fmt::format("  n_heads: 4                              # {}:10\n", config("quickstart.yaml")),
        std::string("\nseed: 5                                   # override\n"),
        std::string("\ndata_seed: 5                              # follows from other keys\n"),
        std::string("\nadam_beta1: 0.9                           # default\n")}) {
    EXPECT_NE(printed.out.find(part), std::string::npos) << part << "not in\n" << printed.out;
  }
  const auto again = folder.file("again.yaml", printed.out);
  const size_t width = path.size();
  EXPECT_EQ(run_slm({"config", "diff", path, again}).out,
            fmt::format("key        {}  {}\nseed       {:<{}}  5\ndata_seed  {:<{}}  5\n", path, again, 1337, width,
                        1337, width));
}

TEST(ConfigCommand, ListsAndSchemaAreWhatTheDocsHold) {
  EXPECT_TRUE(run_slm({"config", "list", "--markdown"}).out == read_file(kRoot / "docs/configuration.md"));
  EXPECT_TRUE(run_slm({"config", "schema"}).out == read_file(kRoot / "docs/training_config.schema.json"));
  EXPECT_NE(run_slm({"config", "list"}).out.find("\nmodel.n_kv_heads "), std::string::npos);
}

TEST(ConfigCommand, WrongConfigsAndKeysExitWithTwo) {
  const TestFolder folder;
  const auto path = folder.file("wrong.yaml", "bse: x.yaml\nlearning_rat: 1\n");
  const auto check = run_slm({"config", "check", path});
  EXPECT_EQ(check.exit_code, 2);
  EXPECT_EQ(check.error, "error: " + path + ":1:1: bse: unknown key; did you mean base?\n" + path +
                             ":2:1: learning_rat: unknown key; did you mean learning_rate?\n");
  EXPECT_EQ(run_slm({"config", "explain", "n_layer"}).error,
            "error: n_layer: unknown key; did you mean model.n_layers?\n");
  EXPECT_EQ(run_slm({"config", "diff", path, "nowhere.yaml"}).exit_code, 2);
  EXPECT_EQ(run_slm({"config", "diff", folder.path().string(), path}).exit_code, 2);
  EXPECT_EQ(run_slm({"config", "check", config("quickstart.yaml")}).exit_code, 0);
}

/// Every file and folder below, with its content and the time of its last change.
std::map<std::string, std::string> snapshot(const fs::path& folder) {
  std::map<std::string, std::string> state;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    auto& seen = state[entry.path().string()];
    if (entry.is_symlink()) {
      seen = fs::read_symlink(entry.path()).string();
    } else {
      const auto changed = fs::last_write_time(entry.path()).time_since_epoch().count();
      seen = fmt::format("{} {}", changed, entry.is_regular_file() ? read_file(entry.path()) : "");
    }
  }
  return state;
}

class DryRun : public testing::Test {
 protected:
  DryRun() {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "the cat sat on the mat; ";
    const auto file = folder_.file("text.txt", text);
    config_ = folder_.file(
        "config.yaml",
        "model: {architecture: llama, max_sequence_length: 16, n_layers: 2, n_heads: 2, d_model: 16}\ndata: {train: '" +
            file + "'}\noutput_dir: '" + (folder_ / "run").string() +
            "'\nmax_steps: 12\nmicro_batch_size: 4\nwarmup_steps: 2\nthreads: 1\nsave_steps: 5\nsave_total_limit: 2\n");
    fs::create_directory(folder_ / "tmp");
    setenv("TMPDIR", (folder_ / "tmp").c_str(), 1);
  }
  ~DryRun() override { unsetenv("TMPDIR"); }

  /// A dry run, which must leave everything as it was.
  ProcessResult dry(const std::vector<std::string>& more) const {
    const auto before = snapshot(folder_.path());
    std::vector<std::string> arguments{"train", config_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto result = run_slm(arguments);
    auto after = snapshot(folder_.path());
    const auto tmp = (folder_ / "tmp").string();  // its time changes
    EXPECT_TRUE(fs::is_empty(tmp));
    after[tmp] = before.at(tmp);
    EXPECT_EQ(after, before);
    return result;
  }

  TestFolder folder_;
  std::string config_;
};

TEST_F(DryRun, PlansARunWhoseDataIsNotPreparedAndWritesNothing) {
  const auto result = dry({"--dry-run"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  for (const auto& part :
       {std::string("model   llama: 2 layers x 16, 2 heads, "),
        fmt::format(
            "data    2160 tokens of training, 240 of validation; vocabulary 11; not prepared in {} yet, so counted "
            "in a temporary folder\n",
            (folder_ / "run/data").string()),
        std::string(
            "steps   12 of 64 tokens (1 micro-batches of 4 windows of 16): 768 tokens, 0.36 passes over them\n"),
        std::string("\nmemory  parameters "), std::string("\ndisk    3 checkpoints of "), std::string(", 2 kept: "),
        std::string("\ntime    at least ")}) {
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\nnot in\n" << result.out;
  }
}

TEST_F(DryRun, ReadsWhatIsPreparedAndGoesOnFromACheckpoint) {
  ASSERT_EQ(run_slm({"train", config_}).exit_code, 0);
  const auto refused = dry({"--dry-run"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.error.find("already holds a run"), std::string::npos) << refused.error;
  fs::remove_all(folder_ / "run/checkpoints/step-000012");
  const auto result = dry({"--dry-run=step", "resume=auto"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_NE(result.out.find("; prepared in " + (folder_ / "run/data").string() + "\n"), std::string::npos);
  EXPECT_NE(result.out.find(", from step 10 on: "), std::string::npos) << result.out;
}

TEST_F(DryRun, TheStepThatItTakesIsTheRunsFirst) {
  const auto result = dry({"--dry-run=step"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  ASSERT_EQ(run_slm({"train", config_, "logging_steps=1"}).exit_code, 0);
  const auto lines = read_file(folder_ / "run/metrics.jsonl");
  const auto first = nlohmann::json::parse(lines.substr(0, lines.find('\n')));
  const auto expected = fmt::format("; first: loss {:.4f}, gradient norm {:.3f})", first["loss"].get<double>(),
                                    first["gradient_norm"].get<double>());
  EXPECT_NE(result.out.find(expected), std::string::npos) << expected << "\nnot in\n" << result.out;
}

TEST_F(DryRun, RefusesWhatARunWouldRefuseAndUnknownKinds) {
  EXPECT_EQ(dry({"--dry-run", "model.d_model=100000", "model.n_layers=1000"}).exit_code, 4);
  EXPECT_EQ(dry({"--dry-run", "data.train=nowhere.txt"}).exit_code, 3);
  const auto kind = dry({"--dry-run=stp"});
  EXPECT_EQ(kind.exit_code, 2);
  EXPECT_NE(kind.error.find("--dry-run: found stp, expected plan or step"), std::string::npos) << kind.error;
}

}  // namespace
}  // namespace slm
