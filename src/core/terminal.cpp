#include "core/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
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

int text_width(int descriptor) {
  constexpr int kUsual = 80, kLeast = 40;
  const std::string_view given = std::getenv("COLUMNS") ? std::getenv("COLUMNS") : "";
  int columns = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), columns);
  if (error != std::errc() || end != given.data() + given.size()) columns = 0;
  winsize size{};
  if (columns <= 0 && ioctl(descriptor, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  return columns > 0 ? std::max(columns, kLeast) : kUsual;
}

}  // namespace slm
