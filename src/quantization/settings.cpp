#include "quantization/settings.h"

#include "quantization/names.h"

namespace slm {
namespace {

constexpr Names<QuantizationMethod, 3> kMethods{
    {{QuantizationMethod::kRtn, "rtn"}, {QuantizationMethod::kMse, "mse"}, {QuantizationMethod::kGptq, "gptq"}}};

}  // namespace

std::string_view name_of(QuantizationMethod method) { return name_in(kMethods, method); }

QuantizationMethod quantization_method(std::string_view name, std::string_view origin) {
  return value_in(kMethods, name, origin);
}

}  // namespace slm
