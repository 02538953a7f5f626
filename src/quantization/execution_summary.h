// What computes the linear layers of a quantized model, for the log.
#pragma once

#include <string>

#include "model/transformer.h"

namespace slm {

/// "196 of 197 linear layers int8 dynamic, oneDNN AMX; 1 float32"; empty where no layer is quantized.
std::string summarize_execution(Transformer& model);

}  // namespace slm
