// The style sheet of a report.
#pragma once

#include <string_view>

namespace slm {

/// CSS for the elements that chart.cpp and page.cpp write, light and dark as the reader's system has it.
extern const std::string_view kReportStyle;

}  // namespace slm
