#include "config/explain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "config/check.h"
#include "config/constraint.h"
#include "config/suggest.h"
#include "core/error.h"

namespace slm {
namespace {

std::string_view resume_word(Resume resume) {
  switch (resume) {
    case Resume::kFixed:
      return "fixed";
    case Resume::kFree:
      return "free";
    case Resume::kLength:
      return "grows";
  }
  SLM_CHECK(false);
  return {};
}

std::string_view describe_resume(Resume resume) {
  switch (resume) {
    case Resume::kFixed:
      return "fixed (a resumed run must have the same value)";
    case Resume::kFree:
      return "free (a resumed run may have another value)";
    case Resume::kLength:
      return "grows (may grow under lr_scheduler_type constant and wsd, fixed under the others)";
  }
  SLM_CHECK(false);
  return {};
}

/// The default as YAML, or "needed" where a config without the key is refused.
std::string default_of(const FieldInfo& field) {
  for (const auto& missing : find_missing(TrainingConfig{})) {
    if (missing.keys == std::vector{field.key}) return "needed";
  }
  return field.value;
}

std::string leaf_of(const std::string& key) { return key.substr(key.rfind('.') + 1); }

/// Whether `name` stands in `text` as a word of its own, and not behind a dot.
bool has_word(std::string_view text, std::string_view name) {
  const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (auto at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    const bool begins = at == 0 || !(in_word(text[at - 1]) || text[at - 1] == '.');
    if (begins && (end == text.size() || !in_word(text[end]))) return true;
  }
  return false;
}

/// Whether the meaning of `field` names `other`: by its dotted key, or inside one block without the block. A plain word
/// like `seed` counts only there, because elsewhere it is a word.
bool names(const FieldInfo& field, const FieldInfo& other) {
  const auto leaf = leaf_of(other.key);
  const bool clear = block_of(field.key) == block_of(other.key) || leaf.find('_') != std::string::npos;
  return (clear && has_word(field.doc, leaf)) || has_word(field.doc, other.key);
}

std::string explain_block(std::string_view block, const std::vector<FieldInfo>& fields) {
  std::string text;
  for (const auto& field : fields) {
    if (block_of(field.key) != block) continue;
    if (text.empty()) text = fmt::format("{}:\n  {}\n", block, field.group);
    text += fmt::format("  {} ({}): {}\n", field.key, default_of(field), field.doc);
  }
  return text;
}

/// Text in a cell of a Markdown table.
std::string in_cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '*') out += '\\';
    out += c;
  }
  return out;
}

constexpr std::string_view kPageHead =
    R"(# The config

Made by `slm config list --markdown`; `scripts/generate_docs` writes it anew.

A run is described by one YAML file, read strictly: an unknown or doubled key, a value of the wrong type or out of range, keys that contradict
each other or have no effect beside others are errors. All of them are reported together, each with its place and the nearest known key. Whole
numbers may be written `1e9`; numbers follow JSON's grammar (no `010`, `.5`, `.nan`); text that looks like a number, `true` or `null` needs
quotes. Anchors, aliases and tags are refused.

- `slm train CONFIG key=value ...` replaces values; keys inside a block are dotted (`model.n_layers=2`), the value is read as YAML, and `null` takes the
  file's value back.
- `base: other.yaml` begins from another config: blocks are merged key by key, lists are replaced, `null` takes the base's value back.
- `slm config check CONFIG` reports everything that is wrong; `print` shows the resolved config with the origin of each value; `diff A B` compares two
  configs, runs or checkpoints; `explain KEY` tells about one key.
- Editors with a YAML language server complete and check keys by [training_config.schema.json](training_config.schema.json), which a first line
  `# yaml-language-server: $schema=PATH` names; `slm config schema` prints it. It knows each key alone: what keys must have together is for `slm config check`.

"Resume" tells whether a run that goes on from a checkpoint may have another value: fixed (no), free (yes), grows (a longer run under
`lr_scheduler_type` constant and wsd). "needed": a config without the key is refused, `model:` keys only where `init_from` does not give them.
)";

}  // namespace

std::vector<std::string> related_keys(const FieldInfo& field, const std::vector<FieldInfo>& all) {
  std::vector<std::string> related;
  for (const auto& other : all) {
    if (other.key != field.key && (names(field, other) || names(other, field))) related.push_back(other.key);
  }
  return related;
}

std::string explain(std::string_view key) {
  const auto fields = list_file_keys();
  const auto field = std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.key == key; });
  if (field == fields.end()) {
    if (auto block = explain_block(key, fields); !block.empty()) return block;
    std::vector<std::string> keys;
    for (const auto& known : fields) keys.push_back(known.key);
    const auto near = nearest_key(key, keys);
    fail(ExitCode::kUsage, "{}: unknown key{}", key, near ? fmt::format("; did you mean {}?", *near) : "");
  }
  auto text = fmt::format("{}\n  {}\n  type:    {}\n  allowed: {}\n  default: {}\n  resume:  {}\n", field->key,
                          field->doc, field->type, describe_allowed(field->type, field->constraint), default_of(*field),
                          describe_resume(field->resume));
  const auto related = related_keys(*field, fields);
  if (!related.empty()) text += fmt::format("  related: {}\n", fmt::join(related, ", "));
  return text;
}

std::string explain_all() {
  GroupedText out;
  for (const auto& field : list_file_keys()) {
    out.begin(field);
    out.text += fmt::format("{} ({}): {}\n", field.key, default_of(field), field.doc);
  }
  return out.text;
}

std::string list_keys() {
  const auto fields = list_file_keys();
  size_t key_width = 0, default_width = 0;
  for (const auto& field : fields) {
    key_width = std::max(key_width, field.key.size());
    default_width = std::max(default_width, default_of(field).size());
  }
  GroupedText out;
  for (const auto& field : fields) {
    out.begin(field);
    out.text += fmt::format("{:<{}}  {:<{}}  {:<6}  {}\n", field.key, key_width, default_of(field), default_width,
                            resume_word(field.resume), describe_allowed(field.type, field.constraint));
  }
  return out.text;
}

std::string markdown_page() {
  std::string text(kPageHead), group;
  for (const auto& field : list_file_keys()) {
    if (field.group != group) {
      group = field.group;
      const auto block = block_of(field.key);
      text += block.empty() ? fmt::format("\n## {}\n", group) : fmt::format("\n## `{}:`\n\n{}\n", block, group);
      text += "\n| key | default | resume | allowed | meaning |\n|---|---|---|---|---|\n";
    }
    text +=
        fmt::format("| `{}` | {} | {} | {} | {} |\n", field.key, in_cell(default_of(field)), resume_word(field.resume),
                    in_cell(describe_allowed(field.type, field.constraint)), in_cell(field.doc));
  }
  return text;
}

}  // namespace slm
