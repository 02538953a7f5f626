// What is kept of the weights that codes were made from: its numbers, its file, and what loading refuses.
#include "quantization/residual.h"

#include <ATen/ATen.h>

#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "checkpoint/quantized_folder.h"
#include "checkpoint/residual_file.h"
#include "checkpoint/tensor_io.h"
#include "core/error_of.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "quantization/metadata_json.h"
#include "quantization/quantize_layers.h"
#include "quantization/quantized_golden.h"
#include "quantization/trainable_codes.h"

namespace slm {
namespace {

namespace fs = std::filesystem;
using enum Granularity;

const std::vector<Scheme> kSchemes{{.bits = 8, .granularity = kPerChannel},
                                   {.bits = 8, .granularity = kPerTensor},
                                   {.bits = 4, .granularity = kPerGroup, .group_size = 16},
                                   {.bits = 4, .granularity = kPerChannel}};

at::Tensor some_weight() {
  at::manual_seed(20);
  return at::randn({24, 40}) * 0.05;
}

// Codes as GPTQ has them: some are not those nearest to their weight.
QuantizedWeight moved_codes(const at::Tensor& weight, const Scheme& scheme) {
  const auto near = round_to_nearest(weight, scheme, 0.8 * amax_scales(weight, scheme));
  const auto moved =
      (near.codes + at::randint(-1, 2, weight.sizes(), at::kChar)).clamp(-scheme.codes().max, scheme.codes().max);
  return {scheme, moved, near.scales};
}

// The definition in words: how far from weight * 2^r / s is the nearest of the stored numbers that round to the code.
double least_distance(double exact, int64_t code, int64_t parts, int64_t most) {
  double least = INFINITY;
  for (int64_t x = -most; x <= most; ++x) {
    if (std::nearbyint(static_cast<double>(x) / static_cast<double>(parts)) != static_cast<double>(code)) continue;
    least = std::min(least, std::abs(static_cast<double>(x) - exact));
  }
  return least;
}

TEST(Residual, IsThatOfTheNearestNumberWhichRoundsToTheCode) {
  constexpr double kRounding = 0x1p-24 * 3 * 127 * 256;  // of float32, at the largest number
  const auto weight = some_weight().narrow(0, 0, 6);
  for (const auto& scheme : kSchemes) {
    for (const int bits : {2, 4, 8}) {
      const auto quantized = moved_codes(weight, scheme);
      const auto step = dequantize({scheme, at::ones_like(quantized.codes), quantized.scales}).to(at::kDouble);
      const auto exact = (weight.to(at::kDouble) / step).mul(1 << bits).flatten();
      const auto codes = quantized.codes.to(at::kLong).flatten();
      const auto residual = residual_of(weight, quantized, bits).to(at::kLong).flatten();
      for (int64_t i = 0; i < weight.numel(); ++i) {
        const auto wanted = exact[i].item<double>();
        const auto code = codes[i].item<int64_t>(), number = (code << bits) + residual[i].item<int64_t>();
        ASSERT_EQ(std::nearbyint(static_cast<double>(number) / (1 << bits)), static_cast<double>(code));
        ASSERT_LE(std::abs(static_cast<double>(number) - wanted),
                  least_distance(wanted, code, 1 << bits, scheme.codes().max << bits) + kRounding)
            << describe(scheme) << ", " << bits << " residual bits, element " << i;
      }
    }
  }
}

// A weight that was rounded to nearest lies in the cell of its code: nothing but the residual's own rounding is lost.
TEST(Residual, BringsARoundedWeightBackToItsStep) {
  const auto weight = some_weight();
  for (const auto& scheme : kSchemes) {
    for (const int bits : {2, 4, 8}) {
      const auto quantized = round_to_nearest(weight, scheme, amax_scales(weight, scheme));
      TrainableCodes codes(quantized, bits);
      codes.set_residual(residual_of(weight, quantized, bits));
      EXPECT_TRUE(at::equal(codes.weight().codes, quantized.codes));
      const auto step = dequantize({scheme, at::ones_like(quantized.codes), quantized.scales}) / (1 << bits);
      const auto steps_away = ((codes.stored().to(at::kFloat) * step - weight) / step).abs();
      const auto values = dequantize_with_residual(quantized, codes.residual(), bits);
      EXPECT_LE(((values - codes.stored().to(at::kFloat) * step) / step).abs().max().item<double>(),
                (1 << bits) * 0x1p-12 + 0.003);  // the border's, and float32's
      EXPECT_TRUE(at::equal(round_to_nearest(values, scheme, quantized.scales).codes, quantized.codes));
      // A number on the border of two cells belongs to the even code; then the next one inside is taken.
      EXPECT_LE(steps_away.max().item<double>(), 1.001) << describe(scheme) << " " << bits;
      // On average a quarter of a step; at 2 bits beside odd codes, where 3 numbers serve 4 steps, 0.375.
      EXPECT_LE(steps_away.mean().item<double>(), 0.33) << describe(scheme) << " " << bits;
    }
  }
}

TEST(Residual, WithMoreBitsIsTheSameAndWithFewerBelongsToTheSameCode) {
  const auto weight = some_weight();
  for (const auto& scheme : kSchemes) {
    const auto quantized = moved_codes(weight, scheme);
    for (const int from : {2, 4, 8}) {
      const auto residual = residual_of(weight, quantized, from);
      EXPECT_FALSE(find_foreign_residual(residual, quantized, from));
      for (const int to : {2, 4, 8}) {
        const auto converted = convert_residual(residual, quantized, from, to);
        TrainableCodes codes(quantized, to);
        codes.set_residual(converted);
        EXPECT_TRUE(at::equal(codes.weight().codes, quantized.codes)) << from << " to " << to;
        EXPECT_TRUE(at::equal(codes.residual(), converted)) << from << " to " << to;
        const auto moved = converted.to(at::kDouble) / (1 << to) - residual.to(at::kDouble) / (1 << from);
        EXPECT_LE(moved.abs().max().item<double>(), to >= from ? 0 : 1.0 / (1 << to)) << from << " to " << to;
      }
      EXPECT_EQ(at::count_nonzero(convert_residual(residual, quantized, from, 0)).item<int64_t>(), 0);
    }
  }
}

TEST(Residual, ThatBelongsToAnotherCodeIsFound) {
  const Scheme scheme{.bits = 4, .granularity = kPerChannel};
  const auto matrix = [](std::vector<int64_t> numbers) { return at::tensor(numbers).view({2, 3}).to(at::kChar); };
  const QuantizedWeight weight{scheme, matrix({-7, -2, -1, 0, 3, 7}), at::ones({2, 1})};
  // 7 is odd: 8 beside it would be the next code's; and nothing lies beyond the outermost codes.
  const auto most = matrix({7, 8, 7, 8, 7, 0}), least = matrix({0, -8, -7, -8, -7, -7});
  EXPECT_FALSE(find_foreign_residual(most, weight, 4));
  EXPECT_FALSE(find_foreign_residual(least, weight, 4));
  for (int64_t row = 0; row < 2; ++row) {
    for (int64_t column = 0; column < 3; ++column) {
      for (const auto& [border, outwards] : {std::pair(most, 1), std::pair(least, -1)}) {
        auto beyond = border.clone();
        beyond[row][column] += outwards;
        const auto found = find_foreign_residual(beyond, weight, 4);
        ASSERT_TRUE(found) << row << " " << column;
        EXPECT_EQ(std::pair(found->row, found->column), std::pair(row, column));
      }
    }
  }
}

// --- of a whole model ---

// The norm that gives a layer its input; empty where another layer does.
std::string norm_before(const std::string& layer) {
  if (layer == "lm_head") return "model.norm";
  if (layer.ends_with("o_proj") || layer.ends_with("down_proj")) return "";
  const auto block = layer.substr(0, layer.find('.', std::string("model.layers.").size()));
  return block + (layer.find("self_attn") != std::string::npos ? ".input_layernorm" : ".post_attention_layernorm");
}

struct Kept {
  LoadedModel original, loaded;
  std::map<std::string, at::Tensor> residuals;
};

Kept quantize_and_keep(const std::string& name, QuantizationSettings settings) {
  settings.residual_bits = 4;
  Kept kept{read_model_folder(golden_path("models/" + name)), read_model_folder(golden_path("models/" + name)), {}};
  auto& model = *kept.loaded.model;
  const auto ids = Golden("models/" + name + "/case.safetensors")["input_ids"];
  quantize_layers(
      model, plan_quantization(model, settings), settings, {{ids}},
      {.on_residual = [&](const std::string& layer, const at::Tensor& residual) { kept.residuals[layer] = residual; }});
  return kept;
}

// Smoothing hands scales from the weights' input to the norm before: the residual is that of the weights as they are
// quantized then. A tied head has codes of its own, made of the embedding's weight.
TEST(ResidualOfAModel, IsThatOfTheSmoothedWeightsAndOfATiedHead) {
  const c10::NoGradGuard no_grad;
  for (const std::string name : {"llama_tied", "gpt2_tiny"}) {
    const auto kept =
        quantize_and_keep(name, {.scheme = {.bits = 8, .type = QuantizationType::kDynamic}, .smooth = 0.5});
    const auto before = kept.original.model->named_parameters(), after = kept.loaded.model->named_parameters();
    std::map<std::string, at::Tensor> floats;
    kept.original.model->visit_linears([&](const std::string& layer, std::shared_ptr<Linear>& linear) {
      floats[layer] = dynamic_cast<const DenseLinear&>(*linear).weight();
    });
    int64_t layers = 0;
    kept.loaded.model->visit_linears([&](const std::string& layer, std::shared_ptr<Linear>& linear) {
      const auto weight = dynamic_cast<const PackedLinear&>(*linear).weight();
      const auto norm = norm_before(layer);
      auto exact = floats.at(layer);
      if (!norm.empty()) exact = exact * (before[norm + ".weight"] / after[norm + ".weight"]);
      const auto step = dequantize({weight.scheme, at::ones_like(weight.codes), weight.scales}) / 16;
      const auto stored = weight.codes.to(at::kFloat) * 16 + kept.residuals.at(layer).to(at::kFloat);
      EXPECT_LE(((stored * step - exact) / step).abs().max().item<double>(), 1.01) << name << " " << layer;
      ++layers;
    });
    EXPECT_EQ(layers, std::ssize(kept.residuals));
    EXPECT_TRUE(kept.residuals.contains("lm_head"));
  }
}

// A folder with a residual, whose files a test may spoil.
class ResidualFolder : public testing::Test {
 protected:
  ResidualFolder() {
    auto golden = quantize_golden("llama_tiny", {.bits = 4, .granularity = kPerGroup, .group_size = 8}, {"lm_head"});
    golden.metadata.residual_bits = 4;
    const auto parent = read_model_folder(golden_path("models/llama_tiny"));
    std::map<std::string, at::Tensor> floats;
    parent.model->visit_linears([&](const std::string& layer, std::shared_ptr<Linear>& linear) {
      floats[layer] = dynamic_cast<const DenseLinear&>(*linear).weight();
    });
    golden.loaded.model->visit_linears([&](const std::string& layer, std::shared_ptr<Linear>& linear) {
      const auto packed = std::dynamic_pointer_cast<PackedLinear>(linear);
      if (packed) residuals_[residual_name(layer)] = residual_of(floats.at(layer), packed->weight(), 4);
    });
    write_quantized_folder(folder_.path(), *golden.loaded.model, golden.metadata, nullptr);
    metadata_ = nlohmann::json::parse(read_file(folder_ / kQuantizationMetadataFile));
    write();
  }

  void write() const {
    write_file_atomically(folder_ / kQuantizationMetadataFile, metadata_.dump());
    StateDict state;
    for (const auto& [name, tensor] : residuals_) state.push_back({name, tensor});
    write_residuals(folder_.path(), state);
  }

  // Of loading the folder and every residual, without the folder's path.
  std::string refusal() const {
    const auto error = error_of([&] {
      const auto loaded = read_model_folder(folder_.path());
      const ResidualFile file(folder_.path(), *loaded.quantization);
      loaded.model->visit_linears([&](const std::string& layer, std::shared_ptr<Linear>& linear) {
        if (const auto packed = std::dynamic_pointer_cast<PackedLinear>(linear)) file.read(layer, packed->weight());
      });
    });
    if (!error) return "no error";
    EXPECT_EQ(error->code(), ExitCode::kData);
    return std::string(error->what()).substr(folder_.path().string().size() + 1);
  }

  TemporaryFolder folder_;
  nlohmann::json metadata_;
  std::map<std::string, at::Tensor> residuals_;
};

TEST_F(ResidualFolder, IsSavedAgainToTheSameBytesAndInferenceDoesNotSeeIt) {
  const c10::NoGradGuard no_grad;
  EXPECT_EQ(refusal(), "no error");
  const auto loaded = read_model_folder(folder_.path());
  EXPECT_EQ(loaded.quantization->residual_bits, 4);
  const TemporaryFolder again, without;
  write_quantized_folder(again.path(), *loaded.model, *loaded.quantization, nullptr);
  StateDict state;
  const ResidualFile file(folder_.path(), *loaded.quantization);
  loaded.model->visit_linears([&](const std::string& layer, std::shared_ptr<Linear>& linear) {
    if (const auto packed = std::dynamic_pointer_cast<PackedLinear>(linear)) {
      state.push_back({residual_name(layer), file.read(layer, packed->weight())});
    }
  });
  write_residuals(again.path(), state);
  EXPECT_EQ(nlohmann::json::parse(read_file(again / kQuantizationMetadataFile)), metadata_);
  for (const char* name : {"model.safetensors", kResidualFile, "config.json"}) {
    EXPECT_EQ(read_file(again / name), read_file(folder_ / name)) << name;
  }
  auto plain = *loaded.quantization;
  plain.residual_bits = 0;
  write_quantized_folder(without.path(), *loaded.model, plain, nullptr);
  EXPECT_EQ(read_file(without / "model.safetensors"), read_file(folder_ / "model.safetensors"));
}

TEST_F(ResidualFolder, ThatContradictsTheMetadataOrTheCodesIsRefused) {
  const std::string layer = "residual.model.layers.0.mlp.down_proj.weight",
                    in = std::string(kResidualFile) + ": " + layer;
  const auto whole = residuals_;
  const auto metadata = metadata_;
  const std::vector<std::pair<std::function<void()>, std::string>> cases{
      {[&] { residuals_.erase(layer); },
       in + ": missing, but quantization_metadata.json says that 4 bits of each weight are kept"},
      {[&] { residuals_[layer] = residuals_[layer].to(at::kShort); },
       in + ": found I16 [48, 104], but quantization_metadata.json asks for I8 [48, 104]"},
      {[&] { residuals_[layer] = residuals_[layer].t().contiguous(); },
       in + ": found I8 [104, 48], but quantization_metadata.json asks for I8 [48, 104]"},
      {[&] { residuals_["residual.lm_head.weight"] = at::zeros({1}, at::kChar); },
       std::string(kResidualFile) + ": residual.lm_head.weight: quantization_metadata.json lists no such layer"},
      {[&] {
         residuals_[layer] =
             residuals_[layer].clone().index_put_({at::tensor(3), at::tensor(5)}, at::tensor(9, at::kChar));
       },
       in + ": the number at row 3, column 5 is 9, which does not belong to the code "},
      {[&] { metadata_["residual"]["bits"] = 8; }, kResidualFile},
      {[&] { metadata_["residual"]["bits"] = 0; },
       "quantization_metadata.json: residual: bits is 0; expected 2, 4 or 8"},
      {[&] { metadata_["residual"]["bits"] = 3; },
       "quantization_metadata.json: residual: bits is 3; expected 0, 2, 4 or 8"},
      {[&] { metadata_["residual"]["file"] = "other"; },
       "quantization_metadata.json: residual: file is \"other\"; expected \"residual.safetensors\""}};
  for (const auto& [spoil, message] : cases) {
    residuals_ = whole;
    metadata_ = metadata;
    spoil();
    write();
    EXPECT_TRUE(refusal().starts_with(message)) << "found    " << refusal() << "\nexpected " << message;
  }
  residuals_ = whole;
  metadata_ = metadata;
  write();
}

TEST_F(ResidualFolder, OnlyTrainingTheCodesNeedsIt) {
  fs::remove(folder_ / kResidualFile);
  EXPECT_EQ(read_model_folder(folder_.path()).quantization->residual_bits, 4);
  EXPECT_TRUE(refusal().starts_with(kResidualFile)) << refusal();
}

}  // namespace
}  // namespace slm
