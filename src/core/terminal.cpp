#include "core/terminal.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace slm {

bool is_terminal(int descriptor) {
  const char* term = std::getenv("TERM");
  return isatty(descriptor) && (!term || std::string_view(term) != "dumb");
}

bool colors_forbidden() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color && *no_color != '\0';
}

}  // namespace slm
