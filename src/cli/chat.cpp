#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/generation_config.h"
#include "checkpoint/model_folder.h"
#include "cli/commands.h"
#include "cli/device_option.h"
#include "cli/sampling_options.h"
#include "core/error.h"
#include "core/log.h"
#include "generation/chat_session.h"
#include "kernels/device.h"

namespace slm::cli {
namespace {

struct ChatArguments {
  std::string checkpoint;
  std::optional<std::string> device;
  bool json = false;
  ChatSettings settings{.generation = default_sampling(), .system = {}};
};

void show(std::string_view text) {
  fmt::print("{}", text);
  std::fflush(stdout);
}

// What a person should know and a program that reads the answers should not see.
void note(std::string_view text) { fmt::print(stderr, "({})\n", text); }

// Lines of standard input to answers on standard output.
class ChatTerminal {
 public:
  ChatTerminal(ChatSession& session, const ChatArguments& arguments)
      : session_(session), json_(arguments.json), person_(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {}

  void run() {
    if (person_) note("/reset begins anew, /exit or the end of input (Ctrl-D) ends");
    for (std::string line; read(line);) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line == "/exit") return;
      if (line == "/reset") {
        session_.reset();
        if (person_) note("a new conversation");
      } else if (line.find_first_not_of(" \t") != std::string::npos) {
        take(line);
      }
    }
    if (person_) show("\n");
  }

 private:
  bool read(std::string& line) {
    ++line_;
    if (person_) show("> ");
    return static_cast<bool>(std::getline(std::cin, line));
  }

  void take(const std::string& line) {
    try {
      answer(line);
    } catch (const Error& error) {
      if (!person_) fail(error.code(), "standard input:{}: {}", line_, error.what());
      note(error.what());
    }
  }

  void answer(const std::string& line) {
    const auto answer = session_.answer(line, [&](std::string_view text) {
      if (!json_) show(text);
    });
    if (json_) {
      print_json(line, answer);
    } else {
      show("\n");
    }
    tell(answer);
  }

  static void print_json(const std::string& line, const ChatAnswer& answer) {
    const auto& generation = answer.generation;
    const auto reason = answer.window_full ? "window_full" : name_of(generation.reason);
    const nlohmann::ordered_json json{{"user", line},
                                      {"assistant", generation.text},
                                      {"finish_reason", reason},
                                      {"prompt_tokens", answer.prompt_tokens},
                                      {"ids", generation.ids},
                                      {"forgotten_messages", answer.forgotten}};
    show(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  static void tell(const ChatAnswer& answer) {
    if (answer.forgotten > 0) {
      note(fmt::format("the window is full: the {} oldest messages were forgotten before this answer",
                       answer.forgotten));
    }
    if (answer.window_full) {
      note("the answer ends here because the window is full");
    } else if (answer.generation.reason == FinishReason::kLength) {
      note(fmt::format("the answer was cut after {} tokens (--max-tokens)", answer.generation.ids.size()));
    }
  }

  ChatSession& session_;
  const bool json_, person_;
  int64_t line_ = 0;
};

void run_chat(ChatArguments arguments) {
  const auto checkpoint = find_checkpoint(arguments.checkpoint);
  verify_or_warn(checkpoint);
  const auto loaded = read_model_folder(checkpoint, {.device = choose_device(arguments.device)});
  if (!loaded.tokenizer) fail(ExitCode::kData, "{}: no tokenizer.json, so no text can be read", checkpoint.string());
  if (const auto theirs = read_chat_template(checkpoint); theirs && *theirs != kChatTemplate) {
    log_warning("{}: has a chat template of its own, which slm does not run; it writes plain ChatML",
                checkpoint.string());
  }
  arguments.settings.generation.end_of_text = read_end_of_text(checkpoint, loaded.model->config());
  ChatSession session(*loaded.model, *loaded.tokenizer, arguments.settings, checkpoint.string());
  ChatTerminal(session, arguments).run();
}

}  // namespace

void add_chat(CLI::App& app, int&) {
  auto* command = app.add_subcommand("chat", "Talk to a model that was trained on conversations");
  auto arguments = std::make_shared<ChatArguments>();
  command->add_option("checkpoint", arguments->checkpoint, "Checkpoint, run or Hugging Face folder")->required();
  command->add_option("--system", arguments->settings.system, "What the system message says")
      ->check(CLI::Validator([](const std::string& text) { return text.empty() ? "empty" : ""; }, "TEXT"));
  add_sampling_options(*command, arguments->settings.generation);
  add_device_option(*command, arguments->device);
  command->add_flag("--json", arguments->json, "For programs: an object a line for each answer");
  command->footer(
      "Each line is a message. /reset begins anew, /exit or the end of input ends. Where the model's window is full, "
      "the\n"
      "oldest messages are forgotten, and a note on standard error says so. Not on a terminal, only answers are "
      "printed.\n"
      "Examples:\n"
      "  slm chat runs/chat_quickstart\n"
      "  slm chat runs/chat_quickstart --system \"Use round brackets.\" --temperature 0\n"
      "  echo \"Mia had lost a red kite. ?color\" | slm chat runs/chat_quickstart --temperature 0\n"
      "  slm chat runs/chat_quickstart --json < questions.txt > answers.jsonl");
  command->callback([arguments] { run_chat(*arguments); });
}

}  // namespace slm::cli
