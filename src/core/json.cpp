#include "core/json.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "core/error.h"

namespace slm {

namespace {

using Json = nlohmann::json;

// Line (the text's first is `first_line`) and column (from 1, in characters) of the byte at `offset`.
std::string place(std::string_view text, size_t offset, size_t first_line) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0: the first line
  const auto line = first_line + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
  const auto is_first_byte = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  const auto column = std::count_if(before.begin() + line_begin, before.end(), is_first_byte) + 1;
  return fmt::format("{}:{}", line, column);
}

// The offset of the quote that opens the string whose closing quote stands at `closing`: inside, quotes are escaped.
size_t opening_quote(std::string_view text, size_t closing) {
  for (size_t i = closing; i-- > 0;) {
    if (text[i] != '"') continue;
    size_t backslashes = 0;
    while (backslashes < i && text[i - 1 - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return i;
  }
  return 0;
}

// nlohmann's message without its own prefix, its own place and the text that it read last (which may be long, or no
// valid UTF-8).
std::string shorten(std::string message) {
  if (const size_t end = message.find("] "); end != std::string::npos) message.erase(0, end + 2);
  if (message.starts_with("parse error at ")) message.erase(0, message.find(": ") + 2);
  if (const size_t begin = message.find("; last read: "); begin != std::string::npos) {
    const size_t end = message.rfind("; expected ");
    message.erase(begin, end != std::string::npos && end > begin ? end - begin : std::string::npos);
  }
  return message;
}

// Tells the handler how far the parser has read; its callbacks are not given a position.
struct TrackingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  const char** read_to = nullptr;

  reference operator*() const { return *at; }
  TrackingIterator& operator++() {
    *read_to = ++at;
    return *this;
  }
  TrackingIterator operator++(int) { return std::exchange(*this, ++TrackingIterator(*this)); }
  bool operator==(const TrackingIterator& other) const { return at == other.at; }
};

// Builds the document, refusing what nlohmann's own builder lets pass.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view text, const std::string& origin, int max_depth, size_t first_line)
      : text_(text), origin_(origin), max_depth_(max_depth), first_line_(first_line), read_to_(text.data()) {}

  Json parse() {
    const TrackingIterator begin{text_.data(), &read_to_}, end{text_.data() + text_.size(), &read_to_};
    SLM_CHECK(Json::sax_parse(begin, end, this));  // every refusal throws
    return std::move(root_);
  }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (open_.back()->contains(name)) {
      refuse(opening_quote(text_, read_bytes() - 1),
             fmt::format("key {} stands twice; expected it once", quote_json(name)));
    }
    key_ = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    refuse(position > 0 ? position - 1 : 0, shorten(error.what()));
  }

 private:
  size_t read_bytes() const { return static_cast<size_t>(read_to_ - text_.data()); }

  [[noreturn]] void refuse(size_t offset, const std::string& what) const {
    fail(ExitCode::kData, "{}:{}: {}", origin_, place(text_, offset, first_line_), what);
  }

  Json* insert(Json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[key_] = std::move(value));
  }

  bool add(Json value) {
    insert(std::move(value));
    return true;
  }

  bool open(Json empty) {
    if (static_cast<int>(open_.size()) >= max_depth_) {
      refuse(read_bytes() - 1, fmt::format("nested deeper than {} levels", max_depth_));
    }
    open_.push_back(insert(std::move(empty)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  const std::string& origin_;
  int max_depth_;
  size_t first_line_;
  const char* read_to_;
  Json root_;
  std::vector<Json*> open_;  // the containers around the present place; a parent does not grow while a child is open
  std::string key_;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& origin, const JsonLimits& limits, size_t first_line) {
  if (text.size() > limits.max_bytes) {
    fail(ExitCode::kData, "{}: {} bytes of JSON; expected at most {}", origin, text.size(), limits.max_bytes);
  }
  // nlohmann takes a zero byte for the end and would ignore what follows.
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    fail(ExitCode::kData, "{}:{}: a zero byte; expected JSON text", origin, place(text, zero, first_line));
  }
  return Builder(text, origin, limits.max_depth, first_line).parse();
}

std::string quote_json(std::string_view text) {
  constexpr size_t kLongest = 100;
  const std::string shown = text.size() <= kLongest ? std::string(text) : std::string(text.substr(0, kLongest)) + "...";
  return Json(shown).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace slm
