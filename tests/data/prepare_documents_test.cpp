// What counts as a document, and which file formats and sources are read.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "data/prepare_fixture.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

TEST_F(Prepare, LinesOfJsonAreDocuments) {
  auto config = train_on({file("a.jsonl",
                               "{\"text\": \"one\\r\\n\"}\r\n\n{\"text\": \"\"}\n  \t\n"
                               "{\"meta\": {\"text\": 1}, \"text\": \"tw\\u0000o\"}\n{\"text\": \"\xC3\xA9\"}")});
  config.validation_fraction = 0;
  ::testing::internal::CaptureStderr();
  const PreparedData data = prepare(config);
  EXPECT_TRUE(contains(::testing::internal::GetCapturedStderr(), "1 empty documents were left out"));
  EXPECT_EQ(text_of(data, *data.train[0].tokens), std::string("one\r\ntw\0o\xC3\xA9", 11));
  EXPECT_EQ(data.train[0].documents, 3);
  EXPECT_EQ(data.train[0].tokens->document_starts(0, 10), (std::vector<int64_t>{0, 5, 9}));
}

TEST_F(Prepare, TextIsKeptByteByByte) {
  const std::string text("a\r\nb\0c\n\xEF\xBB\xBF\n\n d", 15);
  auto config = train_on({file("a.txt", text)});
  config.validation_fraction = 0;
  const PreparedData data = prepare(config);
  EXPECT_EQ(text_of(data, *data.train[0].tokens), text);
}

TEST_F(Prepare, ALineOfManyMegabytesIsADocumentLikeAnother) {
  const std::string longest(20'000'000, 'y');
  auto config = train_on({file("a.jsonl", "{\"text\": \"x\"}\n{\"text\": \"" + longest + "\"}\n{\"text\": \"z\"}\n")});
  config.validation_fraction = 0;
  const PreparedData data = prepare(config);
  EXPECT_EQ(data.train[0].tokens->size(), 20'000'002);
  EXPECT_EQ(data.train[0].tokens->document_starts(0, 20'000'002), (std::vector<int64_t>{0, 1, 20'000'001}));
}

TEST_F(Prepare, ABadLineOfJsonIsNamed) {
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += "{\"text\": \"some text\"}\n";  // over a chunk
  const auto with = [&](const std::string& line) { return message(train_on({file("a.jsonl", many + line)})); };
  EXPECT_TRUE(contains(with("{\"txt\": \"a\"}\n"), "a.jsonl:100001: the key \"text\" is missing"));
  EXPECT_TRUE(contains(with("{\"text\": 12}\n"), "a.jsonl:100001: text: found number, expected text"));
  EXPECT_TRUE(contains(with("\n[1]\n"), "a.jsonl:100002: found array, expected an object"));
  EXPECT_TRUE(contains(with("{\"text\": \"a}\n"), "a.jsonl:100001:")) << with("{\"text\": \"a}\n");
  EXPECT_TRUE(contains(with("{\"text\": \"\xFF\"}\n"), "a.jsonl:100001:")) << with("{\"text\": \"\xFF\"}\n");
  EXPECT_TRUE(contains(message(train_on({file("a.jsonl", "\n \n")})), "a.jsonl: holds no text"));
  EXPECT_TRUE(contains(message(train_on({file("a.jsonl", "")})), "a.jsonl: empty file"));
  auto config = train_on({file("b.jsonl", many + "{\"text\": \"\\u00e9\"}")});
  prepare_data(train_on({file("c.txt", many)}), 4, path("other"));
  config.tokenizer = (path("other") / "tokenizer.json").string();
  EXPECT_TRUE(contains(message(config), "b.jsonl:100001: text:1:1: character '\xC3\xA9'")) << message(config);
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(Prepare, ValidationTextIsWholeDocumentsWhereThatIsNearTheShare) {
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += fmt::format("{{\"text\": \"{}\"}}\n", std::string(10, 'a' + i % 26));
  auto config = train_on({file("a.jsonl", lines)});
  config.validation_fraction = 0.123;  // 877 tokens are left: the nearest document begins at 880
  EXPECT_EQ(prepare(config).train[0].tokens->size(), 880);
  config.train = {file("a.txt", std::string(500, 'a')), file("b.txt", std::string(500, 'b'))};
  config.validation_fraction = 0.1;  // the only other document begins at 500
  EXPECT_EQ(prepare(config).train[0].tokens->size(), 900);
  config.validation_fraction = 0.4;
  const PreparedData data = prepare(config);
  EXPECT_EQ(data.train[0].tokens->size(), 500);
  EXPECT_EQ(text_of(data, *data.validation), std::string(500, 'b'));
}

TEST_F(Prepare, EntriesWithWeightsAreReadApart) {
  DataConfig config;
  config.train = {file("one.txt", std::string(100, 'a')), file("two.txt", std::string(200, 'b'))};
  config.train[0].weight = 1;
  config.train[1].weight = 2.5;
  config.validation_fraction = 0.1;
  const PreparedData data = prepare(config);
  ASSERT_EQ(data.train.size(), 2u);
  EXPECT_EQ(text_of(data, *data.train[0].tokens), std::string(90, 'a'));
  EXPECT_EQ(text_of(data, *data.train[1].tokens), std::string(180, 'b'));
  EXPECT_EQ(text_of(data, *data.validation), std::string(10, 'a') + std::string(20, 'b'));
  EXPECT_EQ(data.train[1].weight, 2.5);
  config.train[1].weight = 7;  // other weights are no other tokens
  EXPECT_TRUE(contains(log_of(config), "is up to date"));
  EXPECT_EQ(prepare(config).train[1].weight, 7);
  config.train[0].weight = config.train[1].weight = std::nullopt;
  EXPECT_TRUE(contains(log_of(config), "the data config changed"));
  EXPECT_EQ(prepare(config).train.size(), 1u);
}

TEST_F(Prepare, ReadsAFileInTheFormatThatIsAskedFor) {
  const PreparedData first = prepare(train_on({file("a.txt", "hello world, hello world")}));
  fs::copy_file(out() / "tokenizer.json", path("mine.json"));
  DataConfig config;
  config.train = {file("raw.bin", std::string("\x02\x00\x03\x00\x04\x00\x02\x00\x03\x00", 10))};
  config.train[0].format = "uint16";
  config.tokenizer = path("mine.json").string();
  config.validation_fraction = 0;
  const PreparedData data = prepare(config);
  std::vector<int64_t> ids(5);
  data.train[0].tokens->copy(0, ids);
  EXPECT_EQ(ids, (std::vector<int64_t>{2, 3, 4, 2, 3}));
  config.train = {file("raw2.bin", std::string("\x02\x00\xFF\x00", 4))};
  config.train[0].format = "uint16";
  EXPECT_TRUE(contains(message(config), "raw2.bin: token 1 is id 255, but the tokenizer's vocabulary has"));
  config.train = {file("notes.md", "hello hello hello")};
  config.train[0].format = "txt";
  EXPECT_EQ(text_of(prepare(config), *prepare(config).train[0].tokens), "hello hello hello");
}

// Standard input as long as this lives.
class StandardInput {
 public:
  explicit StandardInput(const std::string& path) : saved_(dup(STDIN_FILENO)) {
    const int file = open(path.c_str(), O_RDONLY);
    dup2(file, STDIN_FILENO);
    close(file);
  }
  ~StandardInput() {
    dup2(saved_, STDIN_FILENO);
    close(saved_);
  }

 private:
  int saved_;
};

TEST_F(Prepare, ReadsStandardInputAndNeedsItOnlyOnce) {
  auto config = train_on({"-"});
  config.train[0].format = "jsonl";
  const auto with = [&](const std::string& text) {
    const StandardInput input(file("input", text));
    return log_of(config);
  };
  EXPECT_TRUE(contains(with("{\"text\": \"hello world\"}"), "nothing prepared there yet"));
  EXPECT_TRUE(contains(with("{\"text\": \"hello world\"}"), "is up to date"));
  EXPECT_TRUE(contains(with(""), "is up to date"));
  EXPECT_TRUE(contains(with("{\"text\": \"hello World\"}"), "standard input changed"));
  EXPECT_FALSE(fs::exists(out() / "preparing/standard_input"));
  config.validation_fraction = 0.4;
  const StandardInput nothing(file("nothing", ""));
  EXPECT_TRUE(contains(message(config), "standard input: nothing came, but the text is needed again"));
  EXPECT_TRUE(contains(message_of([&] { prepare_data(config, 4, path("new")); }), "standard input: nothing came"));
  EXPECT_FALSE(fs::exists(path("new")));
}

}  // namespace
}  // namespace slm
