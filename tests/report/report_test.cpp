// A report of made-up runs: what stands on the page, what never does, and what bad input gets.
#include <gtest/gtest.h>

#include <regex>

#include "core/error_of.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "report/chart.h"
#include "report/page.h"
#include "report/page_check.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHostile = "</pre><script>alert('1')</script>&amp;\"\x01\xff";

class Report : public testing::Test {
 protected:
  static std::string train_row(int step, const std::string& loss, bool applied = true) {
    return fmt::format(
        R"({{"type":"train","step":{},"tokens":{},"loss":{},"gradient_norm":1.5,"learning_rate":0.001,"applied":{},)"
        R"("step_seconds":0.1,"tokens_per_second":12345.6,"memory_mib":210.5}})"
        "\n",
        step, step * 1000, loss, applied);
  }

  static std::string evaluation_row(int step, double loss) {
    return fmt::format(R"({{"type":"evaluation","step":{},"loss":{},"perplexity":3.0,"bits_per_byte":{},"tokens":99,)"
                       R"("floor_bits_per_byte":0.19,"probes":{{"recall":0.25,"a<b":0.5}}}})"
                       "\n",
                       step, loss, loss / 2);
  }

  static constexpr const char* kEnd =
      R"({"type":"memory","step":20,"planned":{"parameters":1048576,"total":2097152},"grown":3145728})"
      "\n";

  fs::path run(const std::string& name, const std::string& metrics) const {
    const auto folder = folder_ / name;
    fs::create_directories(folder / "samples");
    write_file_atomically(folder / "metrics.jsonl", metrics);
    return folder;
  }

  // With everything that a run has.
  fs::path whole_run(const std::string& name) const {
    const auto folder = run(
        name, train_row(10, "2.5") + evaluation_row(10, 2.25) + train_row(20, "2.0") + evaluation_row(20, 1.75) + kEnd);
    write_file_atomically(folder / "config.resolved.yaml",
                          "# Run\nseed: 1\n\nmodel:\n  architecture: llama\n  n_layers: 4\n\nmax_steps: 20\n"
                          "max_grad_norm: 1\ninit_from: '" +
                              std::string(kHostile) + "'\n");
    write_file_atomically(folder / "environment.json", R"({"compiler": "<b>", "threads": 2})");
    write_file_atomically(folder / "samples/step-000020.txt", "Once " + std::string(kHostile));
    write_file_atomically(folder / "samples/step-000003.txt", "early");
    write_file_atomically(folder / "samples/notes.txt", "not a sample");
    return folder;
  }

  static std::string page(const std::vector<fs::path>& folders) {
    std::vector<RunData> runs;
    for (const auto& folder : folders) runs.push_back(read_run(folder));
    return report_page(runs);
  }

  TemporaryFolder folder_;
};

TEST_F(Report, ShowsEveryNumberSampleSettingAndTheEnvironment) {
  const auto text = page({whole_run("my-run")});
  EXPECT_TRUE(is_well_formed(text));
  for (const char* part : {"<title>my-run</title>",
                           "step 20 of 20",
                           ">finished<",
                           "llama, 4 layers",
                           ">Loss <",
                           ">Validation <",
                           ">Learning rate <",
                           ">Gradient norm <",
                           ">Speed <",
                           ">Memory <",
                           ">Probes <",
                           "exact floor 0.19",
                           "a&lt;b",
                           "1.7500",
                           "0.6850 above the floor",
                           "12.3k",
                           "Once ",
                           "early",
                           "<i># Run\n</i>",
                           "architecture: llama",
                           "<th>compiler</th><td>&lt;b&gt;</td>",
                           "<th>Planned in all</th><td>2.0</td>"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(text.find("not a sample"), std::string::npos);
  EXPECT_EQ(count(text, "<figure"), 7u);
}

TEST_F(Report, LoadsNothingRunsNothingAndEscapesEverything) {
  auto folder = whole_run("a");
  for (const auto& text : {page({folder}), page({folder, whole_run("<b>'\"&")})}) {
    EXPECT_TRUE(is_well_formed(text));
    for (const char* part : {"<script", "http:", "https:", "//", "src=", "url(", "@import", "onload", "\x01", "\xff"}) {
      EXPECT_EQ(text.find(part), std::string::npos) << part;
    }
    EXPECT_NE(text.find("&lt;/pre&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;&quot;\uFFFD\uFFFD"),
              std::string::npos);
    EXPECT_NE(text.find("prefers-color-scheme: dark"), std::string::npos);
  }
}

TEST_F(Report, OfARunStillGoingPassesOverTheLineThatIsBeingWritten) {
  const auto rows = train_row(10, "2.5") + train_row(20, "2.0");
  const auto whole = page({run("a", rows)});
  EXPECT_NE(whole.find(">not finished<"), std::string::npos);
  EXPECT_EQ(whole.find("<h2>"), std::string::npos) << "sections of what is not there";
  const auto next = train_row(30, "1.5");
  for (size_t length = 1; length < next.size(); ++length) {
    EXPECT_EQ(page({run("a", rows + next.substr(0, length))}), whole) << length;
  }
  EXPECT_NE(page({run("a", rows + next)}), whole);
}

TEST_F(Report, LeavesAGapWhereLossIsNotFiniteAndMarksTheStep) {
  const auto rows = train_row(10, "2.5") + train_row(20, "2.4") + train_row(30, "null", false) + train_row(40, "2.3") +
                    train_row(50, "2.2");
  const auto text = page({run("a", rows)});
  const std::regex loss(R"(<path class="line s1" d="M[^M"]+M[^M"]+"/>)");
  EXPECT_TRUE(std::regex_search(text, loss));
  EXPECT_NE(text.find("<path class=\"skipped\" d=\"M600.0 1000v"), std::string::npos);
  EXPECT_NE(text.find("<dt>Skipped steps</dt><dd>1</dd>"), std::string::npos);
  EXPECT_EQ(text.find("nan"), std::string::npos);
  EXPECT_EQ(text.find("inf"), std::string::npos);
}

TEST_F(Report, OfTwoRunsHasALineOfEachAndWhereTheirConfigsDiffer) {
  const auto a = whole_run("a"), b = whole_run("b");
  write_file_atomically(b / "config.resolved.yaml", "seed: 2\nmodel:\n  architecture: llama\n");
  const auto text = page({a, b});
  EXPECT_TRUE(is_well_formed(text));
  for (const char* part : {"a training", "a validation", "b training", "b validation", ">Probe: recall <",
                           "<th>seed</th><td>1</td><td>2</td>", "<th>model.n_layers</th><td>4</td><td></td>"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(text.find("<th>model.architecture</th>"), std::string::npos);
  EXPECT_NE(page({a, a}).find("The configs are equal."), std::string::npos);
}

TEST_F(Report, OfALongRunIsNotALongPage) {
  std::string rows;
  for (int step = 1; step <= 20000; ++step) rows += train_row(step, fmt::format("{}", 3.0 / step + 1));
  const auto folder = run("long", rows);
  for (int step = 1; step <= 200; ++step) {
    write_file_atomically(folder / fmt::format("samples/step-{:06}.txt", step), "text");
  }
  const auto text = page({folder});
  EXPECT_LT(text.size(), size_t{400} << 10);
  EXPECT_EQ(count(text, "<details"), 40u);
  EXPECT_NE(text.find("<summary>Step 200</summary>"), std::string::npos);
  EXPECT_NE(text.find("<summary>Step 1</summary>"), std::string::npos);
  EXPECT_NE(text.find("40 of 200 are shown."), std::string::npos);
}

TEST_F(Report, DrawsValuesOfEverySize) {
  for (const char* loss : {"0", "-1", "1e-320", "1e308", "-1e308", "18446744073709551615"}) {
    const auto text = page({run("a", train_row(1, loss) + train_row(2, "1.0") + train_row(2, "3.0"))});
    EXPECT_TRUE(is_well_formed(text)) << loss;
    EXPECT_EQ(text.find("nan"), std::string::npos) << loss;
    EXPECT_EQ(text.find("inf"), std::string::npos) << loss;
  }
}

TEST_F(Report, SaysWhatIsWrongWithAFolderThatIsNoRun) {
  const auto message = [&](const std::string& metrics) { return message_of([&] { read_run(run("bad", metrics)); }); };
  const auto path = (folder_ / "bad/metrics.jsonl").string();
  EXPECT_EQ(message_of([&] { read_run(folder_ / "nowhere"); }),
            (folder_ / "nowhere/metrics.jsonl").string() +
                ": no such file; expected the folder of a run, in which slm train writes it");
  EXPECT_EQ(message(""), path + ": no row yet; the run writes the first after logging_steps");
  EXPECT_EQ(message("{\"type\":\"train\""), path + ": no row yet; the run writes the first after logging_steps");
  EXPECT_EQ(message(train_row(1, "2") + "3\n"), path + ":2: expected a JSON object");
  EXPECT_EQ(message(train_row(1, "2") + "{\"type\":\"train\"}\n"),
            path + ":2: step: missing or of a wrong type; is it a run's metrics?");
  EXPECT_EQ(message("{\"step\":1,\"type\":7}\n"),
            path + ":1: type: missing or of a wrong type; is it a run's metrics?");
  EXPECT_TRUE(message(train_row(1, "2") + "{\"type\":\n").starts_with(path + ":2:")) << message("{\"type\":\n");
  EXPECT_EQ(error_of([&] { read_run(run("bad", "[]\n")); })->code(), ExitCode::kData);
}

}  // namespace
}  // namespace slm
