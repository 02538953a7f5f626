// One layer of an inspection page.
#pragma once

#include <string>

#include "report/inspection.h"

namespace slm {

/// The name that links lead to.
std::string layer_anchor(const LayerReport& layer);

/// All that is known of the layer, to unfold.
std::string layer_section(const LayerReport& layer);

}  // namespace slm
