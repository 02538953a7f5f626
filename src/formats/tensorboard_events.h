// TensorBoard's event files: a run's numbers and texts for its charts.
//
// A file is a sequence of records (TFRecord: length, CRC of the length, data, CRC of the data), each one an `Event` of
// TensorFlow's event.proto in protobuf's wire format. The first says which version of the format follows. Files of one
// folder are read in the order of their names. Of events of a step that stands twice, those of the later file count,
// because each file begins with a session's start, at which readers drop what they have of its step and later ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/file.h"
#include "formats/metrics_row.h"

namespace slm {

/// When an event happened.
struct TensorBoardMoment {
  double wall_time;  // seconds since 1970
  int64_t step;
};

/// One record around `data`.
std::string tensorboard_record(std::string_view data);

/// Events, each without its record. A scalar is written as float32, the format's own type for it; charts of one prefix
/// of their tags ("train/") stand together.
std::string tensorboard_version_event(double wall_time);
std::string tensorboard_start_event(const TensorBoardMoment& moment);
std::string tensorboard_scalars_event(const TensorBoardMoment& moment, std::span<const Scalar> scalars);
std::string tensorboard_text_event(const TensorBoardMoment& moment, std::string_view tag, std::string_view text);

/// A new event file in a run's folder for them. Each event is handed to the system at once.
/// Errors (kFailed) as of FileWriter.
class TensorBoardWriter {
 public:
  /// Makes `folder` where it is missing. What its files say of `first_step` and later ones is no longer shown.
  TensorBoardWriter(const std::filesystem::path& folder, int64_t first_step);

  void write_scalars(int64_t step, std::span<const Scalar> scalars);
  /// The text is shown as it is: TensorBoard reads Markdown, in which an indented block stands for itself.
  void write_text(int64_t step, std::string_view tag, std::string_view text);

 private:
  void write(std::string_view event);

  FileWriter file_;
};

}  // namespace slm
