// A model's modules as an indented tree.
#pragma once

#include <string>

#include "model/transformer.h"

namespace slm {

/// One line a module, as each prints itself; equal neighbours in a list stand once, "0-11: 12 x Block".
std::string model_tree(const Transformer& model);

}  // namespace slm
