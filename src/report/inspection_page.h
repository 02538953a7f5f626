// An inspection as one HTML page.
#pragma once

#include <string>

#include "report/inspection.h"

namespace slm {

/// Totals, charts (SQNR by block and kind of layer, errors through the depth where they were measured), the table of
/// layers, what is left float, and each layer to unfold: codes, scales, worst rows, outlier channels, a corner.
std::string inspection_page(const Inspection& inspection);

}  // namespace slm
