// `slm report`: how a run went, as a page for the browser.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "core/file.h"
#include "report/page.h"

namespace slm::cli {
namespace {

struct ReportArguments {
  std::vector<std::string> runs;
  std::string output;
};

// Folders of one name are told apart by their paths.
void name_apart(std::vector<RunData>& runs, const std::vector<std::string>& folders) {
  std::set<std::string> names;
  for (const auto& run : runs) names.insert(run.name);
  for (size_t i = 0; i < runs.size() && names.size() < runs.size(); ++i) runs[i].name = folders[i];
}

int run_report(const ReportArguments& arguments) {
  std::vector<RunData> runs;
  for (const auto& folder : arguments.runs) runs.push_back(read_run(folder));
  name_apart(runs, arguments.runs);
  const std::filesystem::path first = arguments.runs[0];
  const auto usual = first / (runs.size() == 1 ? "report.html" : "comparison.html");
  const auto path = arguments.output.empty() ? usual : std::filesystem::path(arguments.output);
  write_file_atomically(path, report_page(runs));
  fmt::print("{}\n", path.string());
  return 0;
}

}  // namespace

void add_report(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("report", "Show how a run went, or several side by side, as one HTML page");
  auto arguments = std::make_shared<ReportArguments>();
  command->add_option("runs", arguments->runs, "Folder of a run, finished or not; several are laid over each other")
      ->required()
      ->expected(1, static_cast<int>(kMostReportRuns));
  command->add_option("-o,--output", arguments->output,
                      "The page; report.html in the run's folder (of several comparison.html in the first's) if not "
                      "given");
  command->footer(
      "Examples:\n"
      "  slm report runs/quickstart\n"
      "  slm report runs/quickstart runs/slower -o comparison.html");
  command->callback([arguments, &exit_code] { exit_code = run_report(*arguments); });
}

}  // namespace slm::cli
