// What computes a quantized layer: whole numbers are exact, float32 results are inside of bounds that follow from the
// number of roundings. References are PyTorch's goldens and float64.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <limits>

#include "checkpoint/model_folder.h"
#include "core/cpu_features.h"
#include "kernels/coded_linear.h"
#include "kernels/int8_linear.h"
#include "kernels/plain.h"
#include "model/golden.h"
#include "quantization/execution_summary.h"
#include "quantization/packed_linear.h"

namespace slm {
namespace {

constexpr double kUnit = 0x1p-24;  // half of float32's epsilon

// Passes where every |actual - expected| <= tolerance, element by element; a NaN fails.
testing::AssertionResult within(const at::Tensor& actual, const at::Tensor& expected, const at::Tensor& tolerance) {
  const auto excess = (actual.to(at::kDouble) - expected).abs() - tolerance;
  if (excess.numel() == 0 || (excess <= 0).all().item<bool>()) return testing::AssertionSuccess();
  const auto worst = excess.nan_to_num(std::numeric_limits<double>::infinity()).argmax().item<int64_t>();
  return testing::AssertionFailure() << "element " << worst << " of " << actual.sizes() << " is "
                                     << actual.flatten()[worst].item<double>() << ", expected "
                                     << expected.flatten()[worst].item<double>() << " +- "
                                     << tolerance.expand(actual.sizes()).flatten()[worst].item<double>();
}

std::vector<std::string> cases_of(const Golden& golden) {
  std::vector<std::string> cases;
  for (const auto& tensor : golden.file().tensors()) {
    if (tensor.name.ends_with(".x")) cases.push_back(tensor.name.substr(0, tensor.name.size() - 2));
  }
  return cases;
}

// The two ways of computing an int8 layer; the fast one only where the processor has it.
struct Path {
  std::string name;
  bool fast;
  at::Tensor weight(const at::Tensor& codes) const { return fast ? pack_int8_weight(codes) : codes; }
  at::Tensor operator()(const QuantizedRows& x, const Int8Layer& layer) const {
    return fast ? int8_linear(x, layer) : plain::int8_linear(x, layer);
  }
  at::Tensor operator()(const at::Tensor& codes, AffineScale scale, const Int8Layer& layer) const {
    return fast ? int8_linear(codes, scale, layer) : plain::int8_linear(codes, scale, layer);
  }
};

std::vector<Path> paths() {
  std::vector<Path> all{{"plain", false}};
  if (supports_int8_linear(1)) all.push_back({"oneDNN", true});
  return all;
}

at::Tensor golden_bound(const at::Tensor& y, const at::Tensor& bias) {
  return 4 * kUnit * ((y - bias).abs() + bias.abs()).to(at::kDouble);
}

TEST(Int8Linear, StaticLayersMatchTheGoldens) {
  const Golden golden("quantization/linear_static.safetensors");
  const auto cases = cases_of(golden);
  ASSERT_GE(cases.size(), 8u);
  for (const auto& name : cases) {
    const AffineScale scale{golden[name + ".x_scale"].item<float>(), golden[name + ".x_zero_point"].item<int32_t>()};
    const auto codes = quantize_affine(golden[name + ".x"], scale), bias = golden[name + ".bias"];
    EXPECT_TRUE(at::equal(codes, golden[name + ".x_codes"])) << name;
    for (const auto& path : paths()) {
      for (const std::string granularity : {".per_tensor", ".per_channel"}) {
        SCOPED_TRACE(name + granularity + " " + path.name);
        const auto of = [&](const char* tensor) { return golden[name + granularity + tensor]; };
        const auto weight = path.weight(of(".weight_codes"));
        const auto sums = path(codes, {1, scale.zero_point}, {weight, at::ones({1}), {}, at::kFloat});
        EXPECT_TRUE(at::equal(sums, of(".accumulator").to(at::kFloat)));
        const auto y = path(codes, scale, {weight, of(".weight_scale"), bias, at::kFloat});
        EXPECT_TRUE(within(y, of(".y_f64"), golden_bound(of(".y_f64"), bias)));
      }
    }
  }
}

TEST(Int8Linear, DynamicLayersMatchTheGoldens) {
  const Golden golden("quantization/linear_dynamic.safetensors");
  for (const auto& name : cases_of(golden)) {
    const auto rows = quantize_rows(golden[name + ".x"]);
    EXPECT_TRUE(at::equal(rows.codes, golden[name + ".x_codes"])) << name;
    EXPECT_TRUE(at::equal(rows.scales.view(-1), golden[name + ".x_scale"])) << name;
    const auto bias = golden[name + ".bias"];
    const auto of = [&](const char* tensor) { return golden[name + ".int8" + tensor]; };
    for (const auto& path : paths()) {
      SCOPED_TRACE(name + " " + path.name);
      const auto weight = path.weight(of(".weight_codes"));
      const auto sums = path({rows.codes, at::ones_like(rows.scales)}, {weight, at::ones({1}), {}, at::kFloat});
      EXPECT_TRUE(at::equal(sums, of(".accumulator").to(at::kFloat)));
      const auto y = path(rows, {weight, of(".weight_scale"), bias, at::kFloat});
      EXPECT_TRUE(within(y, of(".y_f64"), golden_bound(of(".y_f64"), bias)));
    }
  }
}

TEST(Int8Linear, SumsOfExtremeCodesAreExact) {
  if (!supports_int8_linear(1)) GTEST_SKIP() << "no VNNI here";
  constexpr int64_t kLargest = 66311;  // inputs whose sum still fits into int32
  EXPECT_TRUE(supports_int8_linear(kLargest));
  EXPECT_FALSE(supports_int8_linear(kLargest + 1));
  at::manual_seed(7);
  for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{
           {1, 1, 1}, {3, 7, 5}, {1, 64, 33}, {17, 129, 66}, {2, 1000, 3}, {33, 257, 130}, {2, kLargest, 3}}) {
    SCOPED_TRACE(fmt::format("{} x {} x {}", m, k, n));
    const auto signs = at::randint(0, 2, {n, 1}) * 2 - 1;
    const auto weights = {(signs * 127).expand({n, k}), at::randint(-127, 128, {n, k})};
    for (const auto& wide : weights) {
      const auto w = wide.to(at::kChar).contiguous(), packed = pack_int8_weight(w);
      EXPECT_TRUE(at::equal(unpack_int8_weight(packed), w));
      const Int8Layer layer{packed, at::ones({1}), {}, at::kFloat};
      for (const auto& x : {at::full({m, k}, 255), at::zeros({m, k}), at::randint(0, 256, {m, k})}) {
        const auto codes = x.to(at::kByte);
        for (const int zero_point : {0, 121, 255}) {
          const auto expected = plain::integer_product(codes.to(at::kLong) - zero_point, w).to(at::kFloat);
          EXPECT_TRUE(at::equal(int8_linear(codes, {1, zero_point}, layer), expected)) << zero_point;
        }
        const auto positive = at::clamp(x - 127, -127, 127).to(at::kChar);
        EXPECT_TRUE(at::equal(int8_linear({positive, at::ones({m, 1})}, layer),
                              plain::integer_product(positive, w).to(at::kFloat)));
      }
    }
  }
}

TEST(QuantizeRows, GivesTheBitsOfThePlainDefinition) {
  at::manual_seed(8);
  const auto special = [](int64_t width) {
    auto x = at::randn({9, width});
    x[1].zero_();
    x[2].fill_(1e-42);  // denormal
    x[3].fill_(std::numeric_limits<float>::max());
    x[4][width / 2] = std::numeric_limits<float>::infinity();
    x[5][0] = std::numeric_limits<float>::quiet_NaN();
    x[6] = at::arange(width).to(at::kFloat) - 0.5;  // ties, once divided by a scale of 1
    x[6][0] = 127;
    x[7].fill_(-0.0);
    x[8] *= 1e30;
    return x;
  };
  for (const int64_t width : {1, 7, 16, 33, 64, 1000}) {
    for (const auto dtype : {at::kFloat, at::kBFloat16}) {
      const auto x = special(width).to(dtype);
      const auto fast = quantize_rows(x), expected = plain::quantize_rows(x);
      EXPECT_TRUE(at::equal(fast.codes, expected.codes)) << width;
      EXPECT_TRUE(at::equal(fast.scales.nan_to_num(-1), expected.scales.nan_to_num(-1))) << width;
      const AffineScale scale{0.013f, 121};
      EXPECT_TRUE(at::equal(quantize_affine(x, scale), plain::quantize_affine(x, scale))) << width;
    }
  }
}

// --- layers of every scheme ---

struct SchemeCase {
  Scheme scheme;
  std::string name() const {
    auto text = describe(scheme);
    for (char& letter : text) letter = letter == ' ' ? '_' : letter;
    return text;
  }
};

std::vector<SchemeCase> all_schemes() {
  std::vector<SchemeCase> all;
  for (const int bits : {8, 4}) {
    for (const auto type : {QuantizationType::kStatic, QuantizationType::kDynamic, QuantizationType::kWeightOnly}) {
      all.push_back({{bits, type, Granularity::kPerTensor, 0}});
      all.push_back({{bits, type, Granularity::kPerChannel, 0}});
      for (const int64_t group : {5, 32, 64}) all.push_back({{bits, type, Granularity::kPerGroup, group}});
    }
  }
  return all;
}

constexpr AffineScale kActivation{0.03f, 113};

PackedLinear make_layer(const Scheme& scheme, int64_t outputs, int64_t inputs, bool bias) {
  const auto weight = at::randn({outputs, inputs});
  const auto quantized = round_to_nearest(weight, scheme, amax_scales(weight, scheme));
  const bool is_static = scheme.type == QuantizationType::kStatic;
  return {quantized, bias ? at::randn({outputs}) : at::Tensor(), is_static ? std::optional(kActivation) : std::nullopt};
}

// The values that the layer multiplies, float64.
at::Tensor values_of(const at::Tensor& x, QuantizationType type) {
  const auto rows = x.reshape({-1, x.size(-1)});
  if (type == QuantizationType::kWeightOnly) return rows.to(at::kDouble);
  if (type == QuantizationType::kStatic) {
    return (quantize_affine(rows, kActivation).to(at::kDouble) - kActivation.zero_point) * kActivation.scale;
  }
  const auto quantized = quantize_rows(rows);
  return quantized.codes.to(at::kDouble) * quantized.scales.to(at::kDouble);
}

class PackedExecution : public testing::TestWithParam<SchemeCase> {};

// Each value is rounded once when it is made, each product once, each sum once a term and the bias once.
TEST_P(PackedExecution, EqualsFloat64OnBothPathsWithAnyNumberOfRows) {
  const c10::InferenceMode inference;
  at::manual_seed(9);
  const auto& scheme = GetParam().scheme;
  for (const auto& [outputs, inputs] :
       std::vector<std::array<int64_t, 2>>{{1, 1}, {5, 7}, {33, 129}, {18, 128}, {66, 200}}) {
    auto layer = make_layer(scheme, outputs, inputs, outputs % 2 == 1);
    const auto w = dequantize(layer.weight()).to(at::kDouble);
    for (const int64_t rows : {1, 2, 9, 40}) {
      SCOPED_TRACE(fmt::format("{} rows, {} -> {}", rows, inputs, outputs));
      const auto x = at::randn({rows, inputs}), values = values_of(x, scheme.type);
      const auto bias = layer.bias().defined() ? layer.bias().to(at::kDouble) : at::zeros({outputs}, at::kDouble);
      const auto expected = values.mm(w.t()) + bias;
      const auto bound = kUnit * static_cast<double>(inputs + 6) * (values.abs().mm(w.abs().t()) + bias.abs());
      EXPECT_TRUE(within(layer.plain_forward(x), expected, bound)) << "plain";
      EXPECT_TRUE(within(layer.forward(x), expected, bound)) << layer.execution();
    }
  }
}

TEST_P(PackedExecution, Bfloat16InputsGiveTheFloat32ResultRoundedOnce) {
  const c10::InferenceMode inference;
  at::manual_seed(10);
  auto layer = make_layer(GetParam().scheme, 40, 72, true);
  for (const int64_t rows : {1, 3, 50}) {
    const auto x = at::randn({2, rows, 72}).to(at::kBFloat16);
    const auto y = layer.forward(x);
    EXPECT_EQ(y.scalar_type(), at::kBFloat16);
    EXPECT_EQ(y.sizes(), (std::vector<int64_t>{2, rows, 40}));
    EXPECT_TRUE(at::equal(y, layer.forward(x.to(at::kFloat)).to(at::kBFloat16))) << rows << " rows";
  }
}

TEST_P(PackedExecution, LeavesTheStoredCodesAsTheyWere) {
  const c10::InferenceMode inference;
  auto layer = make_layer(GetParam().scheme, 33, 72, false);
  const auto before = layer.stored_codes().clone(), values = dequantize(layer.weight());
  layer.forward(at::randn({3, 72}));
  EXPECT_TRUE(at::equal(layer.stored_codes(), before));
  EXPECT_TRUE(at::equal(dequantize(layer.weight()), values));
}

INSTANTIATE_TEST_SUITE_P(Schemes, PackedExecution, testing::ValuesIn(all_schemes()),
                         [](const auto& parameter) { return parameter.param.name(); });

TEST(PackedExecution, TheFirstIntegerProductLetsGoOfTheStoredCodes) {
  if (!supports_int8_linear(1)) GTEST_SKIP() << "no VNNI here";
  const c10::InferenceMode inference;
  const Scheme scheme{8, QuantizationType::kDynamic, Granularity::kPerChannel, 0};
  const auto weight = at::randn({33, 72});
  const auto quantized = round_to_nearest(weight, scheme, amax_scales(weight, scheme));
  PackedLinear layer(quantized, {}, std::nullopt);
  EXPECT_EQ(quantized.codes.use_count(), 2u);
  layer.forward(at::randn({3, 72}));
  EXPECT_EQ(quantized.codes.use_count(), 1u);
}

TEST(PackedExecution, MoreRowsThanAPanelHoldsAreMultipliedInParts) {
  const c10::InferenceMode inference;
  at::manual_seed(11);
  auto layer = make_layer({4, QuantizationType::kWeightOnly, Granularity::kPerGroup, 64}, 1500, 1024, true);
  const auto x = at::randn({40, 1024});
  const auto w = dequantize(layer.weight()).to(at::kDouble), bias = layer.bias().to(at::kDouble);
  const auto values = x.to(at::kDouble), expected = values.mm(w.t()) + bias;
  const auto bound = kUnit * (1024 + 6) * (values.abs().mm(w.abs().t()) + bias.abs());
  EXPECT_TRUE(within(layer.forward(x), expected, bound));
}

TEST(PackedExecution, WeightOnlyMatchesTheGoldensInsideOfTheirBound) {
  const c10::InferenceMode inference;
  const Golden golden("quantization/linear_dynamic.safetensors");
  for (const auto& name : cases_of(golden)) {
    const Scheme scheme{4, QuantizationType::kWeightOnly, Granularity::kPerGroup, 64};
    const auto x = golden[name + ".x"], bias = golden[name + ".bias"];
    PackedLinear layer({scheme, golden[name + ".int4.weight_codes"], golden[name + ".int4.weight_scale"]}, bias, {});
    const auto w = dequantize(layer.weight()).to(at::kDouble);
    const auto sizes = x.to(at::kDouble).abs().mm(w.abs().t()) + bias.abs();
    EXPECT_TRUE(within(layer.forward(x), golden[name + ".int4.weight_only.y_f64"],
                       kUnit * static_cast<double>(x.size(1) + 2) * sizes))
        << name;
  }
}

TEST(PackedExecution, WeightOnlyIsDifferentiableInItsInput) {
  auto layer = make_layer({8, QuantizationType::kWeightOnly, Granularity::kPerChannel, 0}, 5, 7, true);
  const auto x = at::randn({1, 7}).requires_grad_(), slope = at::randn({1, 5});
  layer.forward(x).backward(slope);
  EXPECT_TRUE(close(x.grad(), slope.mm(dequantize(layer.weight())), 1e-5));
}

TEST(ExecutionSummary, CountsLayersByWhatComputesThem) {
  const auto loaded = read_model_folder(golden_path("models/llama_tiny"));
  EXPECT_EQ(summarize_execution(*loaded.model), "");
  int64_t layers = 0;
  loaded.model->visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    ++layers;
    if (name == "lm_head") return;
    const bool first = name == "model.layers.0.self_attn.q_proj";
    const Scheme scheme{first ? 4 : 8, first ? QuantizationType::kWeightOnly : QuantizationType::kDynamic,
                        Granularity::kPerChannel, 0};
    layer = std::make_shared<PackedLinear>(make_layer(scheme, layer->out_features(), layer->in_features(), false));
  });
  const auto dynamic = !multiplies_int8()           ? "int8 dynamic, fused"
                       : multiplies_int8_in_tiles() ? "int8 dynamic, oneDNN AMX"
                                                    : "int8 dynamic, oneDNN VNNI";
  EXPECT_EQ(
      summarize_execution(*loaded.model),
      fmt::format("1 of {} linear layers int4 weight_only, fused; {} {}; 1 float32", layers, layers - 2, dynamic));
}

}  // namespace
}  // namespace slm
