#include "config/suggest.h"

#include <algorithm>
#include <vector>

namespace slm {
namespace {

int allowed_distance(std::string_view name) { return std::max<int>(1, static_cast<int>(name.size()) / 3); }

std::string_view block_of(std::string_view key) {
  const auto dot = key.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : key.substr(0, dot);
}

/// edit_distance, or something larger than `limit` where it is larger: lengths alone tell most names apart.
int distance_up_to(std::string_view a, std::string_view b, int limit) {
  const auto difference = static_cast<int>(std::max(a.size(), b.size()) - std::min(a.size(), b.size()));
  return difference > limit ? difference : edit_distance(a, b);
}

std::string_view leaf_of(std::string_view key) { return key.substr(key.rfind('.') + 1); }

}  // namespace

int edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<int>> distance(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        distance[i][j] = static_cast<int>(i + j);
        continue;
      }
      const int replaced = distance[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      distance[i][j] = std::min({distance[i - 1][j] + 1, distance[i][j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) distance[i][j] = std::min(distance[i][j], distance[i - 2][j - 2] + 1);
    }
  }
  return distance[a.size()][b.size()];
}

std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string> names) {
  std::optional<std::string> best;
  int best_distance = allowed_distance(name) + 1;
  for (const auto& candidate : names) {
    const int distance = distance_up_to(name, candidate, best_distance);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::optional<std::string> nearest_key(std::string_view key, std::span<const std::string> keys) {
  constexpr size_t kLongestKey = 100;  // nothing near is longer, and the distance is quadratic
  if (key.size() > kLongestKey) return std::nullopt;
  std::optional<std::string> best;
  const auto leaf = leaf_of(key);
  int best_score = 2 * allowed_distance(leaf) + 2;
  for (const auto& candidate : keys) {
    const bool elsewhere = block_of(candidate) != block_of(key);
    const int score = std::min(2 * distance_up_to(leaf, leaf_of(candidate), best_score / 2) + elsewhere,
                               2 * distance_up_to(key, candidate, best_score / 2));  // a dot may be wrong as well
    if (score < best_score) {
      best = candidate;
      best_score = score;
    }
  }
  return best;
}

}  // namespace slm
