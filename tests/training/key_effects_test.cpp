// Every key of the config does something: two short runs that differ in one key leave different things behind.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "config/describe.h"
#include "config/load.h"
#include "core/error_of.h"
#include "core/file.h"
#include "core/sha256.h"
#include "core/temporary_folder.h"
#include "kernels/device.h"
#include "training/train.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

/// A run with `key` as in `from` (empty: not given) is compared with one as in `to`; both are under `context`.
struct KeyEffect {
  std::string key, from, to;
  std::vector<std::string> context = {};
  bool refused = false;  // one of the two ends with an error, which is the effect
};

// In values, FIXTURE is a tokenizer of other characters, and below the test's folder OTHER is another text, DOCUMENTS
// are many, TRAINED a run that is done, QUANTIZED what it ended in, and FOLDER a folder that does not exist.
std::vector<KeyEffect> key_effects() {
  const std::vector<std::string> wsd{"lr_scheduler_type=wsd", "max_steps=6", "wsd_decay_steps=4"};
  const std::vector<std::string> llama3{"model.rope_scaling=llama3", "model.rope_original_max_position_embeddings=16"};
  const std::vector<std::string> ptq{"quantization_mode=ptq"};
  const std::vector<std::string> codes{"enable_quantized_finetuning=true", "init_from=QUANTIZED"};
  const auto other_device = choose_device(std::nullopt).is_cuda() ? "cpu" : "cuda";
  return {
      {"output_dir", "", "FOLDER"},
      {"seed", "", "2"},
      {"data_seed", "", "2"},
      {"device", "auto", other_device, {}, std::string(other_device) == "cuda"},
      {"threads", "1", "2"},
      {"dtype", "float32", "bfloat16"},
      {"init_from", "", "TRAINED"},
      {"resume", "never", "must", {}, true},
      {"freeze", "", "'*norm*'"},
      {"model.architecture", "llama", "qwen2"},
      {"model.vocab_size", "", "99"},
      {"model.max_sequence_length", "16", "8"},
      {"model.n_layers", "1", "2"},
      {"model.n_heads", "2", "4"},
      {"model.n_kv_heads", "", "1"},
      {"model.head_dim", "", "4"},
      {"model.d_model", "16", "32"},
      {"model.d_ff", "", "40"},
      {"model.norm", "rmsnorm", "layernorm"},
      {"model.norm_eps", "", "0.1"},
      {"model.activation", "swiglu", "gelu"},
      {"model.position", "rope", "learned"},
      {"model.rope_theta", "", "100"},
      {"model.rope_scaling", "", "llama3"},
      {"model.rope_scaling_factor", "", "2", llama3},
      {"model.rope_low_freq_factor", "", "2", llama3},
      {"model.rope_high_freq_factor", "", "8", llama3},
      {"model.rope_original_max_position_embeddings", "16", "64", {"model.rope_scaling=llama3"}},
      {"model.qk_norm", "false", "true"},
      {"model.bias", "false", "true"},
      {"model.qkv_bias", "false", "true"},
      {"model.dropout", "", "0.5"},
      {"model.tie_embeddings", "false", "true"},
      {"model.initializer_range", "", "0.1"},
      {"data.train", "", "OTHER"},
      {"data.validation", "", "OTHER"},
      {"data.validation_fraction", "", "0.5"},
      {"data.tokenizer", "char", "FIXTURE"},
      {"data.vocab_size", "260", "270", {"data.tokenizer=bpe"}},
      {"data.isolate_documents", "false", "true", {"data.train=DOCUMENTS"}},
      {"max_steps", "3", "2"},
      {"max_tokens", "64", "128", {"max_steps=null"}},
      {"epochs", "1", "2", {"max_steps=null"}},
      {"micro_batch_size", "2", "4"},
      {"gradient_accumulation_steps", "1", "2"},
      {"tokens_per_step", "32", "64"},
      {"learning_rate", "", "1e-2"},
      {"lr_scheduler_type", "cosine", "linear"},
      {"warmup_steps", "0", "2"},
      {"min_lr_ratio", "", "0.5"},
      {"wsd_decay_steps", "4", "2", {"lr_scheduler_type=wsd", "max_steps=6"}},
      {"wsd_decay_type", "linear", "cosine", wsd},
      {"optimizer", "adamw", "muon"},
      {"muon_momentum", "", "0.5", {"optimizer=muon"}},
      {"muon_nesterov", "true", "false", {"optimizer=muon"}},
      {"muon_ns_steps", "", "1", {"optimizer=muon"}},
      {"optimizer_state_dtype", "float32", "int8"},
      {"weight_decay", "", "0.5"},
      {"adam_beta1", "", "0.5"},
      {"adam_beta2", "", "0.5"},
      {"adam_epsilon", "", "0.1"},
      {"max_grad_norm", "", "0.001"},
      {"max_skipped_steps", "0", "2", {"learning_rate=1e30", "max_grad_norm=0", "max_steps=10"}, true},
      {"gradient_checkpointing", "false", "true"},
      {"logging_steps", "1", "3"},
      {"eval_steps", "0", "1"},
      {"eval_batches", "", "1"},
      {"early_stopping_evals", "", "1", {"learning_rate=0", "eval_steps=1", "max_steps=6"}},
      {"save_steps", "0", "1"},
      {"save_total_limit", "", "1", {"save_steps=1"}},
      {"layer_norms_steps", "", "1"},
      {"sample_steps", "0", "1", {"sample_prompts=[It]"}},
      {"sample_prompts", "[It]", "[was]", {"sample_steps=3"}},
      {"report_to", "[jsonl]", "[jsonl, tensorboard]"},
      {"quantization_mode", "none", "ptq"},
      {"quantization_bits", "8", "4", ptq},
      {"quantization_type", "static", "dynamic", ptq},
      {"quantization_granularity", "", "per_tensor", ptq},
      {"quantization_group_size", "8", "4", {"quantization_mode=ptq", "quantization_granularity=per_group"}},
      {"quantization_method", "rtn", "gptq", ptq},
      {"quantization_smooth", "", "0.5", ptq},
      {"quantization_observer", "", "min_max", ptq},
      {"quantization_calibration_batches", "", "1", ptq},
      {"quantization_exclude", "", "lm_head", ptq},
      {"enable_quantized_finetuning", "false", "true", {"init_from=QUANTIZED"}, true},
      {"quantization_residual_bits", "0", "4", codes},
      {"quantization_scale_policy", "fixed", "refresh", codes},
      {"quantization_rounding", "stochastic", "nearest", codes},
      {"qat_start_step", "1", "2", {"quantization_mode=qat"}},
      {"qat_freeze_observer_step", "1", "3", {"quantization_mode=qat", "qat_start_step=0"}},
      {"qat_scale", "dynamic", "learned", {"quantization_mode=qat", "qat_start_step=0"}},
  };
}

/// What a run leaves behind that its config is not copied into, by path; `error` where it failed.
using Traces = std::map<std::string, std::string>;

/// Rows of metrics.jsonl without what the clock decides.
std::string without_clock(const std::string& lines) {
  std::istringstream in(lines);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    auto row = nlohmann::json::parse(line);
    for (const char* key : {"step_seconds", "tokens_per_second", "memory_mib", "seconds", "grown"}) row.erase(key);
    out += row.dump() + '\n';
  }
  return out;
}

Traces traces_of(const fs::path& folder) {
  const std::set<std::string> skipped = {"config.yaml", "config.resolved.yaml", "training_config.yaml",
                                         "log.txt",     "manifest.json",        "trainer_state.json",
                                         "data.json"};
  Traces traces;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto& path = entry.path();
    const auto name = path.lexically_relative(folder).string();
    if (entry.is_symlink()) {
      traces[name] = fs::read_symlink(path).string();
    } else if (entry.is_regular_file() && !skipped.contains(path.filename().string())) {
      traces[name] = path.filename() == "metrics.jsonl" ? without_clock(read_file(path)) : sha256_hex(read_file(path));
    }
  }
  return traces;
}

class KeyEffects : public testing::Test {
 protected:
  KeyEffects() {
    std::string text, other, documents;
    for (int i = 0; i < 12; ++i) {
      text += "It was the best of times, it was the worst of times, it was the age of wisdom.\n";
      other += "One was the season of light; one was the season of darkness.\n";
      documents += R"({"text": "it was the epoch of belief"})"
                   "\n";
    }
    write_file_atomically(inputs_ / "text.txt", text);
    write_file_atomically(inputs_ / "other.txt", other);
    write_file_atomically(inputs_ / "documents.jsonl", documents);
    SLM_CHECK(!run({"output_dir=" + (inputs_ / "trained").string(), "quantization_mode=ptq", "quantization_bits=4",
                    "quantization_type=weight_only"})
                   .contains("error"));
  }

  /// Trains in a fresh folder, once for the same overrides.
  const Traces& run(const std::vector<std::string>& overrides) {
    auto [found, is_new] = done_.try_emplace(overrides);
    if (!is_new) return found->second;
    const TemporaryFolder folder;
    const auto yaml =
        "model: {architecture: llama, max_sequence_length: 16, n_layers: 1, n_heads: 2, d_model: 16}\ndata: {train: '" +
        (inputs_ / "text.txt").string() + "'}\noutput_dir: '" + (folder / "run").string() +
        "'\nmax_steps: 3\nmicro_batch_size: 2\nwarmup_steps: 0\nthreads: 1\nlogging_steps: 1\neval_steps: 0\n"
        "save_steps: 0\nsave_total_limit: 0\n";
    auto placed = overrides;
    for (auto& text : placed) place(text, folder.path());
    const auto error = error_of([&] { train(parse_training_config(yaml, "config.yaml", placed), yaml); });
    found->second = traces_of(folder.path());
    if (error) found->second["error"] = error->what();
    return found->second;
  }

 private:
  void place(std::string& text, const fs::path& folder) const {
    const std::map<std::string, fs::path> places = {
        {"FIXTURE", fs::path(SLM_SOURCE_DIR) / "tests/data/fixtures/shakespeare_tokenizer.json"},
        {"OTHER", inputs_ / "other.txt"},
        {"DOCUMENTS", inputs_ / "documents.jsonl"},
        {"QUANTIZED", inputs_ / "trained" / "quantized"},
        {"TRAINED", inputs_ / "trained"},
        {"FOLDER", folder / "elsewhere"}};
    for (const auto& [name, place] : places) {
      if (const auto at = text.find(name); at != std::string::npos) text.replace(at, name.size(), place.string());
    }
  }

  TemporaryFolder inputs_;
  std::map<std::vector<std::string>, Traces> done_;
};

TEST_F(KeyEffects, EveryKeyHasARow) {
  std::multiset<std::string> in_table, keys;
  for (const auto& effect : key_effects()) in_table.insert(effect.key);
  for (const auto& key : config_keys()) keys.insert(key);
  EXPECT_EQ(in_table, keys) << "give each key of the config a row that shows what it changes";
}

TEST_F(KeyEffects, TheSameConfigLeavesTheSameBehind) {
  const auto once = run({"seed=1337"});
  EXPECT_FALSE(once.contains("error")) << once.at("error");
  EXPECT_EQ(once, run({}));
}

TEST_F(KeyEffects, EveryKeyChangesWhatARunLeavesBehind) {
  for (const auto& effect : key_effects()) {
    const auto with = [&](const std::string& value) {
      auto overrides = effect.context;
      if (!value.empty()) overrides.push_back(effect.key + "=" + value);
      return run(overrides);
    };
    const auto from = with(effect.from), to = with(effect.to);
    EXPECT_NE(from, to) << effect.key << ": " << effect.from << " and " << effect.to << " leave the same behind";
    for (const auto& traces : {from, to}) {
      const auto error = traces.find("error");
      EXPECT_TRUE(effect.refused || error == traces.end()) << effect.key << ": " << error->second;
    }
    EXPECT_TRUE(!effect.refused || from.contains("error") || to.contains("error")) << effect.key;
  }
}

}  // namespace
}  // namespace slm
