// The quantization keys of a config in a single line, without their prefix: bits=4,granularity=per_group.
#pragma once

#include <string>

#include "config/quantization_config.h"

namespace slm {

/// Reads `key=value` parts of `text` that commas separate; commas inside brackets belong to a list (exclude=[a,b]).
/// Keys that are not given are as in `defaults`; granularity follows from the bits, and the mode is ptq. Strict as a
/// config file: one Error (kUsage) lists every unknown or doubled key with the nearest known one, every value that is
/// not allowed and every key that has no effect, each line beginning with `origin`.
QuantizationConfig read_quantization_keys(const std::string& text, const std::string& origin,
                                          const QuantizationConfig& defaults);

}  // namespace slm
