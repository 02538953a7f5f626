#include "checkpoint/quantized_layer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/tensor.h>
#include <fmt/ranges.h>

#include "checkpoint/tensor_io.h"
#include "core/error.h"
#include "quantization/metadata_json.h"
#include "quantization/pack_int4.h"

namespace slm {
namespace {

constexpr int kZeroPointShift = 128;  // compressed-tensors' codes are [-128, 127]

std::string shape_name(const QuantizedLayerInfo& info) { return info.name + ".weight_shape"; }
std::string input_scale_name(const QuantizedLayerInfo& info) { return info.name + ".input_scale"; }
std::string input_zero_point_name(const QuantizedLayerInfo& info) { return info.name + ".input_zero_point"; }

struct Expected {
  DType dtype;
  std::vector<int64_t> shape;
};

// Reads the tensors of one layer.
class LayerReader {
 public:
  LayerReader(const ParameterFiles& files, const QuantizedLayerInfo& info, std::set<std::string>& known)
      : files_(files), info_(info), known_(known) {}

  at::Tensor codes() {
    const auto name = codes_name(info_);
    if (info_.scheme.bits == 4) return packed_codes(name);
    auto codes = read(name, {DType::kI8, {info_.out_features, info_.in_features}});
    check_codes(name, codes);
    return codes;
  }

  at::Tensor scales() {
    const auto name = scales_name(info_);
    auto scales = read(name, {DType::kF32, info_.scheme.scales_shape(info_.out_features, info_.in_features)});
    const auto matrix = scales.view({scales.size(0), -1});
    const auto wrong = at::nonzero(at::isfinite(matrix).logical_and(matrix > 0).logical_not());
    if (wrong.size(0) > 0) {
      const auto row = wrong[0][0].item<int64_t>(), group = wrong[0][1].item<int64_t>();
      refuse(name, "the scale of row {}, group {} is {}; expected a finite one above 0", row, group,
             matrix[row][group].item<float>());
    }
    return scales;
  }

  void check_activation() {
    const auto scale_name = input_scale_name(info_), zero_name = input_zero_point_name(info_);
    const auto scale = read(scale_name, {DType::kF32, {1}}).item<float>();
    const auto zero_point = read(zero_name, {DType::kI8, {1}}).item<int8_t>() + kZeroPointShift;
    if (scale != info_.activation->scale) contradict(scale_name, scale, info_.activation->scale);
    if (zero_point != info_.activation->zero_point) {
      contradict(zero_name, zero_point - kZeroPointShift, info_.activation->zero_point - kZeroPointShift);
    }
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(const std::string& name, fmt::format_string<Args...> format, Args&&... args) const {
    const auto* file = files_.find(name).file;
    fail(ExitCode::kData, "{}: {}: {}", (file ? file->path() : files_.path()).string(), name,
         fmt::format(format, std::forward<Args>(args)...));
  }

  template <class Number>
  [[noreturn]] void contradict(const std::string& name, Number found, Number expected) const {
    refuse(name, "found {}, but {} says {}", found, kQuantizationMetadataFile, expected);
  }

  at::Tensor read(const std::string& name, const Expected& expected) {
    const auto [file, info] = files_.find(name);
    if (!info) refuse(name, "missing, but {} lists the layer as {}", kQuantizationMetadataFile, describe(info_.scheme));
    if (info->dtype != expected.dtype || info->shape != expected.shape) {
      refuse(name, "found {} {}, but {} asks for {} {}", dtype_name(info->dtype), info->shape,
             kQuantizationMetadataFile, dtype_name(expected.dtype), expected.shape);
    }
    known_.insert(name);
    return load_tensor(*file, *info);
  }

  at::Tensor packed_codes(const std::string& name) {
    const auto shape = read(shape_name(info_), {DType::kI64, {2}});
    const std::vector<int64_t> found{shape[0].item<int64_t>(), shape[1].item<int64_t>()};
    if (found != std::vector<int64_t>{info_.out_features, info_.in_features}) {
      refuse(shape_name(info_), "found {}, but {} says {}", found, kQuantizationMetadataFile,
             std::vector<int64_t>{info_.out_features, info_.in_features});
    }
    const int64_t width = int4_words(info_.in_features), padded = width * 8;
    const auto words = read(name, {DType::kI32, {info_.out_features, width}});
    const auto codes = unpack_int4(words, padded);
    auto used = codes.narrow(1, 0, info_.in_features).contiguous();
    check_codes(name, used);
    const int64_t padding = padded - info_.in_features;
    const auto rest = at::nonzero(codes.narrow(1, info_.in_features, padding) != -8);  // the nibble 0
    if (rest.size(0) > 0) refuse(name, "the padding of row {} is not 0", rest[0][0].item<int64_t>());
    return used;
  }

  void check_codes(const std::string& name, const at::Tensor& codes) const {
    const auto range = info_.scheme.codes();
    const auto wrong = at::nonzero(codes < range.min);  // no type holds more than `max`
    if (wrong.size(0) == 0) return;
    const auto row = wrong[0][0].item<int64_t>(), column = wrong[0][1].item<int64_t>();
    refuse(name, "the code at row {}, column {} is {}; expected {} to {}", row, column,
           static_cast<int>(codes[row][column].item<int8_t>()), range.min, range.max);
  }

  const ParameterFiles& files_;
  const QuantizedLayerInfo& info_;
  std::set<std::string>& known_;
};

}  // namespace

StateDict quantized_tensors(const QuantizedLayerInfo& info, const PackedLinear& layer) {
  SLM_CHECK(layer.scheme() == info.scheme && layer.activation() == info.activation);
  StateDict tensors{{codes_name(info), layer.stored_codes()}, {scales_name(info), layer.scales()}};
  if (info.scheme.bits == 4) {
    tensors.push_back({shape_name(info), at::tensor({info.out_features, info.in_features}, at::kLong)});
  }
  if (const auto& activation = info.activation) {
    tensors.push_back({input_scale_name(info), at::tensor({activation->scale}, at::kFloat)});
    tensors.push_back({input_zero_point_name(info), at::tensor({activation->zero_point - kZeroPointShift}, at::kChar)});
  }
  return tensors;
}

std::shared_ptr<PackedLinear> read_quantized_layer(const ParameterFiles& files, const QuantizedLayerInfo& info,
                                                   const at::Tensor& bias, at::Device device,
                                                   std::set<std::string>& known) {
  LayerReader reader(files, info, known);
  if (info.activation) reader.check_activation();
  const QuantizedWeight weight{info.scheme, reader.codes().to(device), reader.scales().to(device)};
  return std::make_shared<PackedLinear>(weight, bias, info.activation);
}

}  // namespace slm
