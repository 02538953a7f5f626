#include "core/error.h"

namespace slm::detail {

void check_failed(const char* condition, const char* file, int line) {
  throw std::logic_error(
      fmt::format("{}:{}: broken invariant: {} (a bug in slm; please report it)", file, line, condition));
}

}  // namespace slm::detail
