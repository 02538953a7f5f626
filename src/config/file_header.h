// What a config file says beside the fields of TrainingConfig. It is gone once the file is read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/field.h"

namespace slm {

struct FileHeader {
  std::optional<std::string> base;

  static constexpr std::string_view kBase = "base";

  template <class Visitor>
  void visit(Visitor& v) {
    v.group("File");
    v.field(kBase, base, NonEmpty{}, Resume::kFree,
            "Another config that this one begins from; relative to the folder of the file that names it. Values of "
            "this file take the place of the base's: blocks are merged key by key, lists are replaced, null takes the "
            "base's value back. A base may have a base.");
  }
};

}  // namespace slm
