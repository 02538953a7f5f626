#include "report/inspection_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/numbers.h"

namespace slm {
namespace {

std::string sizes_line(const Inspection& inspection, const InspectionTotals& totals) {
  const auto layers = fmt::format("{} linear layers", totals.layers);
  if (totals.quantized == 0) return fmt::format("{}, {} in float32", layers, byte_size(totals.bytes_before));
  const bool are_quantized = inspection.kind == InspectionKind::kQuantized;
  return fmt::format("{} of {} {}: {} -> {} ({:+.1f} %), {:.2f} bits per quantized weight", totals.quantized, layers,
                     are_quantized ? "are quantized" : "would be quantized", byte_size(totals.bytes_before),
                     byte_size(totals.bytes_after), 100 * totals.change(), totals.bits_per_weight);
}

std::string quality_line(const QualityReport& quality) {
  std::string text = "over " + with_commas(quality.tokens) + " tokens: loss ";
  if (quality.parent_loss) text += fmt::format("{:.4f} -> ", *quality.parent_loss);
  text += fmt::format("{:.4f}", quality.loss);
  if (quality.parent_loss) text += fmt::format(" ({:+.4f})", quality.loss - *quality.parent_loss);
  return text + fmt::format(", perplexity {:.3f}, KL {:.5f} nats, top-1 agreement {:.2f} %", quality.perplexity,
                            quality.kl_divergence, 100 * quality.top1_agreement);
}

// Parts that are float for one reason share a line.
std::vector<std::string> float_lines(const Inspection& inspection) {
  std::vector<std::pair<std::string, std::string>> reasons;  // reason, names
  for (const auto& [name, reason] : inspection.left_float) {
    const auto known = std::find_if(reasons.begin(), reasons.end(), [&](const auto& r) { return r.first == reason; });
    if (known == reasons.end()) {
      reasons.emplace_back(reason, name);
    } else {
      known->second += ", " + name;
    }
  }
  std::vector<std::string> lines;
  for (const auto& [reason, names] : reasons) lines.push_back(fmt::format("float: {} ({})", names, reason));
  return lines;
}

}  // namespace

std::string scheme_line(const Inspection& inspection) {
  const char* how = inspection.kind == InspectionKind::kAsIf         ? "as if "
                    : inspection.kind == InspectionKind::kInTraining ? "in training for "
                                                                     : "";
  return fmt::format("{}{}, method {}", how, inspection.scheme, inspection.method);
}

std::string decibels(double sqnr_db) {
  return std::isinf(sqnr_db) && sqnr_db > 0 ? "exact" : fmt::format("{:.1f}", sqnr_db);
}

std::string percentage(double share) {
  constexpr double kLeast = 5e-5;  // is shown as 0.01 %
  if (share > 0 && share < kLeast) return "<0.01 %";
  return fmt::format("{:.2f} %", 100 * share);
}

std::string compact_scheme(const LayerReport& layer) {
  if (!layer.scheme) return "float";
  const auto& scheme = *layer.scheme;
  const auto share = scheme.granularity == "per_group"     ? fmt::format("g{}", scheme.group_size)
                     : scheme.granularity == "per_channel" ? "row"
                                                           : "all";
  return fmt::format("int{} {}", scheme.bits, share);
}

std::string shape_words(const LayerReport& layer) {
  return fmt::format("{}x{}", layer.out_features, layer.in_features);
}

std::string ranges_of(const std::vector<int>& codes) {
  constexpr size_t kMostRanges = 6;
  std::string text;
  size_t ranges = 0, at = 0;
  for (; at < codes.size() && ranges < kMostRanges; ++ranges) {
    size_t end = at + 1;
    while (end < codes.size() && codes[end] == codes[end - 1] + 1) ++end;
    text += (text.empty() ? "" : ", ") + CodeBin{codes[at], codes[end - 1], 0}.label();
    at = end;
  }
  if (at < codes.size()) text += fmt::format(" and {} more", codes.size() - at);
  return text.empty() ? "none" : text;
}

std::string CodeBin::label() const {
  return first == last ? fmt::format("{}", first) : fmt::format("{}..{}", first, last);
}

std::vector<CodeBin> code_bins(const CodeCounts& codes, size_t most) {
  const size_t joined = (codes.counts.size() + most - 1) / most;
  std::vector<CodeBin> bins;
  for (size_t begin = 0; begin < codes.counts.size(); begin += joined) {
    const size_t end = std::min(begin + joined, codes.counts.size());
    CodeBin bin{codes.first + static_cast<int>(begin), codes.first + static_cast<int>(end) - 1, 0};
    for (size_t i = begin; i < end; ++i) bin.count += codes.counts[i];
    bins.push_back(bin);
  }
  return bins;
}

std::vector<std::string> summary_lines(const Inspection& inspection) {
  const auto totals = totals_of(inspection);
  std::vector<std::string> lines{sizes_line(inspection, totals)};
  if (totals.worst) {
    lines.push_back(fmt::format("lowest SQNR: {} dB, {}", decibels(totals.worst->error->sqnr_db), totals.worst->name));
  }
  if (inspection.float_parameters > 0) {
    lines.push_back(fmt::format("{} parameters of embeddings, norms and biases are float",
                                with_commas(inspection.float_parameters)));
  }
  for (auto& line : float_lines(inspection)) lines.push_back(std::move(line));
  if (inspection.quality) lines.push_back(quality_line(*inspection.quality));
  return lines;
}

}  // namespace slm
