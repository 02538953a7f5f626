#include "quantization/observers/moving_average.h"

namespace slm {
namespace {

constexpr float kMomentum = 0.01f;

}  // namespace

void MovingAverageObserver::add(const at::Tensor&, Range ends) {
  if (!range_) range_ = ends;
  range_->low += kMomentum * (ends.low - range_->low);
  range_->high += kMomentum * (ends.high - range_->high);
}

}  // namespace slm
