#include "config/suggest.h"

#include <gtest/gtest.h>

#include <array>

namespace slm {
namespace {

TEST(Suggest, DistanceCountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0);
  EXPECT_EQ(edit_distance("abc", ""), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);  // Wagner and Fischer's usual example
  EXPECT_EQ(edit_distance("seed", "sede"), 1);
}

TEST(Suggest, NamesThatAreTooFarAreNotSuggested) {
  const std::array<std::string, 3> names = {"cosine", "linear", "constant"};
  EXPECT_EQ(nearest_name("cosin", names), "cosine");
  EXPECT_EQ(nearest_name("LINEAR", names), std::nullopt);
  EXPECT_EQ(nearest_name("wsd", names), std::nullopt);
}

TEST(Suggest, KeysAreFoundAcrossBlocksAndTheOwnBlockWins) {
  const std::array<std::string, 4> keys = {"seed", "model.n_layers", "model.d_model", "data.seeds"};
  EXPECT_EQ(nearest_key("n_layers", keys), "model.n_layers");
  EXPECT_EQ(nearest_key("layers", keys), "model.n_layers");
  EXPECT_EQ(nearest_key("model.seed", keys), "seed");
  EXPECT_EQ(nearest_key("data.seed", keys), "seed");
  EXPECT_EQ(nearest_key("data.sees", keys), "data.seeds");
  EXPECT_EQ(nearest_key("dropout", keys), std::nullopt);
  EXPECT_EQ(nearest_key(std::string(100'000, 'a'), keys), std::nullopt);
}

}  // namespace
}  // namespace slm
