// An inspection for a terminal.
#pragma once

#include <string>

#include "report/inspection.h"
#include "report/text_table.h"

namespace slm {

/// Every layer in a line, totals, and the errors through the depth where they were measured. Fits 80 columns and shows
/// more where there are 120.
std::string inspection_text(const Inspection& inspection, const TextStyle& style);

/// One layer in detail: codes, scales, error, the worst rows, outlier channels, a corner of the weight.
std::string layer_text(const LayerReport& layer, const TextStyle& style);

}  // namespace slm
