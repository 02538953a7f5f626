// What range the activations at one place have, learned batch by batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string_view>

namespace slm {

enum class ObserverKind { kMovingAverage, kMinMax, kPercentile, kMse };

std::string_view name_of(ObserverKind kind);
/// Error (kUsage) beginning with `origin` for a name that there is not.
ObserverKind observer_kind(std::string_view name, std::string_view origin);

struct Range {
  float low = 0, high = 0;
};

class Observer {
 public:
  virtual ~Observer() = default;

  /// x of any shape, float32 or bfloat16.
  virtual void observe(const at::Tensor& x) = 0;
  /// Of all batches so far, at least one; affine_scale turns it into a scale and a zero point.
  virtual Range range() const = 0;
};

std::unique_ptr<Observer> make_observer(ObserverKind kind);

}  // namespace slm
