// What range the activations at one place have, learned batch by batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace slm {

enum class ObserverKind { kMovingAverage, kMinMax, kPercentile, kMse };

std::string_view name_of(ObserverKind kind);
/// Error (kUsage) beginning with `origin` for a name that there is not.
ObserverKind observer_kind(std::string_view name, std::string_view origin);

struct Range {
  float low = 0, high = 0;

  bool operator==(const Range&) const = default;
};

/// The smallest range that holds both.
Range hull(Range a, Range b);

class Observer {
 public:
  virtual ~Observer() = default;

  virtual ObserverKind kind() const = 0;
  /// x of any shape, float32 or bfloat16; without elements it changes nothing. Error (kData) beginning with `place`
  /// where it holds a NaN, or what is so large that the width of a range might be infinite.
  void observe(const at::Tensor& x, std::string_view place);
  /// Of all batches so far, at least one; affine_scale turns it into a scale and a zero point.
  virtual Range range() const = 0;
  /// Everything that observer_from_json needs to go on as if nothing had happened.
  virtual nlohmann::json to_json() const = 0;

 private:
  friend std::unique_ptr<Observer> observer_from_json(const nlohmann::json& state, const std::string& origin);

  /// x holds at least one element, and `ends` are its smallest and its largest.
  virtual void add(const at::Tensor& x, Range ends) = 0;
  /// The inverse of to_json, on an observer that has seen nothing. Throws nlohmann's exceptions where a field is
  /// missing or of a wrong type; false where fields contradict each other.
  virtual bool restore(const nlohmann::json& state) = 0;
};

/// More values than anybody calibrates a layer's input on.
inline constexpr int64_t kMostObserved = 10'000'000'000;

/// At most `most_values` elements are going to be observed: the fewer, the fewer a percentile has to keep.
std::unique_ptr<Observer> make_observer(ObserverKind kind, int64_t most_values = kMostObserved);

/// An observer that goes on, bit for bit, where the one that wrote `state` stood. Error (kData) beginning with `origin`
/// for what none wrote.
std::unique_ptr<Observer> observer_from_json(const nlohmann::json& state, const std::string& origin);

}  // namespace slm
