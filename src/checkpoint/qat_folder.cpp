#include "checkpoint/qat_folder.h"

#include <c10/core/GradMode.h>

#include "checkpoint/folder_files.h"
#include "checkpoint/tensor_io.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/log.h"
#include "quantization/fake_quantization.h"
#include "quantization/metadata_json.h"

namespace slm {
namespace {

// Whether the document's own `qat` is an object. Stops there: what the observers have seen may be long.
class QatFinder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool found = false, is_valid = true;

  bool null() override { return !at_qat_; }
  bool boolean(bool) override { return !at_qat_; }
  bool number_integer(number_integer_t) override { return !at_qat_; }
  bool number_unsigned(number_unsigned_t) override { return !at_qat_; }
  bool number_float(number_float_t, const string_t&) override { return !at_qat_; }
  bool string(string_t&) override { return !at_qat_; }
  bool binary(binary_t&) override { return !at_qat_; }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool end_object() override { return close(); }
  bool start_object(std::size_t) override {
    found = at_qat_;
    return open();
  }
  bool key(string_t& name) override {
    at_qat_ = depth_ == 1 && name == "qat";
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return is_valid = false;
  }

 private:
  bool open() {
    ++depth_;
    return !at_qat_;
  }
  bool close() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  bool at_qat_ = false;
};

QuantizationSettings settings_of(const QuantizationMetadata& metadata, Transformer& model) {
  QuantizationSettings settings{.scheme = metadata.scheme};
  std::set<std::string> linear;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>&) { linear.insert(name); });
  for (const auto& left : metadata.left_float) {
    if (linear.contains(left.name)) settings.exclude.push_back(left.name);
  }
  const auto& places = metadata.qat.at("places");
  if (!places.empty()) {
    settings.observer = observer_kind(places[0].at("observer").at("observer").get<std::string>(), "observer");
  }
  return settings;
}

}  // namespace

bool is_qat_folder(const std::filesystem::path& folder) {
  const auto path = folder / kQuantizationMetadataFile;
  if (!std::filesystem::exists(path)) return false;
  const auto text = read_file(path);
  QatFinder finder;
  nlohmann::json::sax_parse(text, &finder);
  if (!finder.is_valid) parse_json(text, path.string());  // says what is wrong with it
  return finder.found;
}

void write_qat_files(const std::filesystem::path& folder, const QuantizationMetadata& metadata,
                     const StateDict& learned_scales) {
  SLM_CHECK(metadata.qat.is_object());
  write_text(folder / kQuantizationMetadataFile, metadata_json(metadata));
  if (!learned_scales.empty()) save_tensors(folder / kQatScalesFile, learned_scales);
}

QuantizationMetadata read_qat_metadata(const std::filesystem::path& folder) {
  const auto path = folder / kQuantizationMetadataFile;
  auto metadata = parse_metadata(read_file(path), path.string());
  if (metadata.qat.is_null()) fail(ExitCode::kData, "{}: qat: expected an object", path.string());
  return metadata;
}

bool qat_has_begun(const QuantizationMetadata& metadata) {
  return metadata.qat.at("steps_done").get<int64_t>() > metadata.qat.at("start_step").get<int64_t>();
}

LoadedModel read_qat_folder(const std::filesystem::path& folder, const ArenaSettings& settings) {
  SLM_CHECK(!settings.gradients);
  if (settings.dtype != at::kFloat) {
    fail(ExitCode::kUsage,
         "{}: is being trained for quantization, and its weights are quantized from float32; leave "
         "--dtype out, or quantize it first (slm quantize)",
         folder.string());
  }
  const c10::NoGradGuard no_grad;
  const auto metadata = read_qat_metadata(folder);
  const auto origin = (folder / kQuantizationMetadataFile).string();
  LoadedModel loaded;
  loaded.model = std::make_shared<Transformer>(read_model_config(folder), settings.device);
  auto& model = *loaded.model;
  const auto plan = plan_quantization(model, settings_of(metadata, model));
  auto with_derived = settings;
  with_derived.derived = weights_of(plan, model.config().tie_embeddings);
  loaded.arena = std::make_shared<ParameterArena>(model, with_derived);
  const bool learned = metadata.qat.at("scale") == "learned";
  loaded.fake_quantization = std::make_shared<FakeQuantization>(
      model, *loaded.arena, plan,
      FakeQuantizationSettings{.quantization = settings_of(metadata, model), .learned_scales = learned});
  const auto& layers = *loaded.fake_quantization;
  load_parameters(folder, model.config(), *loaded.arena);
  layers.restore_places(metadata.qat.at("places"), origin + ": qat: places");
  const bool has_begun = qat_has_begun(metadata);
  loaded.fake_quantization->set(false, has_begun);
  if (!has_begun) {
    layers.show_masters();
    log_info("{}: quantization-aware training has not begun yet: the model is a float one", folder.string());
    return loaded;
  }
  if (learned) {
    StateDict scales;
    for (auto& [name, tensor] : layers.by_layer(layers.scales())) scales.push_back({name + ".weight_scale", tensor});
    load_state(folder / kQatScalesFile, scales);
  }
  layers.update();
  log_info("{}: {} linear layers fake-quantized: {}", folder.string(), layers.weights().size(),
           describe(metadata.scheme));
  return loaded;
}

}  // namespace slm
