#include "report/inspection.h"

#include <numeric>

namespace slm {

int64_t CodeCounts::total() const { return std::accumulate(counts.begin(), counts.end(), int64_t{0}); }

std::vector<int> CodeCounts::unused() const {
  std::vector<int> codes;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) codes.push_back(first + static_cast<int>(i));
  }
  return codes;
}

double LayerReport::bits_per_weight() const {
  constexpr double kBitsInByte = 8;
  return kBitsInByte * static_cast<double>(bytes_after) / static_cast<double>(out_features * in_features);
}

double InspectionTotals::change() const {
  return static_cast<double>(bytes_after) / static_cast<double>(bytes_before) - 1;
}

InspectionTotals totals_of(const Inspection& inspection) {
  InspectionTotals totals;
  double bits = 0, weights = 0;
  for (const auto& layer : inspection.layers) {
    ++totals.layers;
    totals.bytes_before += layer.bytes_before;
    totals.bytes_after += layer.bytes_after;
    if (!layer.scheme) continue;
    ++totals.quantized;
    const auto size = static_cast<double>(layer.out_features * layer.in_features);
    bits += layer.bits_per_weight() * size;
    weights += size;
    if (!layer.error) continue;
    if (!totals.worst || layer.error->sqnr_db < totals.worst->error->sqnr_db) totals.worst = &layer;
  }
  if (weights > 0) totals.bits_per_weight = bits / weights;
  return totals;
}

}  // namespace slm
