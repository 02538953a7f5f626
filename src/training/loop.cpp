#include "training/loop.h"

#include <algorithm>
#include <cmath>

#include "checkpoint/folder_files.h"
#include "config/describe.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "evaluation/probe_scores.h"
#include "formats/manifest.h"
#include "formats/save_transaction.h"
#include "generation/generate.h"
#include "kernels/device.h"
#include "training/adapter_training.h"
#include "training/chat_answers.h"
#include "training/layer_norms.h"
#include "training/quantization_record.h"

namespace slm {
namespace {

constexpr int64_t kSampleTokens = 200;
constexpr double kSampleTemperature = 0.8;
constexpr int kReadingThreads = 2;  // one waits for the disk while the other copies

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

bool due(int64_t step, int64_t every, int64_t last) { return step == last || (every > 0 && step % every == 0); }

}  // namespace

BatchLoader make_loader(const TrainingSetup& setup) {
  std::vector<std::shared_ptr<const TokenStream>> parts;
  for (const auto& part : setup.data.train) parts.push_back(part.tokens);
  const MixtureCursor cursor = training_cursor(setup.config, setup.data);
  return {std::move(parts), cursor,
          BatchSettings{.rows = setup.rows_per_step,
                        .first_window = setup.progress.next_window,
                        .isolate_documents = setup.config.data.isolate_documents,
                        .threads = kReadingThreads}};
}

StepSettings step_settings(const TrainingConfig& config, int64_t step) {
  return {.micro_batch_size = *config.micro_batch_size,
          .max_grad_norm = config.max_grad_norm,
          .dropout = {.p = config.model.dropout, .seed = static_cast<uint64_t>(config.seed), .step = step},
          .adapter_dropout = config.adapters.dropout};
}

StepParts step_parts(const TrainingSetup& setup) {
  return {*setup.loaded.model, trained_arena(setup), *setup.optimizer,
          setup.qat.get(),     setup.codes.get(),    setup.adapters.get()};
}

namespace {

MetricsPlaces metrics_places(const TrainingSetup& setup) {
  const auto& wanted = setup.config.report_to;
  MetricsPlaces places{setup.folder.metrics(), std::nullopt};
  if (std::find(wanted.begin(), wanted.end(), "tensorboard") != wanted.end()) {
    places.tensorboard = setup.folder.tensorboard();
  }
  return places;
}

}  // namespace

TrainingLoop::TrainingLoop(TrainingSetup& setup)
    : setup_(setup),
      config_(setup.config),
      progress_(setup.progress),
      loader_(make_loader(setup)),
      store_(setup.folder.checkpoints(), setup.progress.run_id, setup.config.save_total_limit),
      metrics_(metrics_places(setup), setup.progress.step) {
  if (setup.resumed) store_.go_on_from(progress_.step, progress_.best_step);
}

TrainingOutcome TrainingLoop::run(const StopSignals& signals) {
  const int64_t first_step = progress_.step;
  keep_float_parent();
  while (!has_ended() && signals.requested() == 0) {
    one_step();
    const int64_t step = progress_.step;
    is_best_ = false;
    if (setup_.data.validation && due(step, config_.eval_steps, setup_.total_steps)) evaluate_now();
    const int64_t last = has_ended() ? step : setup_.total_steps;
    if (config_.sample_steps > 0 && due(step, config_.sample_steps, last)) sample_now();
    if (due(step, config_.save_steps, last)) save_now();
  }
  if (has_ended() && progress_.step < setup_.total_steps) {
    line_.clear();
    log_info("step {}: ended early: {} evaluations in a row without a loss below {:.4f} (early_stopping_evals)",
             progress_.step, progress_.evaluations_since_lowest, progress_.lowest_loss.value_or(0));
  }
  outcome_.signal = signals.requested();
  if (outcome_.signal != 0 && progress_.step > 0 && !store_.holds(progress_.step)) save_now();
  if (has_ended() && progress_.step > first_step) write_memory();
  line_.clear();
  return outcome_;
}

void TrainingLoop::write_memory() {
  const auto& plan = setup_.memory;
  metrics_.write({{"type", "memory"},
                  {"step", progress_.step},
                  {"planned",
                   {{"parameters", plan.parameters},
                    {"gradients", plan.gradients},
                    {"moments", plan.moments},
                    {"activations", plan.activations},
                    {"head", plan.head},
                    {"total", plan.total()}}},
                  {"grown", memory_of(setup_.device).peak - setup_.bytes_before}});
}

void TrainingLoop::one_step() {
  const auto start = Clock::now();
  const double rate = learning_rate(setup_.schedule, progress_.step);
  const auto batch = loader_.next();
  std::optional<LayerNorms> norms;
  if (due(progress_.step + 1, config_.layer_norms_steps, 0)) {
    norms.emplace(trained_arena(setup_), setup_.codes.get());
  }
  if (setup_.qat) begin_qat_step();
  const auto result = train_step(step_parts(setup_), batch, rate, step_settings(config_, progress_.step));
  ++progress_.step;
  progress_.tokens += static_cast<int64_t>(batch.inputs.size());
  progress_.next_window = loader_.next_window();
  progress_.optimizer_steps = setup_.optimizer->steps_done();
  const double seconds = seconds_since(start);
  progress_.seconds += seconds;
  recent_seconds_ = recent_seconds_ == 0 ? seconds : 0.9 * recent_seconds_ + 0.1 * seconds;
  log_step(result, rate, seconds);
  if (norms) metrics_.write({{"type", "layers"}, {"step", progress_.step}, {"layers", norms->measure()}});
  check_finite(result);
}

// As quantization-aware training starts, what is best so far is best no longer: it was a float model.
void TrainingLoop::begin_qat_step() {
  const int64_t step = progress_.step, start = setup_.qat->schedule().start;
  if (step == start) {
    line_.clear();
    log_info("step {}: quantization-aware training starts: {} linear layers, {}", step,
             setup_.qat->layers().weights().size(), describe(setup_.qat->layers().weights()[0].scheme()));
    if (step > 0 || config_.init_from) save_float_parent();
    progress_.best_loss.reset();
    progress_.lowest_loss.reset();
    progress_.best_step = progress_.evaluations_since_lowest = 0;
    store_.forget_best();
  }
  const int64_t next = step + 1;
  setup_.qat->begin_step(step, due(next, config_.logging_steps, setup_.total_steps));
}

// What the quantized result will be compared with.
void TrainingLoop::save_float_parent() {
  const auto folder = setup_.folder.float_parent();
  try {
    SaveTransaction transaction(folder, Existing::kReplace);
    write_model_folder(transaction.staging(), setup_.loaded.model->config(), *setup_.loaded.arena,
                       setup_.data.tokenizer.get());
    write_text(transaction.staging() / "training_config.yaml", print_config(config_));
    transaction.commit({.kind = "float parent", .step = progress_.step, .run_id = progress_.run_id, .parent = {}});
    log_info("step {}: saved {}", progress_.step, folder.string());
  } catch (const Error& error) {
    if (setup_.qat->distills()) throw;  // no checkpoint after this step could be resumed without it
    outcome_.save_failed = true;        // the run goes on; its result will have no parent to be compared with
    log_warning("step {}: not saved: {}", progress_.step, error.what());
  }
}

// A run that goes on in another folder takes the parent that it learns from with it.
void TrainingLoop::keep_float_parent() {
  const auto folder = setup_.folder.float_parent();
  const auto& source = setup_.parent_read_from;
  if (!source || (std::filesystem::exists(folder) && std::filesystem::equivalent(*source, folder))) return;
  const auto manifest = read_manifest(*source);
  SaveTransaction transaction(folder, Existing::kReplace);
  for (const auto& [name, file] : manifest.files) {
    copy_file_to(*source / name, transaction.staging() / name);
  }
  transaction.commit(manifest.info);
}

void TrainingLoop::check_finite(const StepResult& result) {
  progress_.skipped_in_a_row = result.applied ? 0 : progress_.skipped_in_a_row + 1;
  if (result.applied) return;
  line_.clear();
  if (result.tokens == 0) {
    progress_.skipped_in_a_row = 0;
    log_warning("step {}: none of its tokens carries a loss; it was skipped", progress_.step);
    return;
  }
  if (progress_.skipped_in_a_row > config_.max_skipped_steps) {
    fail(ExitCode::kDiverged,
         "step {}: loss {}, gradient norm {}: not finite for {} steps in a row; the run has diverged (lower "
         "learning_rate, or resume from an earlier checkpoint)",
         progress_.step, result.loss, result.gradient_norm, progress_.skipped_in_a_row);
  }
  log_warning("step {}: loss {}, gradient norm {}: not finite; the step was skipped", progress_.step, result.loss,
              result.gradient_norm);
}

void TrainingLoop::log_step(const StepResult& result, double rate, double seconds) {
  const int64_t read_tokens = setup_.rows_per_step * *config_.model.max_sequence_length;
  const StepReport report{.step = progress_.step,
                          .total_steps = setup_.total_steps,
                          .loss = result.loss,
                          .gradient_norm = result.gradient_norm,
                          .learning_rate = rate,
                          .tokens_per_second = static_cast<double>(read_tokens) / recent_seconds_,
                          .memory_mib = static_cast<double>(memory_of(setup_.device).in_use) / (1 << 20),
                          .seconds_left = recent_seconds_ * static_cast<double>(setup_.total_steps - progress_.step),
                          .dtype = *config_.dtype};
  const bool logged = due(progress_.step, config_.logging_steps, setup_.total_steps) || !result.applied;
  line_.update(report, logged);
  if (!logged) return;
  const auto finite = [](double value) {
    return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
  };
  nlohmann::ordered_json row{{"type", "train"},
                             {"step", progress_.step},
                             {"tokens", progress_.tokens},
                             {"loss", finite(result.loss)},
                             {"gradient_norm", finite(result.gradient_norm)},
                             {"learning_rate", rate},
                             {"applied", result.applied},
                             {"step_seconds", seconds},
                             {"tokens_per_second", report.tokens_per_second},
                             {"memory_mib", report.memory_mib}};
  if (setup_.qat && setup_.qat->numbers()) {
    row["qat"] = to_json(*setup_.qat->numbers());
    if (result.divergence) row["qat"]["kl_divergence"] = finite(*result.divergence);
  }
  metrics_.write(row);
}

void TrainingLoop::evaluate_now() {
  const auto start = Clock::now();
  const auto result = evaluate(*setup_.loaded.model, *setup_.data.validation, setup_.data.token_bytes,
                               *config_.model.max_sequence_length,
                               {.batch_size = *config_.micro_batch_size,
                                .max_batches = config_.eval_batches,
                                .isolate_documents = config_.data.isolate_documents});
  is_best_ = std::isfinite(result.loss) && (!progress_.best_loss || result.loss < *progress_.best_loss);
  count_evaluation(result.loss);
  outcome_.evaluation = result;
  nlohmann::ordered_json row{{"type", "evaluation"},
                             {"step", progress_.step},
                             {"loss", result.loss},
                             {"perplexity", result.perplexity},
                             {"bits_per_byte", result.bits_per_byte},
                             {"tokens", result.tokens}};
  std::string text = fmt::format("step {}: validation loss {:.4f}, perplexity {:.3f}, {:.4f} bits per byte",
                                 progress_.step, result.loss, result.perplexity, result.bits_per_byte);
  if (const auto floor = setup_.data.floor_bits_per_byte) {
    row["floor_bits_per_byte"] = *floor;
    text += fmt::format(" ({:+.4f} above the corpus's floor)", result.bits_per_byte - *floor);
  }
  for (const auto& score : probe_scores()) {
    row["probes"][score.ability] = static_cast<double>(score.right) / static_cast<double>(score.total);
    text += fmt::format(", {} {}/{}", score.ability, score.right, score.total);
  }
  row["seconds"] = seconds_since(start);
  metrics_.write(row);
  line_.clear();
  log_info(text);
}

std::vector<ProbeScore> TrainingLoop::probe_scores() {
  std::vector<ProbeScore> scores;
  if (setup_.data.floor_bits_per_byte) scores = score_probes(*setup_.loaded.model, *setup_.data.tokenizer);
  if (setup_.data.validates_on_questions) {
    scores.push_back(score_answers(*setup_.loaded.model, *setup_.data.tokenizer));
  }
  return scores;
}

void TrainingLoop::count_evaluation(double loss) {
  const bool is_lowest = std::isfinite(loss) && (!progress_.lowest_loss || loss < *progress_.lowest_loss);
  if (is_lowest) progress_.lowest_loss = loss;
  progress_.evaluations_since_lowest = is_lowest ? 0 : progress_.evaluations_since_lowest + 1;
}

bool TrainingLoop::has_ended() const {
  const auto& limit = config_.early_stopping_evals;
  return progress_.step >= setup_.total_steps || (limit && progress_.evaluations_since_lowest >= *limit);
}

void TrainingLoop::sample_now() {
  const auto& tokenizer = *setup_.data.tokenizer;
  const GenerationSettings settings{
      .max_tokens = kSampleTokens,
      .sampling = {.temperature = kSampleTemperature, .seed = static_cast<uint64_t>(config_.seed)},
      .stop = {},
      .end_of_text = {}};
  std::vector<std::vector<int32_t>> prompts;
  for (const auto& prompt : config_.sample_prompts) {
    prompts.push_back(encode_prompt(tokenizer, prompt, "sample_prompts"));
  }
  const auto samples = generate_texts(*setup_.loaded.model, tokenizer, prompts, settings);
  std::string text;
  for (size_t i = 0; i < samples.size(); ++i) {
    text += fmt::format("{}{}\n\n", config_.sample_prompts[i], samples[i].text);
  }
  make_folder(setup_.folder.samples());
  write_file_atomically(setup_.folder.samples() / fmt::format("step-{:06}.txt", progress_.step), text);
  metrics_.write_sample(progress_.step, text);
  line_.clear();
  log_info("step {}: sample\n{}", progress_.step, text);
}

StateDict TrainingLoop::optimizer_state() const {
  auto state = setup_.optimizer->state();
  const auto add = [&](StateDict more) {
    for (auto& tensor : more) state.push_back(std::move(tensor));
  };
  if (setup_.qat) add(setup_.qat->optimizer_state());
  if (setup_.codes) {
    add(setup_.codes->moments());
    add(setup_.codes->residuals());
  }
  return state;
}

std::optional<QuantizationMetadata> TrainingLoop::quantization_metadata() const {
  if (setup_.codes) {
    return finetuned_metadata(*setup_.loaded.quantization, {.updates = progress_.optimizer_steps,
                                                            .residual_bits = setup_.codes->settings().residual_bits,
                                                            .scale_policy = config_.quantization.scale_policy,
                                                            .rounding = config_.quantization.rounding});
  }
  if (!setup_.qat) {
    auto below_adapters = setup_.loaded.quantization;
    if (below_adapters) below_adapters->residual_bits = 0;  // its codes stay: the file is not copied
    return below_adapters;
  }
  auto metadata = describe_quantization(config_, *setup_.loaded.model);
  metadata.qat = setup_.qat->state();
  return metadata;
}

void TrainingLoop::save_now() {
  const auto before = progress_;
  if (is_best_) {
    progress_.best_step = progress_.step;
    progress_.best_loss = outcome_.evaluation->loss;
  }
  const bool is_quantized = setup_.loaded.quantization.has_value();
  const RunState state{.config = setup_.loaded.model->config(),
                       .arena = *setup_.loaded.arena,
                       .model = is_quantized ? setup_.loaded.model.get() : nullptr,
                       .tokenizer = setup_.data.tokenizer.get(),
                       .optimizer = optimizer_state(),
                       .trainer = to_json(progress_),
                       .training_config = print_config(config_),
                       .quantization = quantization_metadata(),
                       .qat_scales = setup_.qat ? setup_.qat->scales() : StateDict(),
                       .adapters = setup_.adapters.get(),
                       .adapter_info = adapter_info(config_)};
  line_.clear();
  try {
    outcome_.checkpoint = store_.save(progress_.step, state, is_best_);
    log_info("step {}: saved {}", progress_.step, outcome_.checkpoint->string());
  } catch (const Error& error) {
    // The run goes on: what was saved before is still there, and the exit code tells.
    progress_ = before;
    outcome_.save_failed = true;
    log_warning("step {}: not saved: {}", progress_.step, error.what());
  }
}

}  // namespace slm
