// A report: one HTML page that says how a run went, or how several did side by side. It holds everything that it
// shows, asks for nothing from anywhere and needs no script.
#pragma once

#include <span>
#include <string>

#include "report/run_data.h"

namespace slm {

/// The page of one run, or of up to kMostReportRuns laid over each other.
std::string report_page(std::span<const RunData> runs);

inline constexpr size_t kMostReportRuns = 6;

}  // namespace slm
