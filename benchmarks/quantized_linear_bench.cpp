// Times one linear layer as float32, bfloat16 and in each quantized form: one JSON line for each shape and number of
// rows, medians in microseconds, and how many times as fast as float32 each is. Every form's result is checked against
// float64 first.
//
//   quantized_linear_bench --threads 2 --rows 1 --rows 512 --repeat 50
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "kernels/block_cache.h"
#include "kernels/linear.h"
#include "quantization/packed_linear.h"

namespace slm {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
  int threads = 2, repeat = 50;
  std::vector<int64_t> rows = {1, 8, 32, 512};
  double seconds = 1;  // for each figure, at most
};

struct Shape {
  int64_t inputs, outputs;  // K, N
};
constexpr std::array kShapes{Shape{768, 768}, Shape{768, 2048}, Shape{1024, 4096}};

// A way of computing the layer, and the largest share of the products' sizes by which it may be off.
struct Form {
  std::string name;
  std::function<at::Tensor(const at::Tensor&)> forward;
  at::ScalarType dtype;
  double error;
};

std::shared_ptr<PackedLinear> packed(const at::Tensor& weight, const Scheme& scheme) {
  const auto quantized = round_to_nearest(weight, scheme, amax_scales(weight, scheme));
  const bool calibrated = scheme.type == QuantizationType::kStatic;
  return std::make_shared<PackedLinear>(quantized, at::Tensor(),
                                        calibrated ? std::optional(affine_scale(-4.5f, 4.5f)) : std::nullopt);
}

std::vector<Form> forms_of(const at::Tensor& weight) {
  const auto rounded = weight.to(at::kBFloat16);
  std::vector<Form> forms{
      {"float32", [weight](const at::Tensor& x) { return dense_linear(x, weight, {}); }, at::kFloat, 1e-6},
      {"bfloat16", [rounded](const at::Tensor& x) { return dense_linear(x, rounded, {}); }, at::kBFloat16, 0.02}};
  const auto add = [&](const std::string& name, const Scheme& scheme, double error) {
    const auto layer = packed(weight, scheme);
    forms.push_back({name, [layer](const at::Tensor& x) { return layer->forward(x); }, at::kFloat, error});
  };
  add("int8 dynamic", {8, QuantizationType::kDynamic, Granularity::kPerChannel, 0}, 0.03);
  add("int8 static", {8, QuantizationType::kStatic, Granularity::kPerChannel, 0}, 0.03);
  add("int8 weight_only", {8, QuantizationType::kWeightOnly, Granularity::kPerChannel, 0}, 0.03);
  add("int4 weight_only", {4, QuantizationType::kWeightOnly, Granularity::kPerGroup, 64}, 0.3);
  return forms;
}

// Relative error of the output, as a whole.
void check(const Form& form, const at::Tensor& x, const at::Tensor& weight) {
  const auto expected = at::linear(x.to(at::kDouble), weight.to(at::kDouble));
  const auto error = (form.forward(x.to(form.dtype)).to(at::kDouble) - expected).norm() / expected.norm();
  if (!(error.item<double>() <= form.error)) {
    fail(ExitCode::kData, "{}: relative error {} beyond {}", form.name, error.item<double>(), form.error);
  }
}

double median_microseconds(const Form& form, const at::Tensor& x, const Arguments& arguments) {
  const auto since = [](Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); };
  form.forward(x);
  std::vector<double> times;
  const auto begin = Clock::now();
  while (times.size() < 5 ||
         (times.size() < static_cast<size_t>(arguments.repeat) && since(begin) < arguments.seconds)) {
    const auto start = Clock::now();
    form.forward(x);
    times.push_back(since(start) * 1e6);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

void run(const Arguments& arguments) {
  use_block_cache();
  at::set_num_threads(arguments.threads);
  const c10::InferenceMode inference;
  for (const auto& [inputs, outputs] : kShapes) {
    const auto weight = at::randn({outputs, inputs});
    const auto forms = forms_of(weight);
    for (const int64_t rows : arguments.rows) {
      const auto x = at::randn({rows, inputs});
      nlohmann::ordered_json line{{"inputs", inputs}, {"outputs", outputs}, {"rows", rows}}, ratios;
      double float32 = 0;
      for (const auto& form : forms) {
        check(form, x, weight);
        const double median = median_microseconds(form, x.to(form.dtype), arguments);
        if (float32 == 0) float32 = median;
        line[form.name] = std::round(median * 10) / 10;
        ratios[form.name] = std::round(float32 / median * 100) / 100;
      }
      line["times as fast"] = ratios;
      fmt::print("{}\n", line.dump());
    }
  }
}

}  // namespace
}  // namespace slm

int main(int argc, char** argv) {
  CLI::App app("Time a linear layer in float and quantized forms");
  slm::Arguments arguments;
  app.add_option("--threads", arguments.threads)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--rows", arguments.rows, "Rows of x; may be given several times")->capture_default_str();
  app.add_option("--repeat", arguments.repeat, "Times for each figure, at most")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  try {
    slm::run(arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
