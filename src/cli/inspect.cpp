// `slm inspect`: the layers of a checkpoint in numbers.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "cli/commands.h"
#include "cli/inspect_subject.h"
#include "core/file.h"
#include "core/terminal.h"
#include "report/inspection_json.h"
#include "report/inspection_page.h"
#include "report/inspection_text.h"

namespace slm::cli {
namespace {

TextStyle output_style() {
  return {.width = text_width(STDOUT_FILENO), .rich = is_terminal(STDOUT_FILENO) && !colors_forbidden()};
}

void show(const Inspection& inspection, const InspectArguments& arguments) {
  const auto style = output_style();
  if (!arguments.page.empty()) {
    write_file_atomically(arguments.page, inspection_page(inspection));
    fmt::print("{}\n", arguments.page);
  } else if (arguments.json) {
    const bool in_detail = !arguments.layers.empty();
    fmt::print("{}\n", (in_detail ? detailed_json(inspection) : inspection_json(inspection)).dump(2));
  } else if (arguments.layers.empty()) {
    fmt::print("{}", inspection_text(inspection, style));
  } else {
    const char* gap = "";
    for (const auto& layer : inspection.layers) fmt::print("{}{}", std::exchange(gap, "\n"), layer_text(layer, style));
  }
}

void run_inspect(const InspectArguments& arguments) {
  auto subject = read_subject(arguments);
  if (!arguments.sensitivity) return show(inspect(subject, arguments), arguments);
  const auto sensitivity = sensitivity_of(subject, arguments);
  fmt::print("{}", arguments.json ? sensitivity_json(sensitivity).dump(2) + "\n"
                                  : sensitivity_text(sensitivity, output_style()));
}

}  // namespace

void add_inspect(CLI::App& app, int&) {
  auto* command = app.add_subcommand("inspect", "The layers of a checkpoint in numbers: codes, scales, errors");
  auto arguments = std::make_shared<InspectArguments>();
  command->add_option("checkpoint", arguments->checkpoint, "Checkpoint, run or Hugging Face folder, float or quantized")
      ->required();
  command
      ->add_option("--layer", arguments->layers,
                   "This layer in detail: a name, a glob, or the end of one name (0.self_attn.q_proj); may be given "
                   "several times")
      ->allow_extra_args(false);
  command->add_option("--as", arguments->as,
                      "Of a float checkpoint, what would happen: the keys that begin with quantization_ without that, "
                      "bits=4,granularity=per_group,group_size=64,method=mse; type is weight_only where not given");
  auto* json = command->add_flag("--json", arguments->json, "For programs; with --layer every count");
  command->add_option("--html", arguments->page, "Write a page for the browser to this file")->excludes(json);
  command->add_option("--parent", arguments->parent,
                      "The float checkpoint that a quantized one was made from: what was lost, weight by weight");
  command->add_option("--data", arguments->data,
                      "Text to calibrate on and, its end, to measure on: a file, builtin:stories or builtin:chat. Adds "
                      "the errors through the depth of the network");
  command->add_option("--batches", arguments->batches, "Batches of that text to measure on")
      ->check(CLI::PositiveNumber)
      ->default_str(std::to_string(kUsualBatches));
  command->add_flag("--sensitivity", arguments->sensitivity,
                    "Quantize one layer at a time as --as says (bits=4 if not given), rank them by what they cost, and "
                    "print which to leave float; over --data, or the run's validation text");
  command->add_flag("--by-input", arguments->by_input, "With --sensitivity: layers that share an input together");
  command->footer(
      "Examples:\n"
      "  slm inspect runs/quickstart\n"
      "  slm inspect runs/quickstart --as bits=4,granularity=per_group,group_size=64,method=mse\n"
      "  slm inspect runs/quickstart/quantized --layer 0.self_attn.q_proj\n"
      "  slm inspect q4 --parent runs/quickstart --data builtin:stories --html q4.html\n"
      "  slm inspect --sensitivity runs/quickstart --as bits=4");
  command->callback([arguments] { run_inspect(*arguments); });
}

}  // namespace slm::cli
