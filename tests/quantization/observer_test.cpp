// Observers against torch.ao's and torch.quantile, and against a search over all values at once.
#include "quantization/observer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"
#include "kernels/quantize.h"
#include "model/golden.h"
#include "quantization/observers/mse.h"
#include "quantization/observers/percentile.h"

namespace slm {
namespace {

constexpr std::array kKinds = {ObserverKind::kMovingAverage, ObserverKind::kMinMax, ObserverKind::kPercentile,
                               ObserverKind::kMse};
const std::string kPlace = "model.layers.3.mlp.input";

const Golden& golden() {
  static const Golden file("quantization/observers.safetensors");
  return file;
}

Range range_in(const at::Tensor& ends) { return {ends[0].item<float>(), ends[1].item<float>()}; }

class ObserverGolden : public testing::TestWithParam<const char*> {
 protected:
  at::Tensor tensor(const std::string& name) const { return golden()[GetParam() + ("." + name)]; }
};

TEST_P(ObserverGolden, MinMaxAndMovingAverageEqualTorchAfterEveryBatch) {
  for (const auto kind : {ObserverKind::kMinMax, ObserverKind::kMovingAverage}) {
    const auto name = std::string(name_of(kind));
    const auto observer = make_observer(kind);
    for (int64_t step = 0; step < tensor("batches").size(0); ++step) {
      observer->observe(tensor("batches")[step], kPlace);
      const auto range = observer->range();
      EXPECT_EQ(range, range_in(tensor(name + ".range")[step])) << name << " " << step;
      const AffineScale expected{tensor(name + ".scale")[step].item<float>(),
                                 tensor(name + ".zero_point")[step].item<int32_t>()};
      EXPECT_EQ(affine_scale(range.low, range.high), expected) << name << " " << step;
    }
  }
}

TEST_P(ObserverGolden, PercentileEqualsTorchQuantile) {
  PercentileObserver observer(99.9);
  for (const auto& batch : tensor("batches").unbind()) observer.observe(batch, kPlace);
  EXPECT_EQ(observer.range(), range_in(tensor("percentile.range").to(at::kFloat)));
}

TEST_P(ObserverGolden, MseHasTheErrorsAndTheBestClipOfTheSearch) {
  MseObserver observer;
  for (const auto& batch : tensor("batches").unbind()) observer.observe(batch, kPlace);
  const auto expected = tensor("mse.uint8.errors");
  const auto errors = at::tensor(at::ArrayRef<double>(observer.errors()));
  EXPECT_TRUE(close(errors / expected, at::ones({100}, at::kDouble), 1e-12));
  const auto two = std::get<0>(expected.topk(2, 0, /*largest=*/false));
  ASSERT_GT((two[1] / two[0]).item<double>(), 1 + 1e-9);  // else the order of a sum would decide
  const float share = static_cast<float>(static_cast<double>(tensor("mse.uint8.best").item<int64_t>()) / 100);
  const auto all = tensor("batches");
  EXPECT_EQ(observer.range(), (Range{all.min().item<float>() * share, all.max().item<float>() * share}));
}

INSTANTIATE_TEST_SUITE_P(Observer, ObserverGolden,
                         testing::Values("growing", "heavy_tail", "negative", "normal", "positive", "zeros_first"),
                         [](const auto& instance) { return std::string(instance.param); });

// x in batches of uneven sizes.
std::vector<at::Tensor> in_batches(const at::Tensor& x) {
  std::vector<at::Tensor> batches;
  for (int64_t begin = 0, size = 1; begin < x.size(0); begin += size, size = size * 3 % 4'999 + 1) {
    size = std::min(size, x.size(0) - begin);
    batches.push_back(x.narrow(0, begin, size));
  }
  return batches;
}

TEST(PercentileObserver, IsExactInEveryOrderWithNoMoreThanTheAnnouncedNumberOfValues) {
  at::manual_seed(1);
  constexpr int64_t kCount = 200'001;
  const auto x = at::randn({kCount}).pow(3), sorted = std::get<0>(x.sort());
  for (const double percent : {99.99, 99.5, 100.0}) {
    const auto q = at::tensor({1 - percent / 100, percent / 100});
    const auto expected = range_in(at::quantile(x.to(at::kDouble), q).to(at::kFloat));
    for (const auto& order : {x, sorted, sorted.flip(0)}) {
      PercentileObserver observer(percent, kCount);
      for (const auto& batch : in_batches(order)) observer.observe(batch, kPlace);
      EXPECT_EQ(observer.range(), expected) << percent;
      const auto kept = observer.to_json().at("smallest").size();
      EXPECT_LE(static_cast<double>(kept), (1 - percent / 100) * kCount + 3);
    }
  }
}

TEST(PercentileObserver, IsExactFromTheFirstValueOn) {
  at::manual_seed(2);
  const auto x = at::randn({40});
  PercentileObserver observer(90, 40);
  for (int64_t n = 1; n <= x.size(0); ++n) {
    observer.observe(x[n - 1], kPlace);
    const auto q = at::tensor({1 - 90.0 / 100, 90.0 / 100});
    EXPECT_EQ(observer.range(), range_in(at::quantile(x.narrow(0, 0, n).to(at::kDouble), q).to(at::kFloat))) << n;
  }
}

std::string message_of(ExitCode code, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "no error";
}

TEST(PercentileObserver, RefusesMoreValuesThanItIsExactFor) {
  PercentileObserver observer(99, 1'000);
  observer.observe(at::randn({1'000}), kPlace);
  EXPECT_EQ(message_of(ExitCode::kUsage, [&] { observer.observe(at::randn({1}), kPlace); }),
            "quantization_observer: percentile is exact for up to 1,000 values of a layer's input, and here are more; "
            "lower quantization_calibration_batches, or take another observer");
}

// The sum of (x - x^)^2 for every clip of x's own range, computed at once.
at::Tensor errors_of(const at::Tensor& x) {
  std::vector<double> errors;
  for (int clip = 1; clip <= 100; ++clip) {
    const auto share = static_cast<float>(clip / 100.0);
    const auto scale = affine_scale(x.min().item<float>() * share, x.max().item<float>() * share);
    const auto y = at::fake_quantize_per_tensor_affine(x, scale.scale, scale.zero_point, 0, 255);
    errors.push_back((x.to(at::kDouble) - y.to(at::kDouble)).square().sum().item<double>());
  }
  return at::tensor(at::ArrayRef<double>(errors));
}

TEST(MseObserver, IsExactForAnyNumberOfBfloat16Values) {
  at::manual_seed(3);
  const auto x = at::randn({4 * MseObserver::kMostExact}).pow(3).to(at::kBFloat16);
  MseObserver observer;
  for (const auto& batch : in_batches(x)) observer.observe(batch, kPlace);
  const auto errors = at::tensor(at::ArrayRef<double>(observer.errors()));
  EXPECT_TRUE(close(errors / errors_of(x.to(at::kFloat)), at::ones({100}, at::kDouble), 1e-10));
}

TEST(MseObserver, OfManyFloatsIsWithinWhatTheirRoundingMayDo) {
  at::manual_seed(4);
  for (const double power : {1.0, 3.0, 5.0}) {
    const auto normal = at::randn({4 * MseObserver::kMostExact});
    const auto x = normal.sign() * normal.abs().pow(power);
    MseObserver observer;
    for (const auto& batch : in_batches(x)) observer.observe(batch, kPlace);
    const auto expected = errors_of(x), errors = at::tensor(at::ArrayRef<double>(observer.errors()));
    // x moves by at most 2^-12 |x|, its distance to the nearest code's value by no more than x does, and the root of a
    // sum of squares is a norm.
    const auto moved = 0x1p-12 * x.to(at::kDouble).square().sum().sqrt().item<double>();
    EXPECT_TRUE(close(errors.sqrt(), expected.sqrt(), moved)) << power;
    const auto least = expected.min().item<double>();
    const auto chosen = expected[errors.argmin().item<int64_t>()].item<double>();
    EXPECT_LE(std::sqrt(chosen), std::sqrt(least) + 2 * moved) << power;
  }
}

TEST(MseObserver, OfEqualErrorsTakesTheWidestRange) {
  MseObserver observer;
  observer.observe(at::tensor({-1e-30f, 2e-30f}), kPlace);  // far below half of the smallest step: 0 under every range
  EXPECT_EQ(observer.range(), (Range{-1e-30f, 2e-30f}));
}

class EveryObserver : public testing::TestWithParam<ObserverKind> {
 protected:
  // Batches of which the mse observer keeps the first ones as they are and counts them later.
  std::vector<at::Tensor> batches() const {
    at::manual_seed(5);
    std::vector<at::Tensor> all;
    for (int64_t i = 0; i < 6; ++i) all.push_back(at::randn({5, 4'801}) * static_cast<double>(1 + i % 3) - 0.3);
    return all;
  }
};

TEST_P(EveryObserver, GoesOnFromItsStateAsIfNothingHadHappened) {
  const auto never_stopped = make_observer(GetParam());
  auto resumed = make_observer(GetParam());
  for (const auto& batch : batches()) {
    resumed = observer_from_json(parse_json(resumed->to_json().dump(), "observers.json"), "observers.json");
    EXPECT_EQ(resumed->kind(), GetParam());
    resumed->observe(batch, kPlace);
    never_stopped->observe(batch, kPlace);
    EXPECT_EQ(resumed->range(), never_stopped->range());
    EXPECT_EQ(resumed->to_json(), never_stopped->to_json());
  }
}

TEST_P(EveryObserver, TakesBfloat16AndAnyStridesAndIgnoresABatchWithoutElements) {
  const auto expected = make_observer(GetParam()), found = make_observer(GetParam());
  for (const auto& batch : batches()) {
    const auto rounded = batch.to(at::kBFloat16);
    expected->observe(rounded.to(at::kFloat), kPlace);
    found->observe(rounded.t().contiguous().t(), kPlace);
    found->observe(at::empty({0, 7}), kPlace);
  }
  EXPECT_EQ(found->range(), expected->range());
}

TEST_P(EveryObserver, ThreadsChangeNothing) {
  const auto learned = [&] {
    const auto observer = make_observer(GetParam());
    for (const auto& batch : batches()) observer->observe(batch, kPlace);
    return observer->range();
  };
  const auto expected = learned();
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  EXPECT_EQ(learned(), expected);
  at::set_num_threads(threads);
}

TEST_P(EveryObserver, RefusesWhatHasNoRangeByItsPlaceAndStaysAsItWas) {
  const auto observer = make_observer(GetParam());
  observer->observe(at::randn({50}), kPlace);
  const auto before = observer->to_json();
  const auto message_for = [&](float value) {
    auto x = at::randn({3, 4});
    x[1][2] = value;
    return message_of(ExitCode::kData, [&] { observer->observe(x, kPlace); });
  };
  constexpr auto kTail =
      "; no range can be learned from them (expected finite numbers up to 1.7e+38; the checkpoint's "
      "training diverged; use an earlier one)";
  EXPECT_EQ(message_for(-std::numeric_limits<float>::quiet_NaN()), kPlace + ": the activations hold a NaN" + kTail);
  EXPECT_EQ(message_for(std::numeric_limits<float>::infinity()), kPlace + ": the activations hold inf" + kTail);
  EXPECT_EQ(message_for(-2e38f), kPlace + ": the activations hold -2e+38" + kTail);
  EXPECT_EQ(observer->to_json(), before);
}

INSTANTIATE_TEST_SUITE_P(Observer, EveryObserver, testing::ValuesIn(kKinds),
                         [](const auto& instance) { return std::string(name_of(instance.param)); });

TEST(ObserverState, RefusesWhatNoneWrote) {
  for (const auto* text : {R"({})", R"({"observer": "median"})", R"({"observer": 3})",
                           R"({"observer": "min_max", "low": 1})", R"({"observer": "min_max", "low": 2, "high": 1})",
                           R"({"observer": "moving_average", "low": "a", "high": 1})", R"({"observer": "percentile"})",
                           R"({"observer": "percentile", "percent": 99, "most_values": 9, "values": 2,
                               "smallest": [1], "largest_negated": [-1]})",
                           R"({"observer": "percentile", "percent": 0, "most_values": 9, "values": 0,
                               "smallest": [], "largest_negated": []})",
                           R"({"observer": "mse", "low": 0, "high": 1, "values": []})",
                           R"({"observer": "mse", "low": 0, "high": 1, "values": [1], "counts": [0]})",
                           R"({"observer": "mse", "low": 0, "high": 1, "values": [0.1], "counts": [1]})",
                           R"({"observer": "mse", "low": 0, "high": 1, "values": [1], "counts": [1, 2]})"}) {
    const auto message = message_of(ExitCode::kData, [&] { observer_from_json(parse_json(text, "x"), "state.json"); });
    EXPECT_TRUE(message.starts_with("state.json: not the state of an observer (")) << text << "\n" << message;
  }
}

TEST(ObserverKinds, HaveTheNamesOfTheConfig) {
  for (const auto kind : kKinds) EXPECT_EQ(observer_kind(name_of(kind), "quantization_observer"), kind);
  EXPECT_EQ(message_of(ExitCode::kUsage, [] { observer_kind("median", "quantization_observer"); }),
            "quantization_observer: found \"median\", expected one of moving_average, min_max, percentile, mse");
}

}  // namespace
}  // namespace slm
