// The JSON Schema of a config file, for editors.
#pragma once

#include <string>

namespace slm {

/// JSON Schema draft 7 of a config file: every key with its type, range, default and meaning, and no other key. Each
/// key may be null, which takes a base's value back.
std::string config_schema();

}  // namespace slm
