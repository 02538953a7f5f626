// AdamW, Muon, clipping and schedules against tests/golden/optimizers, made by PyTorch and plain float64 formulas.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/ops/_fused_adamw.h>
#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "kernels/adamw.h"
#include "kernels/orthogonalize.h"
#include "kernels/sum_of_squares.h"
#include "model/golden.h"
#include "training/muon.h"
#include "training/schedule.h"
#include "training/train_step.h"

namespace slm {
namespace {

nlohmann::json golden_json(const std::string& name) { return nlohmann::json::parse(read_file(golden_path(name))); }

class AdamWGolden : public testing::TestWithParam<std::string> {};

TEST_P(AdamWGolden, TenStepsMatchPyTorch) {
  const Golden golden("optimizers/adamw.safetensors");
  const auto get = [&](const char* name) { return golden[GetParam() + "." + name]; };
  const auto gradients = get("grads"), params = get("params");
  const auto parameter = get("param").flatten().clone();
  const AdamWBuffers buffers{parameter, at::empty_like(parameter), at::zeros_like(parameter),
                             at::zeros_like(parameter)};
  for (int64_t step = 0; step < gradients.size(0); ++step) {
    buffers.gradients.copy_(gradients[step].flatten());
    adamw(buffers, 0, parameter.numel(),
          {.learning_rate = get("lr").item<double>(),
           .beta1 = 0.9,
           .beta2 = 0.95,
           .epsilon = 1e-8,
           .weight_decay = get("weight_decay").item<double>(),
           .step = step + 1});
    EXPECT_TRUE(close(parameter, params[step].flatten(), 4e-6)) << "step " << step;
  }
  // Relative: in huge_gradients the second moment is far from 1.
  const auto relative = [&](const at::Tensor& actual, const at::Tensor& expected) {
    return close(actual / (expected.flatten().abs() + 1e-30), expected.flatten() / (expected.flatten().abs() + 1e-30),
                 4e-6);
  };
  EXPECT_TRUE(relative(buffers.exp_avg_sq, get("exp_avg_sq")));
  EXPECT_TRUE(
      close(buffers.exp_avg / get("exp_avg").abs().max(), get("exp_avg").flatten() / get("exp_avg").abs().max(), 4e-6));
}

INSTANTIATE_TEST_SUITE_P(All, AdamWGolden,
                         testing::Values("plain", "no_decay", "tiny_gradients", "huge_gradients",
                                         "zero_gradients_between"),
                         [](const auto& parameter) { return parameter.param; });

TEST(AdamW, EqualsLibTorchsFusedOperator) {
  at::manual_seed(5);
  const int64_t size = 100003;  // several threads' shares, and a tail
  const auto start = at::randn({size});
  const AdamWBuffers ours{start.clone(), at::empty({size}), at::zeros({size}), at::zeros({size})};
  auto theirs = start.clone(), exp_avg = at::zeros({size}), exp_avg_sq = at::zeros({size});
  for (int64_t step = 1; step <= 20; ++step) {
    const auto gradient = at::randn({size});
    ours.gradients.copy_(gradient);
    adamw(ours, 0, size,
          {.learning_rate = 1e-2,
           .beta1 = 0.9,
           .beta2 = 0.99,
           .epsilon = 1e-8,
           .weight_decay = 0.1,
           .clip_factor = 0.5,
           .step = step});
    at::_fused_adamw_({theirs}, {gradient * 0.5}, {exp_avg}, {exp_avg_sq}, {}, {at::tensor(static_cast<float>(step))},
                      1e-2, 0.9, 0.99, 0.1, 1e-8, false, false);
  }
  EXPECT_TRUE(close(ours.parameters, theirs, 4e-6));
  EXPECT_TRUE(close(ours.exp_avg, exp_avg, 4e-6));
  EXPECT_TRUE(close(ours.exp_avg_sq, exp_avg_sq, 4e-6));
}

TEST(AdamW, ThreadsDoNotChangeTheBits) {
  const int64_t size = 300001, threads = at::get_num_threads();
  const auto run = [&](int count) {
    at::set_num_threads(count);
    at::manual_seed(1);
    const AdamWBuffers buffers{at::randn({size}), at::randn({size}), at::randn({size}), at::rand({size})};
    const double norm = sum_of_squares(buffers.gradients);
    adamw(buffers, 0, size,
          {.learning_rate = 1e-2, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.1, .step = 3});
    return std::pair(norm, buffers.parameters);
  };
  const auto [one_norm, one] = run(1);
  const auto [two_norm, two] = run(2);
  at::set_num_threads(static_cast<int>(threads));
  EXPECT_EQ(one_norm, two_norm);
  EXPECT_TRUE(at::equal(one, two));
}

TEST(AdamW, WritesTheRoundedParametersIntoTheShadowsInTheSamePass) {
  at::manual_seed(2);
  const int64_t size = 5001;
  const AdamWBuffers buffers{at::randn({size}), at::randn({size}), at::zeros({size}), at::zeros({size}),
                             at::zeros({size}, at::kBFloat16)};
  adamw(buffers, 0, size, {.learning_rate = 1e-2, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.1});
  EXPECT_TRUE(at::equal(buffers.shadows, buffers.parameters.to(at::kBFloat16)));
}

// With beta2 0.999 a moment moves by a thousandth of the difference a step, less than half a unit in bfloat16's last
// place; rounding to nearest would leave it where it is.
TEST(AdamW, Bfloat16MomentsFollowTheGradientInTheMean) {
  const int64_t size = 20000;
  const auto run = [&](at::ScalarType dtype) {
    const AdamWBuffers buffers{
        at::zeros({size}), at::full({size}, 0.5), at::zeros({size}, dtype), at::ones({size}, dtype), {}};
    for (int64_t step = 1; step <= 500; ++step) {
      adamw(buffers, 0, size,
            {.learning_rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0, .step = step});
    }
    return std::pair(buffers.exp_avg.to(at::kDouble).mean().item<double>(),
                     buffers.exp_avg_sq.to(at::kDouble).mean().item<double>());
  };
  const auto [mean, square] = run(at::kFloat);
  const auto [narrow_mean, narrow_square] = run(at::kBFloat16);
  EXPECT_NEAR(narrow_mean, mean, 1e-3 * mean);
  EXPECT_NEAR(narrow_square, square, 1e-3 * square);
  EXPECT_LT(square, 0.75);
}

class MuonGolden : public testing::TestWithParam<std::string> {
 protected:
  // Expects the parameters after every step within `tolerance` of the golden's, and the momentum after the last.
  void expect_steps(at::ScalarType dtype, const std::string& golden_params, double tolerance) const {
    const Golden golden("optimizers/muon.safetensors");
    const auto get = [&](const std::string& name) { return golden[GetParam() + "." + name]; };
    const auto settings = golden_json("optimizers/optimizers.json")["muon"][GetParam()];
    const auto gradients = get("grads"), params = get(golden_params);
    const auto parameter = get("param").clone(), momentum = at::zeros_like(parameter);
    // torch.optim.Muon's default scales the update otherwise: what another learning rate and decay make up for.
    const double rows = settings["shape"][0], columns = settings["shape"][1];
    const double ours = 0.2 * std::sqrt(std::max(rows, columns));
    const double theirs = settings["adjust_lr"] == "original" ? std::sqrt(std::max(1.0, rows / columns)) : ours;
    for (int64_t step = 0; step < gradients.size(0); ++step) {
      // Half of twice the gradient: the clip factor is a part of the update.
      muon(parameter, 2 * gradients[step], momentum,
           {.momentum = settings["momentum"],
            .nesterov = settings["nesterov"],
            .steps = settings["ns_steps"],
            .weight_decay = settings["weight_decay"].get<double>() * ours / theirs,
            .dtype = dtype},
           {.learning_rate = settings["lr"].get<double>() * theirs / ours, .clip_factor = 0.5});
      EXPECT_TRUE(close(parameter.to(at::kDouble), params[step].to(at::kDouble), tolerance)) << "step " << step;
    }
    EXPECT_TRUE(close(momentum, get("momentum_buffer"), 1e-6));
  }
};

TEST_P(MuonGolden, FiveStepsInFloat32MatchTheFormulaInFloat64) { expect_steps(at::kFloat, "params_float64", 5e-6); }

TEST_P(MuonGolden, FiveStepsInBfloat16MatchPyTorch) { expect_steps(at::kBFloat16, "params", 1e-2); }

INSTANTIATE_TEST_SUITE_P(All, MuonGolden,
                         testing::Values("square", "wide", "tall", "tall_match_rms", "row", "zero_gradient_first"),
                         [](const auto& parameter) { return parameter.param; });

TEST(Orthogonalize, BringsEverySingularValueNearOne) {
  at::manual_seed(3);
  for (const auto& shape : {std::vector<int64_t>{48, 24}, {64, 16}, {16, 64}}) {
    const auto singular = at::linalg_svdvals(orthogonalized(at::randn(shape), 5, at::kFloat));
    EXPECT_LE(singular.max().item<double>(), 1.3);
    EXPECT_GE(singular.min().item<double>(), 0.6);
  }
  const auto zero = orthogonalized(at::zeros({3, 5}), 5, at::kBFloat16);
  EXPECT_EQ(zero.abs().max().item<double>(), 0);
}

class ClipGolden : public testing::TestWithParam<std::string> {};

TEST_P(ClipGolden, NormAndClippedGradientsMatchPyTorch) {
  const Golden golden("optimizers/clip.safetensors");
  const auto get = [&](const std::string& name) { return golden[GetParam() + "." + name]; };
  std::vector<at::Tensor> gradients, clipped;
  for (int i = 0; golden.file().find(fmt::format("{}.grad.{}", GetParam(), i)); ++i) {
    gradients.push_back(get(fmt::format("grad.{}", i)).flatten());
    clipped.push_back(get(fmt::format("clipped.{}", i)).flatten());
  }
  ASSERT_FALSE(gradients.empty());
  const auto flat = at::cat(gradients), expected = at::cat(clipped);
  const double norm = std::sqrt(sum_of_squares(flat)), golden_norm = get("norm").item<double>();
  EXPECT_LE(std::abs(norm - golden_norm), 1e-6 * golden_norm);
  const double scale = std::max(1e-30, expected.abs().max().item<double>());
  EXPECT_TRUE(close(flat * clip_factor(norm, get("max_norm").item<double>()) / scale, expected / scale, 1e-6));
}

INSTANTIATE_TEST_SUITE_P(All, ClipGolden, testing::Values("clipped", "not_clipped", "zero", "large"),
                         [](const auto& parameter) { return parameter.param; });

TEST(Schedule, EveryCaseMatchesTheGoldenTables) {
  const std::map<std::string, ScheduleType> types{{"cosine", ScheduleType::kCosine},
                                                  {"linear", ScheduleType::kLinear},
                                                  {"constant", ScheduleType::kConstant},
                                                  {"wsd", ScheduleType::kWsd}};
  const std::map<std::string, DecayShape> shapes{
      {"linear", DecayShape::kLinear}, {"cosine", DecayShape::kCosine}, {"1-sqrt", DecayShape::kOneMinusSqrt}};
  const auto cases = golden_json("optimizers/schedules.json")["cases"];
  ASSERT_EQ(cases.size(), 13u);
  for (const auto& item : cases) {
    ScheduleSettings settings{.type = types.at(item["lr_scheduler_type"]),
                              .peak = item["learning_rate"],
                              .min_ratio = item["min_lr_ratio"],
                              .warmup_steps = item["warmup_steps"],
                              .total_steps = item["max_steps"]};
    if (!item["decay_steps"].is_null()) {
      settings.decay_steps = item["decay_steps"];
      settings.decay = shapes.at(item["decay"]);
    }
    for (size_t step = 0; step < item["lr"].size(); ++step) {
      const double expected = item["lr"][step];
      const double actual = learning_rate(settings, static_cast<int64_t>(step));
      EXPECT_LE(std::abs(actual - expected), 1e-12 * settings.peak) << item.dump() << " step " << step;
    }
  }
}

}  // namespace
}  // namespace slm
