// What stands below the charts of a report; each "" where no run has it.
#pragma once

#include <string>

#include "report/elements.h"

namespace slm {

/// Generated texts, the newest first; many are thinned evenly.
std::string samples_section(Runs runs);
/// The resolved config; of several runs first where they differ.
std::string config_section(Runs runs);
/// Planned memory by kind, and what the process grew by.
std::string memory_section(Runs runs);
/// The last norms of every parameter, its gradient and its update.
std::string norms_section(Runs runs);
std::string environment_section(Runs runs);

}  // namespace slm
