#include "report/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/numbers.h"

namespace slm {
namespace {

// The last finite point, or nothing.
std::optional<Point> last_of(const Series& series) {
  for (auto point = series.rbegin(); point != series.rend(); ++point) {
    if (std::isfinite(point->value)) return *point;
  }
  return std::nullopt;
}

std::optional<Point> lowest_of(const Series& series) {
  std::optional<Point> lowest;
  for (const auto& point : series) {
    if (std::isfinite(point.value) && (!lowest || point.value < lowest->value)) lowest = point;
  }
  return lowest;
}

std::vector<double> finite_values(const Series& series) {
  std::vector<double> values;
  for (const auto& [step, value] : series) {
    if (std::isfinite(value)) values.push_back(value);
  }
  return values;
}

std::string step_text(double step) { return "step " + with_commas(static_cast<int64_t>(step)); }

Fact training_loss(const RunData& run) {
  const auto last = last_of(run["train/loss"]);
  if (!last) return {"Training loss", "", ""};
  return {"Training loss", fmt::format("{:.4f}", last->value), "nats per token, " + step_text(last->step)};
}

Fact validation_loss(const RunData& run) {
  const auto& series = run["evaluation/loss"];
  const auto lowest = lowest_of(series), last = last_of(series);
  if (!lowest) return {"Validation loss", "", ""};
  auto note = "lowest, at " + step_text(lowest->step);
  if (last->step != lowest->step) note += fmt::format("; {:.4f} at the last", last->value);
  return {"Validation loss", fmt::format("{:.4f}", lowest->value), note};
}

Fact bits_per_byte(const RunData& run) {
  const auto lowest = lowest_of(run["evaluation/bits_per_byte"]);
  const auto floor = last_of(run["evaluation/floor_bits_per_byte"]);
  if (!lowest) return {"Bits per byte", "", ""};
  const auto note = floor ? fmt::format("{:.4f} above the floor of {:.4f}", lowest->value - floor->value, floor->value)
                          : std::string("of validation text");
  return {"Bits per byte", fmt::format("{:.4f}", lowest->value), note};
}

Fact tokens(const RunData& run) {
  const auto last = last_of(run["train/tokens"]);
  return {"Tokens", last ? short_number(last->value, 3) : "", last ? "trained on" : ""};
}

Fact speed(const RunData& run) {
  auto values = finite_values(run["train/tokens_per_second"]);
  if (values.empty()) return {"Speed", "", ""};
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return {"Speed", short_number(*middle, 3), "tokens per second, median"};
}

Fact memory(const RunData& run) {
  constexpr double kManyMib = 10240, kMibInGib = 1024;
  const auto values = finite_values(run["train/memory_mib"]);
  if (values.empty()) return {"Memory", "", ""};
  const double mib = *std::max_element(values.begin(), values.end());
  const auto text = mib < kManyMib ? short_number(mib, 3) + " MiB" : short_number(mib / kMibInGib, 3) + " GiB";
  return {"Memory", text, "in use at most"};
}

Fact skipped(const RunData& run) {
  const auto& applied = run["train/applied"];
  const auto count = std::count_if(applied.begin(), applied.end(), [](const Point& p) { return p.value == 0; });
  return {"Skipped steps", count > 0 ? with_commas(count) : "", count > 0 ? "loss or gradient not finite" : ""};
}

}  // namespace

std::vector<Fact> facts_of(const RunData& run) {
  return {training_loss(run), validation_loss(run), bits_per_byte(run), tokens(run),
          speed(run),         memory(run),          skipped(run)};
}

std::string shape_of(const RunData& run) {
  const auto setting = [&](const char* key) { return run.setting(std::string("model.") + key); };
  if (setting("architecture").empty()) return "";
  return fmt::format("{}, {} layers of width {}, {} heads, windows of {} tokens", setting("architecture"),
                     setting("n_layers"), setting("d_model"), setting("n_heads"), setting("max_sequence_length"));
}

std::optional<double> share_done(const RunData& run) {
  const auto text = run.setting("max_steps");
  int64_t steps = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), steps);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || steps < 1) return std::nullopt;
  return std::min(1.0, static_cast<double>(run.last_step) / static_cast<double>(steps));
}

std::string progress_of(const RunData& run) {
  const auto share = share_done(run);
  const auto here = step_text(static_cast<double>(run.last_step));
  return share ? fmt::format("{} of {}", here, with_commas(std::stoll(run.setting("max_steps")))) : here;
}

}  // namespace slm
