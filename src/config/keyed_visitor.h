// What visitors over a config share: a field's dotted key.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace slm {

/// Base of a visitor: walks into blocks and knows the key of a field inside one. Groups are of no interest to most.
template <class Visitor>
class KeyedVisitor {
 public:
  void group(std::string_view) {}

  template <class Block>
  void block(std::string_view name, Block& block, std::string_view) {
    prefix_ = fmt::format("{}.", name);
    block.visit(static_cast<Visitor&>(*this));
    prefix_.clear();
  }

 protected:
  std::string key_of(std::string_view name) const { return prefix_ + std::string(name); }

 private:
  std::string prefix_;
};

}  // namespace slm
