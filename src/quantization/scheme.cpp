#include "quantization/scheme.h"

#include <fmt/format.h>

#include "quantization/names.h"

namespace slm {
namespace {

constexpr Names<QuantizationType, 3> kTypes{{{QuantizationType::kStatic, "static"},
                                             {QuantizationType::kDynamic, "dynamic"},
                                             {QuantizationType::kWeightOnly, "weight_only"}}};
constexpr Names<Granularity, 3> kGranularities{{{Granularity::kPerTensor, "per_tensor"},
                                                {Granularity::kPerChannel, "per_channel"},
                                                {Granularity::kPerGroup, "per_group"}}};

}  // namespace

std::string_view name_of(QuantizationType type) { return name_in(kTypes, type); }
std::string_view name_of(Granularity granularity) { return name_in(kGranularities, granularity); }

QuantizationType quantization_type(std::string_view name, std::string_view origin) {
  return value_in(kTypes, name, origin);
}
Granularity granularity(std::string_view name, std::string_view origin) {
  return value_in(kGranularities, name, origin);
}

std::string describe(const Scheme& scheme) {
  const auto group = scheme.granularity == Granularity::kPerGroup ? fmt::format(" {}", scheme.group_size) : "";
  return fmt::format("int{} {}{} {}", scheme.bits, name_of(scheme.granularity), group, name_of(scheme.type));
}

}  // namespace slm
