#include "quantization/settings.h"

#include "core/error.h"

namespace slm {

std::string_view name_of(QuantizationMethod method) {
  switch (method) {
    case QuantizationMethod::kRtn:
      return "rtn";
    case QuantizationMethod::kMse:
      return "mse";
    case QuantizationMethod::kGptq:
      return "gptq";
  }
  SLM_CHECK(false);
  return {};
}

QuantizationMethod quantization_method(std::string_view name, std::string_view origin) {
  for (const auto method : {QuantizationMethod::kRtn, QuantizationMethod::kMse, QuantizationMethod::kGptq}) {
    if (name == name_of(method)) return method;
  }
  fail(ExitCode::kUsage, "{}: found \"{}\", expected one of rtn, mse, gptq", origin, name);
}

}  // namespace slm
