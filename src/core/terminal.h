// What the place that a stream goes to can show.
#pragma once

namespace slm {

/// Whether the descriptor is a terminal that understands escape sequences.
bool is_terminal(int descriptor);

/// Whether NO_COLOR asks for no colours (https://no-color.org: any value but the empty one).
bool colors_forbidden();

/// How many columns wide text may be: what COLUMNS says, else the terminal behind the descriptor, else 80. At least 40.
int text_width(int descriptor);

}  // namespace slm
