// A model that is taught by itself: what it says is what the teacher says, so that only the targets' share of the loss
// is left. Its logits are the teacher's to the bit, in each way of computing.
#include "training/distillation.h"

#include <ATen/ATen.h>

#include "core/ignored_target.h"
#include "model/golden.h"
#include "training/golden_batches.h"
#include "training/train_step.h"

namespace slm {
namespace {

constexpr double kWeight = 0.75;

struct Way {
  const char* name;
  const char* model;
  at::ScalarType dtype = at::kFloat;
  bool recompute = false, documents = false, ignored = false;
};

class TaughtByItself : public testing::TestWithParam<Way> {
 protected:
  TaughtByItself() {
    const auto folder = golden_path(std::string("models/") + GetParam().model);
    loaded_ = build_model(read_model_config(folder), {.gradients = true, .dtype = GetParam().dtype});
    load_parameters(folder, loaded_.model->config(), *loaded_.arena);
    loaded_.model->set_recompute(GetParam().recompute);
    const Golden text(std::string("training/") + GetParam().model + ".safetensors");
    batch_ = golden_batch(text["inputs"][0], text["targets"][0]);
    for (int64_t i = 0; i < batch_.length && GetParam().ignored; ++i) batch_.targets[static_cast<size_t>(i)] = -100;
    for (int64_t i = 0; i < std::ssize(batch_.inputs) && GetParam().documents; ++i) {
      batch_.document_starts.push_back(i % batch_.length < batch_.length / 3 ? 0 : batch_.length / 3);
    }
  }

  StepResult accumulate(const Distillation* distillation, double dropout = 0) {
    return accumulate_gradients(*loaded_.model, *loaded_.arena, batch_,
                                {.micro_batch_size = 2, .dropout = {.p = dropout, .seed = 1, .step = 0}},
                                {.distillation = distillation});
  }

  Distillation teacher() const {
    const ParentSettings settings{.dtype = GetParam().dtype};
    return {copy_parent(loaded_.model->config(), *loaded_.arena, settings), kWeight};
  }

  LoadedModel loaded_;
  Batch batch_;
};

TEST_P(TaughtByItself, OnlyTheShareOfTheTargetsIsLeft) {
  const auto plain = accumulate(nullptr);
  const auto expected = loaded_.arena->gradients().clone() * (1 - kWeight);
  const auto teacher = this->teacher();
  const auto taught = accumulate(&teacher);
  EXPECT_EQ(taught.divergence, 0.0);
  EXPECT_LE(std::abs(taught.loss - (1 - kWeight) * plain.loss), 1e-6);
  // The gradients of the logits are rounded once to the dtype; the norm of the difference goes with that.
  const auto& actual = loaded_.arena->gradients();
  const double unit = GetParam().dtype == at::kFloat ? 0x1p-20 : 0x1p-7;
  EXPECT_LE((actual - expected).norm().item<double>(), unit * expected.norm().item<double>());
}

// The student's dropout is not the teacher's.
TEST_P(TaughtByItself, TheTeacherDropsNothingOut) {
  const auto teacher = this->teacher();
  EXPECT_GT(accumulate(&teacher, 0.2).divergence, 0.0);
}

TEST_P(TaughtByItself, TheTeacherStaysAsItIs) {
  const auto teacher = this->teacher();
  for (const auto& [name, value] : loaded_.arena->values()) value.mul_(1.25);
  loaded_.arena->update_shadows();
  EXPECT_GT(accumulate(&teacher).divergence, 0.0);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, TaughtByItself,
    testing::Values(Way{"Untied", "llama_tiny"}, Way{"Tied", "gpt2_tiny"},
                    Way{.name = "Bfloat16", .model = "llama_tiny", .dtype = at::kBFloat16},
                    Way{.name = "TiedBfloat16", .model = "gpt2_tiny", .dtype = at::kBFloat16, .ignored = true},
                    Way{.name = "Checkpointing", .model = "llama_tiny", .recompute = true, .ignored = true},
                    Way{.name = "Documents", .model = "llama_tiny", .documents = true, .ignored = true}),
    [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace slm
