// What a config struct says about a field beside its name, type and default: which values are allowed, and whether a
// resumed run may change it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace slm {

/// Whether a field may differ between a run and its continuation.
enum class Resume {
  kFixed,   // a difference is an error
  kFree,    // any value
  kLength,  // upward only, and only under the schedules that do not look ahead (constant and wsd)
};

/// Which values of a field are allowed. Written through the factories below, `AtLeast{1}` for example.
struct Constraint {
  std::vector<std::string> choices;    // where not empty: one of these; whole numbers as they are written
  std::optional<double> lower, upper;  // bounds of a number
  bool lower_open = false;             // the bound itself is excluded
  bool upper_open = false;
  bool non_empty = false;           // text must not be empty
  std::string unset_word = "null";  // how "not given" of an optional field is written
};

struct Any : Constraint {};

struct OneOf : Constraint {
  OneOf(std::initializer_list<std::string> allowed) { choices = allowed; }
};

struct AtLeast : Constraint {
  explicit AtLeast(double bound) { lower = bound; }
};

struct Above : Constraint {
  explicit Above(double bound) {
    lower = bound;
    lower_open = true;
  }
};

/// Both bounds included.
struct Between : Constraint {
  Between(double from, double to) {
    lower = from;
    upper = to;
  }
};

/// The lower bound included, the upper one excluded.
struct HalfOpen : Constraint {
  HalfOpen(double from, double below) {
    lower = from;
    upper = below;
    upper_open = true;
  }
};

struct NonEmpty : Constraint {
  NonEmpty() { non_empty = true; }
};

/// An optional field whose "not given" is written `auto`.
struct AutoOr : Constraint {
  explicit AutoOr(Constraint inner) : Constraint(std::move(inner)) { unset_word = "auto"; }
};

}  // namespace slm
