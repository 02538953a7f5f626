// Numbers as a person reads them.
#pragma once

#include <cstdint>
#include <string>

namespace slm {

/// "1,234,567"
std::string with_commas(int64_t value);

/// At most `digits` significant digits, the magnitude as a letter or a power of ten: "0.0012", "34.5k", "2.1M", "6e-7";
/// "not finite" for what is not.
std::string short_number(double value, int digits = 4);

/// What was found where a finite number was expected: "a NaN", "-inf", "3e+38".
std::string found_number(float value);

/// "512 B", "36.0 KiB", "1.25 MiB": three significant digits.
std::string byte_size(int64_t bytes);

}  // namespace slm
