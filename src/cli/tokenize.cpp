// slm tokenize: text to token ids, and back.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "checkpoint/checkpoint_store.h"
#include "cli/commands.h"
#include "cli/token_view.h"
#include "core/error.h"
#include "core/json.h"
#include "core/terminal.h"
#include "data/bpe/json_fields.h"
#include "data/tokenizer.h"
#include "data/text_error.h"

namespace slm::cli {
namespace {

using Json = nlohmann::json;

const std::string kInput = "standard input";

struct TokenizeArguments {
  std::string tokenizer;
  bool decode = false, json = false, plain_text = false, add_special = false;
};

// The file itself, or that of a checkpoint, run or Hugging Face folder.
std::filesystem::path tokenizer_file(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return path;
  const auto file = path / "tokenizer.json";
  return std::filesystem::exists(file, error) ? file : find_checkpoint(path) / "tokenizer.json";
}

std::string read_input() {
  std::string text;
  std::array<char, 1 << 16> block;
  while (const size_t got = std::fread(block.data(), 1, block.size(), stdin)) text.append(block.data(), got);
  if (std::ferror(stdin)) fail(ExitCode::kFailed, "{}: cannot be read", kInput);
  return text;
}

void write_output(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    fail(ExitCode::kFailed, "standard output: cannot be written");
  }
}

// {"ids": [...]}, or the list alone.
std::vector<int32_t> ids_of_json(const std::string& text, int64_t vocab_size) {
  const Json json = parse_json(text, kInput);
  const Json* list = json.is_object() && json.contains("ids") ? &json["ids"] : &json;
  if (!list->is_array()) fail(ExitCode::kData, "{}: expected {{\"ids\": [...]}}, or a list of ids", kInput);
  std::vector<int32_t> ids;
  for (const Json& id : *list) {
    if (!id.is_number_integer() || id < 0 || id >= vocab_size) {
      fail(ExitCode::kData, "{}: ids[{}]: found {}, expected a token id of 0 .. {}", kInput, ids.size(),
           show_json(id), vocab_size - 1);
    }
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

// Numbers with white space between them.
std::vector<int32_t> ids_of_words(const std::string& text, int64_t vocab_size) {
  constexpr const char* kSpace = " \t\r\n";
  std::vector<int32_t> ids;
  for (size_t begin = text.find_first_not_of(kSpace); begin != text.npos;) {
    const size_t end = std::min(text.find_first_of(kSpace, begin), text.size());
    int32_t id = -1;
    const auto [parsed, error] = std::from_chars(&text[begin], &text[0] + end, id);
    if (error != std::errc() || parsed != &text[0] + end || id < 0 || id >= vocab_size) {
      const auto at = place_of(text, begin);
      fail(ExitCode::kData, "{}:{}:{}: found {}, expected a token id of 0 .. {}", kInput, at.line, at.column,
           quote_json(std::string_view(text).substr(begin, end - begin)), vocab_size - 1);
    }
    ids.push_back(id);
    begin = text.find_first_not_of(kSpace, end);
  }
  return ids;
}

void decode(const Tokenizer& tokenizer, bool json) {
  const std::string input = read_input();
  const size_t first = input.find_first_not_of(" \t\r\n");
  const bool is_json = first != input.npos && (input[first] == '{' || input[first] == '[');
  const auto size = tokenizer.vocab_size();
  const std::string text = tokenizer.decode(is_json ? ids_of_json(input, size) : ids_of_words(input, size));
  write_output(json ? Json{{"text", text}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n" : text);
}

void encode(const Tokenizer& tokenizer, const TokenizeArguments& arguments) {
  const auto ids = tokenizer.encode(read_input(), kInput,
                                    {.recognize_special = !arguments.plain_text,
                                     .add_special = arguments.add_special,
                                     .threads = static_cast<int>(std::thread::hardware_concurrency())});
  if (arguments.json) {
    write_output(Json{{"ids", ids}}.dump() + "\n");
  } else if (is_terminal(STDOUT_FILENO)) {
    write_output(token_view(tokenizer, ids, !colors_forbidden()));
  } else {
    write_output(fmt::format("{}\n", fmt::join(ids, " ")));
  }
}

void tokenize(const TokenizeArguments& arguments) {
  const auto tokenizer = load_tokenizer(tokenizer_file(arguments.tokenizer));
  if (arguments.decode) {
    decode(*tokenizer, arguments.json);
  } else {
    encode(*tokenizer, arguments);
  }
}

}  // namespace

void add_tokenize(CLI::App& app, int& /*exit_code*/) {
  auto* command = app.add_subcommand("tokenize", "Turn text from standard input into token ids, or ids into text");
  const auto arguments = std::make_shared<TokenizeArguments>();
  command
      ->add_option("TOKENIZER", arguments->tokenizer,
                   "A tokenizer.json, or the folder of a checkpoint, a run or a Hugging Face model")
      ->required();
  auto* decode = command->add_flag("--decode", arguments->decode,
                                   "Ids to text: numbers with spaces between them, or {\"ids\": [...]}");
  command->add_flag("--json", arguments->json,
                    "For programs: {\"ids\": [...]}; with --decode {\"text\": ...}, with U+FFFD for what is not UTF-8");
  command->add_flag("--plain-text", arguments->plain_text, "The name of a special token is text like any other")
      ->excludes(decode);
  command->add_flag("--add-special-tokens", arguments->add_special, "Also the tokens that begin or end a text")
      ->excludes(decode);
  command->footer(
      "A terminal shows the pieces of text in colours (none where NO_COLOR is set); elsewhere ids go out on one line.\n"
      "Examples:\n"
      "  slm tokenize runs/quickstart < story.txt\n"
      "  echo 'Hello world' | slm tokenize tokenizer.json --json\n"
      "  echo '15496 995' | slm tokenize tokenizer.json --decode");
  command->callback([arguments] { tokenize(*arguments); });
}

}  // namespace slm::cli
