// What keys mean, for a person: one key, all of them, a page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/describe.h"

namespace slm {

/// Meaning, type, allowed values, default, resume rule and related keys of one key; of a block, its keys. Error
/// (kUsage) with the nearest key otherwise.
std::string explain(std::string_view key);

/// A line for each key, under the titles of its group: its default and what it means.
std::string explain_all();

/// A table of every key: default, resume rule, allowed values.
std::string list_keys();

/// The same as a page of Markdown with the meanings: docs/configuration.md.
std::string markdown_page();

/// The keys that `field`'s meaning names, and those whose meaning names it, in the order of `all`.
std::vector<std::string> related_keys(const FieldInfo& field, const std::vector<FieldInfo>& all);

}  // namespace slm
