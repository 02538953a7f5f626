// Trains a small model on a text file and lets it go on from a prompt:
//   build/embed TEXT_FILE PROMPT
#include <cstdio>

#include "checkpoint/model_folder.h"
#include "config/describe.h"
#include "core/error.h"
#include "core/log.h"
#include "generation/generate.h"
#include "training/train.h"

int main(int argc, char** argv) try {
  if (argc != 3) slm::fail(slm::ExitCode::kUsage, "usage: embed TEXT_FILE PROMPT");
  slm::init_log();
  slm::TrainingConfig config;  // every field is a key of the YAML; `slm config explain` tells what each one does
  config.output_dir = "run";
  config.data.train = {argv[1]};
  config.model.max_sequence_length = 32;
  config.model.n_layers = 2;
  config.model.n_heads = 2;
  config.model.d_model = 32;
  config.max_steps = 200;
  config.threads = 1;  // so small a model gains nothing from more
  config.learning_rate = 5e-3;
  const auto outcome = slm::train(config, slm::print_config(config));

  const auto trained = slm::read_model_folder(outcome.checkpoint.value());
  const slm::GenerationSettings settings{
      .max_tokens = 80, .sampling = {.temperature = 0}, .stop = {"\n"}, .end_of_text = {}};
  const std::vector<std::vector<int32_t>> prompts{slm::encode_prompt(*trained.tokenizer, argv[2], "PROMPT")};
  const auto lines = slm::generate_texts(*trained.model, *trained.tokenizer, prompts, settings);
  std::printf("loss %.4f\n%s%s\n", outcome.evaluation.value().loss, argv[2], lines[0].text.c_str());
  return 0;
} catch (const slm::Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return static_cast<int>(error.code());
}
