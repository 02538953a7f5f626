// The average of the batches' ends, the latest weighing most: the first batch sets the range, each further one moves it
// by 1 % of the way to its own ends. What torch.ao's MovingAverageMinMaxObserver computes.
#pragma once

#include "quantization/observers/min_max.h"

namespace slm {

class MovingAverageObserver final : public MinMaxObserver {
 public:
  ObserverKind kind() const override { return ObserverKind::kMovingAverage; }

 private:
  void add(const at::Tensor& x, Range ends) override;
};

}  // namespace slm
