#include "config/yaml_document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <cstdint>
#include <sstream>
#include <utility>

namespace slm {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 20;
constexpr size_t kMaxDepth = 16;

/// Where an override's text was found is the override itself; a file has lines.
struct Source {
  std::string origin;
  bool has_lines;

  Location at(const YAML::Mark& mark) const {
    if (!has_lines) return {origin};
    return mark.is_null() ? Location{origin, 1, 1} : Location{origin, mark.line + 1, mark.column + 1};
  }
};

/// Ends the reading of a text; never leaves this file.
struct Unreadable {
  Location at;
  std::string text;
};

/// Turns yaml-cpp's events into a tree. Events, not its nodes, because those forget anchors, tags and doubled keys.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const Source& source, Problems& problems) : source_(source), problems_(problems) {}

  YamlNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) throw Unreadable{source_.at(mark), "a second YAML document; expected only one"};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check_plain(mark, "", anchor);
    add({.kind = YamlNode::Kind::kNull, .at = source_.at(mark)});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    problems_.add(source_.at(mark), "a YAML alias (*name); write the value out");
    add({.kind = YamlNode::Kind::kRefused, .at = source_.at(mark)});
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_plain(mark, tag, anchor);
    add({.kind = YamlNode::Kind::kScalar, .text = value, .quoted = tag == "!", .at = source_.at(mark)});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_plain(mark, tag, anchor);
    open({.kind = YamlNode::Kind::kList, .at = source_.at(mark)});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_plain(mark, tag, anchor);
    open({.kind = YamlNode::Kind::kMap, .at = source_.at(mark)});
  }
  void OnMapEnd() override { close(); }

 private:
  void check_plain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) problems_.add(source_.at(mark), "a YAML anchor (&name); write the value out where it is used");
    if (!tag.empty() && tag != "?" && tag != "!") {
      problems_.add(source_.at(mark), fmt::format("the YAML tag {}; a config has none, remove it", tag));
    }
  }

  void open(YamlNode node) {
    if (open_.size() >= kMaxDepth) {
      throw Unreadable{node.at, fmt::format("nested more than {} levels deep", kMaxDepth)};
    }
    open_.push_back(std::move(node));
  }

  void close() {
    auto node = std::move(open_.back());
    open_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& parent = open_.back();
    const bool is_key = parent.kind == YamlNode::Kind::kMap && parent.keys.size() == parent.items.size();
    (is_key ? parent.keys : parent.items).push_back(std::move(node));
  }

  const Source& source_;
  Problems& problems_;
  int documents_ = 0;
  YamlNode root_;
  std::vector<YamlNode> open_;  // the containers around the present event, the outermost first
};

/// Bytes of the valid UTF-8 sequence at the beginning of `rest`; 0 where there is none (RFC 3629).
size_t utf8_length(std::string_view rest) {
  const auto byte = [&](size_t i) { return i < rest.size() ? static_cast<uint8_t>(rest[i]) : uint8_t{0}; };
  const auto continues = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if ((first & 0xF0) == 0xE0) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0, surrogate = first == 0xED && byte(1) > 0x9F;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90, beyond = first == 0xF4 && byte(1) > 0x8F;
    return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

/// yaml-cpp replaces what is no UTF-8 and takes byte 4 for the end of the file, both in silence; so neither gets there.
void check_characters(std::string_view text, const Source& source) {
  YAML::Mark mark;
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text.substr(i));
    const auto c = static_cast<unsigned char>(text[i]);
    if (length == 0) throw Unreadable{source.at(mark), fmt::format("byte {:#04x} is not UTF-8", c)};
    const bool control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
    if (control) throw Unreadable{source.at(mark), fmt::format("control character {:#04x}; YAML text has none", c)};
    mark.line += c == '\n';
    mark.column = c == '\n' ? 0 : mark.column + static_cast<int>(length);
    i += length;
  }
}

YamlNode read_document(std::string_view text, const Source& source, Problems& problems) {
  if (text.size() > kMaxBytes) {
    throw Unreadable{source.at({}), fmt::format("{} bytes; a config has at most {}", text.size(), kMaxBytes)};
  }
  check_characters(text, source);
  TreeBuilder builder(source, problems);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    const bool is_glob = error.msg == YAML::ErrorMsg::UNKNOWN_ANCHOR;
    throw Unreadable{source.at(error.mark),
                     fmt::format("not valid YAML: {}{}", error.msg,
                                 is_glob ? "; a text that begins with * stands in quotes: \"*.down_proj\"" : "")};
  }
  return builder.take_root();
}

}  // namespace

std::optional<YamlNode> parse_yaml(std::string_view text, const std::string& origin, bool has_lines,
                                   Problems& problems) {
  try {
    return read_document(text, {origin, has_lines}, problems);
  } catch (const Unreadable& reason) {
    problems.add(reason.at, reason.text);
    return std::nullopt;
  }
}

}  // namespace slm
