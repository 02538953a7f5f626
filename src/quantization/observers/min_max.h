// The ends of everything that was observed.
#pragma once

#include <optional>

#include "quantization/observer.h"

namespace slm {

class MinMaxObserver : public Observer {
 public:
  ObserverKind kind() const override { return ObserverKind::kMinMax; }
  Range range() const final;
  nlohmann::json to_json() const final;

 protected:
  std::optional<Range> range_;  // nothing before the first batch

 private:
  void add(const at::Tensor& x, Range ends) override;
  bool restore(const nlohmann::json& state) final;
};

}  // namespace slm
