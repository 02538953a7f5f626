#include "report/run_data.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "formats/metrics_row.h"

namespace slm {
namespace fs = std::filesystem;
namespace {

constexpr double kLargest = 1e300;  // beyond, differences overflow; nobody can read such a chart

const nlohmann::json& field(const nlohmann::json& row, const char* key, bool of_right_type, const std::string& place) {
  if (!of_right_type) fail(ExitCode::kData, "{}: {}: missing or of a wrong type; is it a run's metrics?", place, key);
  return row[key];
}

void add_row(RunData& run, const nlohmann::json& row, const std::string& place) {
  if (!row.is_object()) fail(ExitCode::kData, "{}: expected a JSON object", place);
  const auto is = [&](const char* key, auto check) { return row.contains(key) && (row[key].*check)(); };
  const auto step = field(row, "step", is("step", &nlohmann::json::is_number_integer), place).get<int64_t>();
  const auto& type = field(row, "type", is("type", &nlohmann::json::is_string), place).get_ref<const std::string&>();
  run.last_step = std::max(run.last_step, step);
  run.finished = type == "memory";  // the last row of a run that ended
  for (const auto& [tag, value] : scalars_of(row)) {
    const bool drawable = std::abs(value) < kLargest;
    run.series[tag].push_back({static_cast<double>(step), drawable ? value : std::numeric_limits<double>::quiet_NaN()});
  }
}

void read_metrics(RunData& run, const fs::path& path) {
  if (!fs::exists(path)) {
    fail(ExitCode::kData, "{}: no such file; expected the folder of a run, in which slm train writes it",
         path.string());
  }
  const std::string text = read_file(path);
  size_t line = 1;
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1, ++line) {
    const auto row = parse_json(std::string_view(text).substr(begin, end - begin), path.string(), {}, line);
    add_row(run, row, fmt::format("{}:{}", path.string(), line));
  }
  if (line == 1) fail(ExitCode::kData, "{}: no row yet; the run writes the first after logging_steps", path.string());
  for (auto& [tag, series] : run.series) {
    std::stable_sort(series.begin(), series.end(), [](const Point& a, const Point& b) { return a.step < b.step; });
  }
}

// The step of "step-000500.txt", or nothing.
std::optional<int64_t> sample_step(const fs::path& file) {
  constexpr std::string_view kPrefix = "step-";
  const std::string name = file.stem().string();
  int64_t step = 0;
  if (file.extension() != ".txt" || !name.starts_with(kPrefix)) return {};
  const auto [end, error] = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size()) return {};
  return step;
}

std::vector<RunSample> read_samples(const fs::path& folder) {
  std::vector<RunSample> samples;
  if (!fs::is_directory(folder)) return samples;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto step = sample_step(entry.path());
    if (!step) continue;
    samples.push_back({*step, read_file(entry.path())});
    auto& text = samples.back().text;
    text.erase(text.find_last_not_of('\n') + 1);  // the empty line behind each prompt's sample
  }
  std::sort(samples.begin(), samples.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  return samples;
}

// The lines "key: value" of a printed config, in which a block's keys are indented by two spaces.
std::map<std::string, std::string> settings_of(const std::string& config) {
  std::map<std::string, std::string> settings;
  std::string block;
  for (size_t begin = 0; begin < config.size();) {
    const size_t end = std::min(config.find('\n', begin), config.size());
    std::string line = config.substr(begin, end - begin);
    begin = end + 1;
    const bool inside = line.starts_with("  ");
    if (inside) line.erase(0, 2);
    const size_t colon = line.find(':');
    if (line.starts_with("#") || colon == std::string::npos) continue;
    if (colon + 1 == line.size()) {
      block = line.substr(0, colon) + ".";
    } else {
      settings[(inside ? block : "") + line.substr(0, colon)] = line.substr(std::min(colon + 2, line.size()));
    }
  }
  return settings;
}

std::vector<std::pair<std::string, std::string>> read_environment(const fs::path& path) {
  std::vector<std::pair<std::string, std::string>> environment;
  if (!fs::exists(path)) return environment;
  const auto json = parse_json(read_file(path), path.string());
  if (!json.is_object()) fail(ExitCode::kData, "{}: expected a JSON object", path.string());
  for (const auto& [key, value] : json.items()) {
    environment.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return environment;
}

}  // namespace

const Series& RunData::operator[](const std::string& series_name) const {
  static const Series kNone;
  const auto found = series.find(series_name);
  return found == series.end() ? kNone : found->second;
}

std::string RunData::setting(const std::string& key) const {
  const auto found = settings.find(key);
  return found == settings.end() ? "" : found->second;
}

RunData read_run(const fs::path& folder) {
  RunData run;
  run.name = fs::weakly_canonical(folder).filename().string();
  read_metrics(run, folder / "metrics.jsonl");
  if (const auto config = folder / "config.resolved.yaml"; fs::exists(config)) run.config = read_file(config);
  run.settings = settings_of(run.config);
  run.finished = run.finished || run.setting("max_steps") == std::to_string(run.last_step);
  run.environment = read_environment(folder / "environment.json");
  run.samples = read_samples(folder / "samples");
  return run;
}

}  // namespace slm
