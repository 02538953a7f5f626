// The constraint of a field in words, and whether a value keeps it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/field.h"

namespace slm {

/// "a whole number of at least 1", "one of a, b or c"; `type` as the types' names in type_name.
std::string describe_allowed(std::string_view type, const Constraint& constraint);

bool keeps(const Constraint& constraint, int64_t value);
bool keeps(const Constraint& constraint, double value);
bool keeps(const Constraint& constraint, bool value);
bool keeps(const Constraint& constraint, const std::string& value);

/// What a person calls the type.
inline std::string_view type_name(const int64_t&) { return "a whole number"; }
inline std::string_view type_name(const double&) { return "a number"; }
inline std::string_view type_name(const bool&) { return "true or false"; }
inline std::string_view type_name(const std::string&) { return "text"; }

}  // namespace slm
