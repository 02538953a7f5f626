// Times the encoding of text files: one JSON line for each number of threads, medians, for a comparison beside other
// tokenizers in the same run (compare_tokenizers.py).
//
//   tokenizer_bench tokenizer.json documents/*.txt --threads 1 --threads 2 --repeat 5
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "data/tokenizer.h"

namespace slm {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
  std::string tokenizer, ids_file;
  std::vector<std::string> files;
  std::vector<int> threads = {1, 2};
  int repeat = 5;
};

std::vector<std::vector<int32_t>> encode_all(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
                                             int threads) {
  std::vector<std::vector<int32_t>> ids;
  for (const auto& text : texts) ids.push_back(tokenizer.encode(text, "text", {.threads = threads}));
  return ids;
}

void write_ids(const std::string& path, const std::vector<std::vector<int32_t>>& ids) {
  FileWriter writer(path);
  for (const auto& document : ids) writer.write(std::as_bytes(std::span(document)));
  writer.close();
}

double seconds_of(const Tokenizer& tokenizer, const std::vector<std::string>& texts, int threads) {
  const auto begin = Clock::now();
  encode_all(tokenizer, texts, threads);
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void run(const Arguments& arguments) {
  const auto tokenizer = load_tokenizer(arguments.tokenizer);
  std::vector<std::string> texts;
  size_t bytes = 0;
  for (const auto& file : arguments.files) bytes += texts.emplace_back(read_file(file)).size();
  const auto ids = encode_all(*tokenizer, texts, 1);  // also what fills the caches
  if (!arguments.ids_file.empty()) write_ids(arguments.ids_file, ids);
  size_t tokens = 0;
  for (const auto& document : ids) tokens += document.size();
  for (const int threads : arguments.threads) {
    std::vector<double> seconds;
    for (int i = 0; i < arguments.repeat; ++i) seconds.push_back(seconds_of(*tokenizer, texts, threads));
    std::sort(seconds.begin(), seconds.end());
    const auto megabytes_per_second = [&](double time) { return static_cast<double>(bytes) / 1e6 / time; };
    const nlohmann::ordered_json line = {{"threads", threads},
                                         {"MB_per_s", megabytes_per_second(seconds[seconds.size() / 2])},
                                         {"min", megabytes_per_second(seconds.back())},
                                         {"max", megabytes_per_second(seconds.front())},
                                         {"bytes", bytes},
                                         {"tokens", tokens}};
    fmt::print("{}\n", line.dump());
  }
}

}  // namespace
}  // namespace slm

int main(int argc, char** argv) {
  CLI::App app("Time the encoding of text files");
  slm::Arguments arguments;
  app.add_option("TOKENIZER", arguments.tokenizer, "A tokenizer.json")->required();
  app.add_option("FILES", arguments.files, "Documents, one after the other")->required();
  app.add_option("--threads", arguments.threads, "Numbers of threads to time")->capture_default_str();
  app.add_option("--repeat", arguments.repeat, "Passes over the files for each")->check(CLI::PositiveNumber);
  app.add_option("--ids", arguments.ids_file, "File for the ids, int32");
  CLI11_PARSE(app, argc, argv);
  try {
    slm::run(arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
