#include "quantization/scheme.h"

#include <array>
#include <utility>

#include "core/error.h"

namespace slm {
namespace {

template <class Enum, size_t N>
using Names = std::array<std::pair<Enum, std::string_view>, N>;

constexpr Names<QuantizationType, 3> kTypes{{{QuantizationType::kStatic, "static"},
                                             {QuantizationType::kDynamic, "dynamic"},
                                             {QuantizationType::kWeightOnly, "weight_only"}}};
constexpr Names<Granularity, 3> kGranularities{{{Granularity::kPerTensor, "per_tensor"},
                                                {Granularity::kPerChannel, "per_channel"},
                                                {Granularity::kPerGroup, "per_group"}}};

template <class Enum, size_t N>
std::string_view name_in(const Names<Enum, N>& names, Enum value) {
  for (const auto& [each, name] : names) {
    if (each == value) return name;
  }
  SLM_CHECK(false);
  return {};
}

template <class Enum, size_t N>
Enum value_in(const Names<Enum, N>& names, std::string_view name, std::string_view origin) {
  std::string known;
  for (const auto& [value, each] : names) {
    if (each == name) return value;
    known += (known.empty() ? "" : ", ") + std::string(each);
  }
  fail(ExitCode::kUsage, "{}: found \"{}\", expected one of {}", origin, name, known);
}

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
