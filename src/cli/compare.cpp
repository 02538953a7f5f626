// `slm compare`: two checkpoints over the same tokens.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/adapter_folder.h"
#include "checkpoint/checkpoint_store.h"
#include "checkpoint/model_folder.h"
#include "cli/checkpoint_data.h"
#include "cli/commands.h"
#include "cli/device_option.h"
#include "cli/dtype_option.h"
#include "core/error.h"
#include "data/batch.h"
#include "evaluation/divergence.h"
#include "evaluation/place_errors.h"
#include "evaluation/probe_scores.h"
#include "generation/generate_tokens.h"
#include "kernels/device.h"

namespace slm::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct CompareArguments {
  std::string first, second, data;
  std::optional<std::string> device;
  at::ScalarType dtype = at::kFloat, second_dtype = at::kFloat;
  int64_t batch_size = 8, max_batches = 0;
  bool json = false;
};

// Tokens a second in each timed pass.
using Rates = std::vector<double>;

// One of the two.
struct Side {
  fs::path folder;
  LoadedModel loaded = {};
  int64_t bytes = 0;                        // of its tensor files
  Rates read_rates = {}, write_rates = {};  // a whole window at once, one token after the other
  std::vector<ProbeScore> probes = {};
  Divergence int8_cache = {};  // from the model as it is to itself with an int8 KV cache
};

constexpr int64_t kSomeBatches = 4;     // that errors between the layers and of the cache are measured on
constexpr int64_t kWrittenTokens = 64;  // that decoding is timed on, if the window holds as many
constexpr int kTimedPasses = 5;         // an odd number, so that one of them is the median

Side load_side(const std::string& path, const ArenaSettings& arena) {
  Side side{.folder = find_checkpoint(path)};
  verify_or_warn(side.folder);
  need_tokenizer(side.folder);
  side.loaded = read_model_folder(side.folder, arena);
  for (const auto& entry : fs::directory_iterator(side.folder)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("model") && name.ends_with(".safetensors")) {
      side.bytes += static_cast<int64_t>(entry.file_size());
    }
  }
  if (has_adapter(side.folder)) {
    side.bytes += static_cast<int64_t>(fs::file_size(side.folder / kAdapterFolder / kAdapterTensorsFile));
  }
  return side;
}

double seconds_of(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The two sides in turn, so that both meet the machine in the same moods.
void time_sides(Side& first, Side& second, const TokenStream& tokens, int64_t length, int64_t batch_size) {
  const auto token_bytes = token_byte_counts(*first.loaded.tokenizer);
  const EvaluationSettings one_batch{.batch_size = batch_size, .max_batches = 1};
  const int64_t windows = std::min(batch_size, EvaluationWindows(tokens.size(), length).size());
  const int64_t count = std::min(kWrittenTokens, length / 2);
  for (int pass = 0; pass < kTimedPasses; ++pass) {
    for (Side* side : {&first, &second}) {
      auto& model = *side->loaded.model;
      const double reading = seconds_of([&] { evaluate(model, tokens, token_bytes, length, one_batch); });
      const std::vector<std::vector<int32_t>> prompt{{0}};
      const double writing = seconds_of([&] {
        generate_tokens(model, prompt, {.count = count, .sampling = {.temperature = 0}},
                        [](size_t, int32_t) { return true; });
      });
      side->read_rates.push_back(static_cast<double>(windows * length) / reading);
      side->write_rates.push_back(static_cast<double>(count) / writing);
    }
  }
  for (Side* side : {&first, &second}) {
    std::ranges::sort(side->read_rates);
    std::ranges::sort(side->write_rates);
  }
}

double median(const Rates& sorted) { return sorted[sorted.size() / 2]; }

// "1200-1350": the slowest pass and the fastest.
std::string span(const Rates& sorted, int digits) {
  return fmt::format("{:.{}f}-{:.{}f}", sorted.front(), digits, sorted.back(), digits);
}

void print_text(const Side& first, const Side& second, const Divergence& result,
                const std::vector<PlaceError>& places) {
  fmt::print("{:<22}{:>14}{:>14}{:>14}\n", "", "first", "second", "second/first");
  const auto row = [](std::string_view name, double a, double b, int digits) {
    fmt::print("{:<22}{:>14.{}f}{:>14.{}f}{:>14.4f}\n", name, a, digits, b, digits, b / a);
  };
  row("loss, nats per token", result.loss_first, result.loss_second, 6);
  row("perplexity", std::exp(result.loss_first), std::exp(result.loss_second), 4);
  row("tensor files, bytes", static_cast<double>(first.bytes), static_cast<double>(second.bytes), 0);
  const auto rate_rows = [&](const char* name, const Rates& a, const Rates& b, int digits) {
    row(name, median(a), median(b), digits);
    fmt::print("{:<22}{:>14}{:>14}\n", "  slowest to fastest", span(a, digits), span(b, digits));
  };
  rate_rows("reading, tokens/s", first.read_rates, second.read_rates, 0);
  rate_rows("writing, tokens/s", first.write_rates, second.write_rates, 1);
  for (size_t i = 0; i < first.probes.size(); ++i) {
    fmt::print("{:<22}{:>14}{:>14}\n", first.probes[i].ability,
               fmt::format("{}/{}", first.probes[i].right, first.probes[i].total),
               fmt::format("{}/{}", second.probes[i].right, second.probes[i].total));
  }
  fmt::print("{:<22}{:>14.6f}{:>14.6f}\n", "int8 KV cache, KL", first.int8_cache.kl_divergence,
             second.int8_cache.kl_divergence);
  fmt::print("{:<22}{:>14.5f}{:>14.5f}\n", "  top-1 agreement", first.int8_cache.top1_agreement,
             second.int8_cache.top1_agreement);
  fmt::print("\nover {} tokens: loss {:+.6f}, KL(first || second) {:.6f} nats per token,\n", result.tokens,
             result.loss_difference(), result.kl_divergence);
  fmt::print("top-1 agreement {:.5f} ({} flips)\n\n", result.top1_agreement, result.flips);
  fmt::print("{:<22}{:>16}{:>12}   (as the KV cache over {} tokens)\n", "between the layers", "relative error",
             "cosine", first.int8_cache.tokens);
  for (const auto& place : places) {
    fmt::print("{:<22}{:>16.3e}{:>12.7f}\n", place.name, place.relative_error, place.cosine);
  }
}

nlohmann::ordered_json rates_json(const Rates& sorted) {
  return {{"median", median(sorted)}, {"slowest", sorted.front()}, {"fastest", sorted.back()}};
}

nlohmann::ordered_json side_json(const Side& side, double loss) {
  nlohmann::ordered_json json{{"checkpoint", side.folder.string()},
                              {"loss", loss},
                              {"perplexity", std::exp(loss)},
                              {"tensor_bytes", side.bytes},
                              {"reading_tokens_per_second", rates_json(side.read_rates)},
                              {"writing_tokens_per_second", rates_json(side.write_rates)}};
  json["int8_kv_cache"] = {{"kl_divergence", side.int8_cache.kl_divergence},
                           {"top1_agreement", side.int8_cache.top1_agreement},
                           {"tokens", side.int8_cache.tokens}};
  for (const auto& probe : side.probes)
    json["probes"][probe.ability] = {{"right", probe.right}, {"total", probe.total}};
  return json;
}

void print_json(const Side& first, const Side& second, const Divergence& result,
                const std::vector<PlaceError>& places) {
  nlohmann::ordered_json json{{"first", side_json(first, result.loss_first)},
                              {"second", side_json(second, result.loss_second)},
                              {"tokens", result.tokens},
                              {"kl_divergence", result.kl_divergence},
                              {"top1_agreement", result.top1_agreement},
                              {"flips", result.flips}};
  for (const auto& place : places) {
    json["places"].push_back(
        {{"name", place.name}, {"relative_error", place.relative_error}, {"cosine", place.cosine}});
  }
  fmt::print("{}\n", json.dump(2));
}

void check_comparable(const Side& first, const Side& second) {
  const auto &a = first.loaded.model->config(), &b = second.loaded.model->config();
  if (first.loaded.tokenizer->hash() != second.loaded.tokenizer->hash()) {
    fail(ExitCode::kData, "{} and {}: have different tokenizers, so they do not predict the same tokens",
         first.folder.string(), second.folder.string());
  }
  if (a.n_layers != b.n_layers || a.d_model != b.d_model || a.vocab_size != b.vocab_size) {
    fail(
        ExitCode::kData,
        "{} and {}: have different shapes ({} layers x {}, {} tokens and {} x {}, {}); expected two forms of one model",
        first.folder.string(), second.folder.string(), a.n_layers, a.d_model, a.vocab_size, b.n_layers, b.d_model,
        b.vocab_size);
  }
}

void run_compare(const CompareArguments& arguments) {
  const auto device = choose_device(arguments.device);
  auto first = load_side(arguments.first, {.dtype = arguments.dtype, .device = device}),
       second = load_side(arguments.second, {.dtype = arguments.second_dtype, .device = device});
  check_comparable(first, second);
  const int64_t length =
      std::min(first.loaded.model->config().max_sequence_length, second.loaded.model->config().max_sequence_length);
  const auto config = evaluation_data(arguments.data, first.folder);
  const ScratchFolder folder("slm-compare");
  const auto data = prepare_data(config, length, folder.path());
  for (const Side* side : {&first, &second}) refuse_new_tokens(data, *side->loaded.tokenizer, side->folder);
  if (arguments.data.empty()) need_validation(data);
  const auto& tokens = evaluation_tokens(data);
  EvaluationSettings settings{.batch_size = arguments.batch_size,
                              .max_batches = arguments.max_batches,
                              .isolate_documents = config.isolate_documents};
  const auto result = compare_predictions(*first.loaded.model, *second.loaded.model, tokens, length, settings);
  settings.max_batches = arguments.max_batches == 0 ? kSomeBatches : std::min(kSomeBatches, arguments.max_batches);
  const auto places = compare_places(*first.loaded.model, *second.loaded.model, tokens, length, settings);
  for (Side* side : {&first, &second}) {
    side->int8_cache = compare_kv_cache(*side->loaded.model, KvCacheKind::kInt8, tokens, length, settings);
  }
  time_sides(first, second, tokens, length, arguments.batch_size);
  if (data.floor_bits_per_byte) {
    for (Side* side : {&first, &second}) side->probes = score_probes(*side->loaded.model, *side->loaded.tokenizer);
  }
  arguments.json ? print_json(first, second, result, places) : print_text(first, second, result, places);
}

}  // namespace

void add_compare(CLI::App& app, int&) {
  auto* command =
      app.add_subcommand("compare", "Two forms of one model over the same tokens: a float one and its quantized one");
  auto arguments = std::make_shared<CompareArguments>();
  command->add_option("first", arguments->first, "Checkpoint, run or Hugging Face folder")->required();
  command->add_option("second", arguments->second, "The one that is compared with it")->required();
  command->add_option("--data", arguments->data,
                      "Text file, builtin:stories or builtin:chat; the first one's validation text if not given");
  command->add_option("--batch-size", arguments->batch_size, "Windows in one forward pass")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--batches", arguments->max_batches, "Batches that are compared; 0: the whole text")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "For programs");
  add_dtype_option(*command, "--dtype", "What the first one's float matrices compute in", arguments->dtype);
  add_dtype_option(*command, "--second-dtype", "What the second one's do", arguments->second_dtype);
  add_device_option(*command, arguments->device);
  command->footer(
      "Examples:\n"
      "  slm compare runs/quickstart q4\n"
      "  slm compare runs/quickstart runs/quickstart --second-dtype bfloat16\n"
      "  slm compare runs/quickstart q8 --data other.txt --json");
  command->callback([arguments] { run_compare(*arguments); });
}

}  // namespace slm::cli
