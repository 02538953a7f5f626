#include "model/tap.h"

namespace slm {

std::string linear_input(std::string_view linear) {
  for (const std::string_view sharing : {"q_proj", "k_proj", "v_proj", "gate_proj", "up_proj"}) {
    if (linear.ends_with(sharing)) return std::string(linear.substr(0, linear.size() - sharing.size())) + "input";
  }
  return std::string(linear) + ".input";
}

}  // namespace slm
