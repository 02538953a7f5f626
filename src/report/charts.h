// Which charts a report has.
#pragma once

#include <span>
#include <string>

#include "report/run_data.h"

namespace slm {

/// The figures of all numbers that some of the runs have. One run: a colour for each kind of number; several: a colour
/// for each run.
std::string charts_of(std::span<const RunData> runs);

}  // namespace slm
