#include "formats/metrics_row.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slm {
namespace {

TEST(MetricsRow, IsEveryNumberUnderItsKeys) {
  const auto row = nlohmann::json::parse(
      R"({"type": "evaluation", "step": 7, "loss": 1.5, "tokens": 300, "applied": true, "gradient_norm": null,
          "note": "no number", "probes": {"recall": 0.25, "deep": {"er": 1}}})");
  const auto scalars = scalars_of(row);
  const std::vector<Scalar> expected{{"evaluation/applied", 1},          {"evaluation/gradient_norm", NAN},
                                     {"evaluation/loss", 1.5},           {"evaluation/probes/deep/er", 1},
                                     {"evaluation/probes/recall", 0.25}, {"evaluation/tokens", 300}};
  ASSERT_EQ(scalars.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(scalars[i].tag, expected[i].tag);
    EXPECT_TRUE(scalars[i].value == expected[i].value ||
                (std::isnan(scalars[i].value) && std::isnan(expected[i].value)))
        << scalars[i].tag;
  }
}

}  // namespace
}  // namespace slm
