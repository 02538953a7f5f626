// The end of quantization-aware training: its layers become packed ones, which compute the same, and the result is
// shown beside the float parent and the best post-training quantization of it.
#pragma once

#include <functional>

#include "checkpoint/model_folder.h"
#include "training/quantize_checkpoint.h"

namespace slm {

/// `loaded` is the job's checkpoint, fake-quantized; its layers are replaced. Error (kUsage) where training has not
/// quantized anything yet, or where the job's config asks for another scheme; (kFailed) where the packed layers predict
/// otherwise than the fake-quantized ones, by more than kConversionTolerance.
QuantizationMetadata convert_checkpoint(const QuantizationJob& job, const LoadedModel& loaded,
                                        const std::function<void()>& check_stop);

inline constexpr double kConversionTolerance = 1e-4;  // nats a token

}  // namespace slm
