// A made-up inspection in a terminal, as JSON and as a page; the names that a person may type for a layer.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <regex>
#include <sstream>

#include "core/block_index.h"
#include "core/error_of.h"
#include "report/inspection_example.h"
#include "report/inspection_json.h"
#include "report/inspection_page.h"
#include "report/inspection_text.h"
#include "report/inspection_words.h"
#include "report/layer_names.h"
#include "report/page_check.h"
#include "report/sensitivity.h"

namespace slm {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

size_t widest(const std::string& text) {
  size_t width = 0;
  for (const auto& line : lines_of(text)) width = std::max(width, line.size());
  return width;
}

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= ' ' && c < 127) || c == '\n'; });
}

TEST(InspectionText, FitsEightyColumnsAndShowsMoreInAHundredAndTwenty) {
  const auto inspection = example_inspection();
  const auto narrow = inspection_text(inspection, {.width = 80}), wide = inspection_text(inspection, {.width = 120});
  EXPECT_LE(widest(narrow), 80u) << narrow;
  EXPECT_LE(widest(wide), 120u);
  EXPECT_EQ(narrow.find("model.layers.0.self_attn.q_proj  "), std::string::npos);
  EXPECT_NE(narrow.find("\n0.self_attn.q_proj"), std::string::npos) << narrow;
  EXPECT_NE(wide.find("\nmodel.layers.0.self_attn.q_proj"), std::string::npos) << wide;
  EXPECT_NE(wide.find("unused"), std::string::npos);
  EXPECT_EQ(narrow.find("unused"), std::string::npos);
}

TEST(InspectionText, SaysTotalsTheLowestSqnrWhatIsFloatAndTheQuality) {
  const auto text = inspection_text(example_inspection(), {.width = 120});
  for (const char* part :
       {"14 of 15 linear layers are quantized: 4.31 GiB -> 2.29 GiB (-46.9 %), 4.50 bits",
        "lowest SQNR: 12.5 dB, model.layers.0.self_attn.o_proj", "25,000 parameters of embeddings, norms and biases",
        "float: model.embed_tokens (embeddings are not quantized)", "float: lm_head (quantization_exclude: lm_head)",
        "over 65,536 tokens: loss 1.4712 -> 1.4729 (+0.0017), perplexity 4.362, KL 0.00110 nats",
        "int4 per_group 64 weight_only, method mse", "made from step 2,000", "exact", "<0.01 %", "over 4,096 tokens",
        "hidden.block.1"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(InspectionText, IsPlainAsciiUnlessATerminalCanShowMore) {
  const auto inspection = example_inspection();
  for (const int width : {80, 120}) {
    EXPECT_TRUE(is_ascii(inspection_text(inspection, {.width = width})));
    EXPECT_TRUE(is_ascii(layer_text(inspection.layers[0], {.width = width})));
  }
  const auto rich = layer_text(inspection.layers[0], {.width = 80, .rich = true});
  EXPECT_NE(rich.find("\033["), std::string::npos);
  EXPECT_NE(rich.find("\u2588"), std::string::npos);
}

TEST(InspectionText, ALayerShowsCodesScalesWorstRowsOutliersAndItsCorner) {
  const auto inspection = example_inspection();
  for (const int width : {80, 120}) {
    const auto text = layer_text(inspection.layers[4], {.width = width});
    EXPECT_LE(widest(text), static_cast<size_t>(width)) << text;
    for (const char* part :
         {"11008 outputs x 4096 inputs", "SQNR 19.8 dB, cosine 0.994800, largest 0.0123, clipped <0.01 %",
          "static, from -2 to 3.1: scale 0.02, zero point 100", "3 of 15 codes are unused: -7, 5..6",
          "4 of them: smallest 0.01, median 0.011, largest 0.1", "  12      9.5", "1 of 4096 have a largest weight",
          "row 0 weight  -0.70000   0.05000   0.10000", "code        -7         1         1",
          "value  -0.70000   0.10000   0.10000"}) {
      EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    }
  }
  const auto head = layer_text(inspection.layers.back(), {.width = 80});
  EXPECT_NE(head.find("float: quantization_exclude: lm_head"), std::string::npos) << head;
  EXPECT_EQ(head.find("code"), head.find("codes are")) << head;
}

TEST(InspectionText, TheLongestBarFillsTheWidthAndAFewOfManyStillShow) {
  EXPECT_EQ(text_bar(1, 10, {}), "##########");
  EXPECT_EQ(text_bar(0.5, 10, {}), "#####");
  EXPECT_EQ(text_bar(1e-6, 10, {}), ".");
  EXPECT_EQ(text_bar(0, 10, {}), "");
  EXPECT_EQ(text_bar(1.0 / 8, 1, {.rich = true}), "\u258F");
  EXPECT_EQ(text_bar(1, 2, {.rich = true}), "\u2588\u2588");
}

TEST(TextTable, WrapsWordsAndNeverLosesOne) {
  EXPECT_EQ(wrapped("one two three", 7), "one two\nthree\n");
  EXPECT_EQ(wrapped("one two three", 8), "one two\nthree\n");
  EXPECT_EQ(wrapped("one two", 40), "one two\n");
  EXPECT_EQ(wrapped("one longerthanaline two", 5), "one\nlongerthanaline\ntwo\n");
  EXPECT_EQ(wrapped("", 5), "\n");
}

TEST(TextTable, LeavesOutTheColumnsOfTheHighestRankFirst) {
  TextTable table({{.head = "name", .to_the_left = true}, {.head = "a", .rank = 2}, {.head = "b", .rank = 1}});
  table.add({"x", "111111", "2222"});
  EXPECT_EQ(table.text({.width = 40}), "name       a     b\nx     111111  2222\n");
  EXPECT_EQ(table.text({.width = 16}), "name      a    b\nx    111111 2222\n") << "closer together first";
  EXPECT_EQ(table.text({.width = 12}), "name     b\nx     2222\n");
  EXPECT_EQ(table.text({.width = 5}), "name\nx\n");
}

TEST(InspectionWords, EveryCodeIsInOneBin) {
  CodeCounts codes{.first = -127, .counts = std::vector<int64_t>(255, 1)};
  for (const size_t most : {17u, 51u, 100u, 255u, 300u}) {
    const auto bins = code_bins(codes, most);
    EXPECT_LE(bins.size(), most);
    EXPECT_EQ(bins.front().first, -127);
    EXPECT_EQ(bins.back().last, 127);
    int64_t count = 0;
    for (size_t i = 0; i < bins.size(); ++i) {
      count += bins[i].count;
      EXPECT_EQ(bins[i].count, bins[i].last - bins[i].first + 1);
      EXPECT_EQ(bins[i].first, i == 0 ? -127 : bins[i - 1].last + 1);
    }
    EXPECT_EQ(count, codes.total());
  }
  EXPECT_EQ(code_bins(codes, 17)[8].label(), "-7..7");
  EXPECT_EQ(ranges_of({-127, -126, -125, 3, 5, 7, 9, 11, 13, 15}), "-127..-125, 3, 5, 7, 9, 11 and 2 more");
  EXPECT_EQ(ranges_of({}), "none");
}

TEST(InspectionJson, HoldsTheSameNumbersAndDetailsOnlyWhereTheyAreAskedFor) {
  const auto inspection = example_inspection();
  const auto json = nlohmann::json::parse(inspection_json(inspection).dump());
  EXPECT_EQ(json["kind"], "quantized");
  EXPECT_EQ(json["totals"]["quantized_layers"], 14);
  EXPECT_EQ(json["layers"].size(), 15u);
  const auto& layer = json["layers"][0];
  EXPECT_EQ(layer["scheme"],
            nlohmann::json::parse(R"({"bits":4,"type":"weight_only","granularity":"per_group","group_size":64})"));
  EXPECT_EQ(layer["unused_codes"], 3);
  EXPECT_EQ(layer["sqnr_db"], 19.84);
  EXPECT_EQ(layer["scales"]["outliers"], 1);
  EXPECT_TRUE(json["layers"][5]["sqnr_db"].is_null()) << "nothing differs";
  EXPECT_TRUE(json["layers"][14]["scheme"].is_null());
  EXPECT_EQ(json["layers"][14]["reason"], "quantization_exclude: lm_head");
  EXPECT_EQ(json["layers"][4]["activation"]["low"], -2.0);
  EXPECT_EQ(json["quality"]["kl_divergence"], 0.0011);
  EXPECT_EQ(json["output_errors"]["layers"][1]["cumulative"], 0.07);
  EXPECT_FALSE(layer.contains("codes"));
  const auto detailed = nlohmann::json::parse(detailed_json(inspection).dump());
  const auto& first = detailed["layers"][0];
  EXPECT_EQ(first["codes"]["first"], -7);
  EXPECT_EQ(first["codes"]["counts"].size(), 15u);
  EXPECT_EQ(first["worst_rows"][0]["row"], 12);
  EXPECT_EQ(first["corner"]["codes"], nlohmann::json::parse("[-7,1,1]"));
  EXPECT_EQ(first["largest_outlier_channels"][0]["channel"], 4095);
  EXPECT_TRUE(detailed["layers"][14]["corner"]["weights"][1].is_null()) << "NaN";
}

TEST(InspectionPage, IsWellFormedAndHoldsEveryLayerAndChart) {
  const auto inspection = example_inspection();
  const auto page = inspection_page(inspection);
  EXPECT_TRUE(is_well_formed(page));
  for (const char* part : {"<title>runs/a&lt;b&gt;</title>",
                           "14 of 15",
                           "SQNR of the weights",
                           "Error of each layer&#39;s output",
                           "Error of the hidden states",
                           ">Codes <",
                           ">Scales <",
                           ">Weights <",
                           "-7: 0",
                           "prefers-color-scheme: dark",
                           "position: sticky",
                           "tabindex=\"0\"",
                           "id=\"layer-model.layers.1.mlp.down_proj\"",
                           "href=\"#layer-model.layers.1.mlp.down_proj\"",
                           "Worst rows (outputs)",
                           "Outlier channels (1 of 4096)",
                           "Outlier scales",
                           "-7 \u2192 -0.70000",
                           "quantization_exclude: lm_head",
                           "3 of 15 unused"}) {
    const bool absent = std::string(part) == "-7: 0";  // a code that is not used has no bar
    EXPECT_EQ(page.find(part) == std::string::npos, absent) << part;
  }
  for (const char* part : {"<script", "http:", "https:", "//", "src=", "url(", "@import", "onload", "nan%", "inf%"}) {
    EXPECT_EQ(page.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(count(page, "<details"), inspection.layers.size());
}

TEST(InspectionPage, OfAFloatModelShowsItsWeights) {
  Inspection inspection{.checkpoint = "x", .model = "m"};
  inspection.layers = {example_inspection().layers.back()};
  const auto page = inspection_page(inspection);
  EXPECT_TRUE(is_well_formed(page));
  EXPECT_NE(page.find("kurtosis"), std::string::npos);
  EXPECT_EQ(page.find("SQNR"), std::string::npos);
}

TEST(LayerNames, AGlobANameOrTheEndOfASingleNameChooses) {
  const std::vector<std::string> names = {"model.layers.1.self_attn.q_proj", "model.layers.11.self_attn.q_proj",
                                          "model.layers.1.mlp.up_proj", "lm_head"};
  const auto select = [&](const std::string& pattern) { return select_layers(names, pattern, "--layer"); };
  using Names = std::vector<std::string>;
  EXPECT_EQ(select("1.self_attn.q_proj"), Names{names[0]}) << "an ending begins behind a dot";
  EXPECT_EQ(select("up_proj"), Names{names[2]});
  EXPECT_EQ(select("lm_head"), Names{names[3]});
  EXPECT_EQ(select("*q_proj"), (Names{names[0], names[1]}));
  EXPECT_EQ(select("model.layers.?.*"), (Names{names[0], names[2]}));
  EXPECT_EQ(select("1.*"), (Names{names[0], names[2]}));
  for (const auto& name : names) EXPECT_EQ(select(short_layer_name(name)), Names{name});
  EXPECT_EQ(message_of([&] { select("q_proj"); }),
            "--layer: \"q_proj\" is the end of 2 names, from model.layers.1.self_attn.q_proj to "
            "model.layers.11.self_attn.q_proj; write more of the name, or *q_proj for all");
  EXPECT_TRUE(message_of([&] { select("1.mlp.upproj"); })
                  .starts_with("--layer: \"1.mlp.upproj\" is none of the 4 linear layers; the nearest are "
                               "model.layers.1.mlp.up_proj, "));
  EXPECT_EQ(error_of([&] { select("*.x"); })->code(), ExitCode::kUsage);
  EXPECT_EQ(block_index("model.layers.11.mlp.up_proj"), 11);
  EXPECT_EQ(block_index("lm_head"), std::nullopt);
  EXPECT_EQ(layer_kind("model.layers.11.mlp.up_proj"), "up_proj");
}

TEST(Distribution, MomentsAreThoseOfTheFiniteValues) {
  const std::vector<float> values = {1, 2, 3, 4, INFINITY, NAN};
  const auto statistics = statistics_of(values);
  EXPECT_EQ(statistics.count, 4);
  EXPECT_EQ(statistics.not_finite, 2);
  EXPECT_EQ(statistics.mean, 2.5);
  EXPECT_EQ(statistics.deviation, std::sqrt(1.25));
  EXPECT_NEAR(statistics.kurtosis, (2 * 5.0625 + 2 * 0.0625) / 4 / (1.25 * 1.25), 1e-15);
  EXPECT_EQ(statistics.smallest, 1);
  EXPECT_EQ(statistics.largest, 4);
  EXPECT_EQ(statistics_of(std::vector<float>{2, 2}).kurtosis, 0);
  EXPECT_EQ(statistics_of({}).count, 0);
}

TEST(Distribution, AHistogramCountsEveryFiniteValueOnce) {
  const std::vector<float> values = {0, 1, 2, 3, 4, 10, NAN};
  const auto linear = histogram_of(values, 5, false);
  EXPECT_EQ(linear.counts, (std::vector<int64_t>{2, 2, 1, 0, 1}));  // [0, 2), [2, 4), ... and 10 in the last
  EXPECT_EQ(linear.edge(1), 2);
  EXPECT_FALSE(histogram_of(values, 5, true).logarithmic) << "0 has no logarithm";
  const std::vector<float> rising = {1, 3, 6, 12, 16};
  const auto logarithmic = histogram_of(rising, 4, true);
  EXPECT_TRUE(logarithmic.logarithmic);
  EXPECT_EQ(logarithmic.counts, (std::vector<int64_t>{1, 1, 1, 2}));  // [1, 2), [2, 4), [4, 8), [8, 16]
  EXPECT_NEAR(logarithmic.edge(2), 4, 1e-12);
  const auto equal = histogram_of(std::vector<float>{3, 3, 3}, 3, false);
  EXPECT_EQ(equal.counts, (std::vector<int64_t>{0, 3, 0}));
  EXPECT_LT(equal.low, 3);
}

TEST(Distribution, TheMedianOfAnEvenNumberIsTheLowerOne) {
  EXPECT_EQ(median_of({5, 1, 9}), 5);
  EXPECT_EQ(median_of({4, 1, 3, 2}), 2);
  EXPECT_EQ(median_of({}), 0);
}

SensitivityEntry entry(const std::string& name, double kl) {
  return {.layers = {name}, .loss_increase = kl, .kl_divergence = kl, .top1_agreement = 0.9, .bytes_saved = 1000};
}

TEST(SensitivityText, TheCostliestLayersWithHalfOfTheDivergenceAreLeftFloat) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(layers_to_exclude({entry("a", 4), entry("b", 3), entry("c", 2), entry("d", 1)}), (Names{"a", "b"}));
  EXPECT_EQ(layers_to_exclude({entry("a", 9), entry("b", 1)}), Names{"a"});
  EXPECT_EQ(layers_to_exclude({entry("a", 1), entry("b", 1)}), Names{"a"}) << "one is left to quantize";
  EXPECT_EQ(layers_to_exclude({entry("a", 1)}), Names{"a"});
}

TEST(SensitivityText, EndsWithTheKeyToPasteAndWhatItSaves) {
  Sensitivity sensitivity{.checkpoint = "run", .scheme = "int4", .method = "rtn", .tokens = 1000, .loss = 1.5};
  sensitivity.entries = {entry("model.layers.0.mlp.down_proj", 0.4), entry("lm_head", 0.1)};
  sensitivity.entries[1].layers = {"model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.k_proj"};
  sensitivity.all = entry("", 0.6);
  sensitivity.exclude = {"model.layers.0.mlp.down_proj"};
  sensitivity.without_excluded = entry("", 0.15);
  const auto text = sensitivity_text(sensitivity, {.width = 80});
  EXPECT_LE(widest(text), 80u) << text;
  EXPECT_TRUE(is_ascii(text));
  EXPECT_TRUE(
      text.ends_with("quantization_exclude:\n  - model.layers.0.mlp.down_proj\n"
                     "# behind slm quantize: 'quantization_exclude=[model.layers.0.mlp.down_proj]'\n"))
      << text;
  for (const char* part : {"80.0 %", "leaving them float:     loss -0.45000", "0.self_attn.q_proj,k_proj"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  const auto json = sensitivity_json(sensitivity);
  EXPECT_EQ(json["entries"][1]["layers"].size(), 2u);
  EXPECT_EQ(json["without_excluded"]["kl_divergence"], 0.15);
}

}  // namespace
}  // namespace slm
