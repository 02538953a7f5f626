// Every subcommand is one file of this folder; each function adds its subcommand to `app`. A command's callback throws
// `Error` where the user is wrong and stores what the process exits with in `exit_code` otherwise.
#pragma once

#include <CLI/CLI.hpp>

namespace slm::cli {

void add_chat(CLI::App& app, int& exit_code);
void add_compare(CLI::App& app, int& exit_code);
void add_config(CLI::App& app, int& exit_code);
void add_doctor(CLI::App& app, int& exit_code);
void add_evaluate(CLI::App& app, int& exit_code);
void add_generate(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);
void add_logits(CLI::App& app, int& exit_code);
void add_merge(CLI::App& app, int& exit_code);
void add_prepare(CLI::App& app, int& exit_code);
void add_quantize(CLI::App& app, int& exit_code);
void add_tokenize(CLI::App& app, int& exit_code);
void add_report(CLI::App& app, int& exit_code);
void add_train(CLI::App& app, int& exit_code);
void add_verify(CLI::App& app, int& exit_code);

}  // namespace slm::cli
