// Times optimizer steps on random tokens: one JSON line, medians and quartiles, for a comparison beside another program
// in the same run.
//
//   train_bench configs/nano_gpt2.yaml model.vocab_size=65 threads=2 --seconds 10
//   train_bench configs/nano_gpt2.yaml model.vocab_size=65 threads=2 quantization_mode=qat qat_start_step=0
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "checkpoint/model_folder.h"
#include "config/load.h"
#include "config/resolve.h"
#include "core/process_memory.h"
#include "core/rng.h"
#include "kernels/block_cache.h"
#include "kernels/device.h"
#include "model/model_size.h"
#include "training/builders.h"
#include "training/train_step.h"

namespace slm {
namespace {

using Clock = std::chrono::steady_clock;

Batch random_batch(int64_t rows, int64_t length, int64_t vocab_size, RngStream& stream) {
  Batch batch{.rows = rows, .length = length, .inputs = {}, .targets = {}};
  for (auto* ids : {&batch.inputs, &batch.targets}) {
    for (int64_t i = 0; i < rows * length; ++i) {
      ids->push_back(static_cast<int64_t>(stream.below(static_cast<uint64_t>(vocab_size))));
    }
  }
  return batch;
}

void run(const std::string& path, const std::vector<std::string>& overrides, double seconds) {
  const auto started = Clock::now();
  use_block_cache();
  const auto since = [](Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); };
  auto config = load_training_config(path, overrides);
  resolve_defaults(config);
  at::set_num_threads(static_cast<int>(config.threads.value_or(at::get_num_threads())));
  const auto shape = transformer_config(config.model);
  const auto device = choose_device(config.device);
  if (!config.dtype) config.dtype = resolve_dtype(shape, device);
  const auto loaded = build_model(shape, {.gradients = true,
                                          .dtype = compute_dtype(config),
                                          .device = device,
                                          .derived = fake_quantized_weights(config, shape),
                                          .hidden_matrices_apart = uses_muon(config)});
  initialize_parameters(shape, *loaded.arena, 1);
  std::unique_ptr<Qat> qat;
  const int64_t tokens_of_step = *config.tokens_per_step;
  if (config.quantization.mode == "qat") {
    qat = std::make_unique<Qat>(*loaded.model, *loaded.arena, config, qat_schedule(config, *planned_steps(config)),
                                tokens_of_step);
    qat->resume_at(0);
  }
  int64_t steps = 0;
  const auto optimizer = make_optimizer(config, *loaded.arena);
  RngStream stream(1);
  const int64_t rows = *config.micro_batch_size * *config.gradient_accumulation_steps;
  const auto step = [&] {
    const auto batch = random_batch(rows, shape.max_sequence_length, shape.vocab_size, stream);
    if (qat) qat->begin_step(steps++, /*measured=*/false);
    return train_step({*loaded.model, *loaded.arena, *optimizer, qat.get()}, batch, 3e-4,
                      {*config.micro_batch_size, 1.0});
  };
  const double start = since(started), first_loss = step().loss, first_step = since(started);
  for (int i = 0; i < 3; ++i) step();
  std::vector<double> times;
  double last_loss = 0;
  for (const auto begin = Clock::now(); times.size() < 5 || (times.size() < 300 && since(begin) < seconds);) {
    const auto t = Clock::now();
    last_loss = step().loss;
    times.push_back(since(t));
  }
  std::sort(times.begin(), times.end());
  const double tokens = static_cast<double>(rows * shape.max_sequence_length);
  const auto rate = [&](double share) {
    return tokens / times[static_cast<size_t>(share * static_cast<double>(times.size() - 1))];
  };
  const auto size = model_size(shape);
  const nlohmann::ordered_json json{{"config", path},
                                    {"device", describe_device(device)},
                                    {"dtype", *config.dtype},
                                    {"quantization", config.quantization.mode},
                                    {"threads", at::get_num_threads()},
                                    {"params", size.parameters},
                                    {"tok_s", rate(0.5)},
                                    {"tok_s_p25", rate(0.75)},
                                    {"tok_s_p75", rate(0.25)},
                                    {"gflops", rate(0.5) * static_cast<double>(size.training_flops_per_token) / 1e9},
                                    {"n", times.size()},
                                    {"start_s", start},
                                    {"first_step_s", first_step},
                                    {"peak_rss_mb", peak_resident_bytes() >> 20},
                                    {"loss0", first_loss},
                                    {"lossN", last_loss}};
  fmt::print("{}\n", json.dump());
}

}  // namespace
}  // namespace slm

int main(int argc, char** argv) {
  CLI::App app("Times optimizer steps on random tokens");
  std::string config;
  std::vector<std::string> overrides;
  double seconds = 10;
  app.add_option("config", config)->required();
  app.add_option("overrides", overrides, "key=value");
  app.add_option("--seconds", seconds, "At least five steps, at most 300")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    slm::run(config, overrides, seconds);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
  return 0;
}
