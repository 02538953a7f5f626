// An inspection for programs; docs/inspect.md names every key.
#pragma once

#include <nlohmann/json.hpp>

#include "report/inspection.h"

namespace slm {

/// What is known of the model, and of each layer what a line of the table shows.
nlohmann::ordered_json inspection_json(const Inspection& inspection);

/// The same with all that is known of each layer: counts of codes, worst rows, corner.
nlohmann::ordered_json detailed_json(const Inspection& inspection);

}  // namespace slm
