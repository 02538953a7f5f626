// What the place that a stream goes to can show.
#pragma once

namespace slm {

/// Whether the descriptor is a terminal that understands escape sequences.
bool is_terminal(int descriptor);

/// Whether NO_COLOR asks for no colours (https://no-color.org: any value but the empty one).
bool colors_forbidden();

}  // namespace slm
