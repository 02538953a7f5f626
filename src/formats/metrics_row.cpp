#include "formats/metrics_row.h"

#include <limits>

namespace slm {
namespace {

void collect(const std::string& tag, const nlohmann::json& value, std::vector<Scalar>& scalars) {
  if (value.is_number()) {
    scalars.push_back({tag, value.get<double>()});
  } else if (value.is_boolean()) {
    scalars.push_back({tag, value.get<bool>() ? 1.0 : 0.0});
  } else if (value.is_null()) {
    scalars.push_back({tag, std::numeric_limits<double>::quiet_NaN()});
  } else if (value.is_object()) {
    for (const auto& [key, inner] : value.items()) collect(tag + "/" + key, inner, scalars);
  }
}

}  // namespace

std::vector<Scalar> scalars_of(const nlohmann::json& row) {
  std::vector<Scalar> scalars;
  for (const auto& [key, value] : row.items()) {
    if (key != "type" && key != "step") collect(row.at("type").get<std::string>() + "/" + key, value, scalars);
  }
  return scalars;
}

}  // namespace slm
