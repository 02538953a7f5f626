#include "formats/tensorboard_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <chrono>

#include "core/crc32c.h"
#include "core/file.h"

namespace slm {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kFilePrefix = "events.out.tfevents.";

// Least significant byte first.
template <class T>
void append_fixed(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(value >> (8 * i));
}

// The CRC of a record, turned and shifted, because the CRC of bytes that hold their own CRC says little.
uint32_t masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return std::rotl(crc, 17) + 0xA282EAD8u;
}

// A message in protobuf's wire format (protobuf.dev/programming-guides/encoding): each field is its number and wire
// type, then its value. A field of the default value is left out, as every writer of proto3 does.
class Message {
 public:
  Message& number(int field, double value) {
    return value == 0 ? *this : key(field, 1).fixed(std::bit_cast<uint64_t>(value));
  }
  Message& integer(int field, int64_t value) {
    return value == 0 ? *this : key(field, 0).varint(static_cast<uint64_t>(value));
  }
  Message& bytes(int field, std::string_view value) {
    key(field, 2).varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return bytes(field, value.bytes_); }
  /// Of a `oneof`, in which the default value is written too.
  Message& chosen_float(int field, float value) { return key(field, 5).fixed(std::bit_cast<uint32_t>(value)); }

  const std::string& text() const { return bytes_; }

 private:
  Message& key(int field, int wire_type) { return varint(static_cast<uint64_t>(field << 3 | wire_type)); }

  Message& varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
    return *this;
  }

  template <class T>
  Message& fixed(T value) {
    append_fixed(bytes_, value);
    return *this;
  }

  std::string bytes_;
};

// Fields of tensorboard/compat/proto/event.proto, summary.proto and tensor.proto.
Message event(const TensorBoardMoment& moment) { return Message().number(1, moment.wall_time).integer(2, moment.step); }

// A value of the text plugin: a tensor of one string.
Message text_value(std::string_view tag, std::string_view text) {
  constexpr int64_t kString = 7;  // DT_STRING
  const auto plugin = Message().bytes(1, "text");
  const auto shape = Message().message(2, Message().integer(1, 1));
  const auto tensor = Message().integer(1, kString).message(2, shape).bytes(8, text);
  return Message().bytes(1, tag).message(8, tensor).message(9, Message().message(1, plugin));
}

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// The seconds that the name of an event file begins with, or 0 for another file.
int64_t seconds_of(const fs::path& file) {
  const std::string name = file.filename().string();
  if (!name.starts_with(kFilePrefix)) return 0;
  int64_t seconds = 0;
  std::from_chars(name.data() + kFilePrefix.size(), name.data() + name.size(), seconds);
  return seconds;
}

// Named after the clock, as everybody's event files are, and behind every other one of the folder.
fs::path next_file(const fs::path& folder) {
  make_folder(folder);
  auto seconds = static_cast<int64_t>(now());
  for (const auto& entry : fs::directory_iterator(folder)) seconds = std::max(seconds, seconds_of(entry.path()) + 1);
  return folder / fmt::format("{}{:010}.slm", kFilePrefix, seconds);
}

// Every line indented.
std::string markdown_block(std::string_view text) {
  std::string block = "    ";
  for (const char c : text) {
    block += c;
    if (c == '\n') block += "    ";
  }
  return block;
}

}  // namespace

std::string tensorboard_record(std::string_view data) {
  std::string record;
  append_fixed(record, static_cast<uint64_t>(data.size()));
  append_fixed(record, masked_crc(record));
  record += data;
  append_fixed(record, masked_crc(data));
  return record;
}

std::string tensorboard_version_event(double wall_time) {
  return Message().number(1, wall_time).bytes(3, "brain.Event:2").text();
}

std::string tensorboard_start_event(const TensorBoardMoment& moment) {
  constexpr int64_t kStart = 1;  // SessionLog.START
  return event(moment).message(7, Message().integer(1, kStart)).text();
}

std::string tensorboard_scalars_event(const TensorBoardMoment& moment, std::span<const Scalar> scalars) {
  Message summary;
  for (const auto& [tag, value] : scalars) {
    summary.message(1, Message().bytes(1, tag).chosen_float(2, static_cast<float>(value)));
  }
  return event(moment).message(5, summary).text();
}

std::string tensorboard_text_event(const TensorBoardMoment& moment, std::string_view tag, std::string_view text) {
  return event(moment).message(5, Message().message(1, text_value(tag, text))).text();
}

TensorBoardWriter::TensorBoardWriter(const fs::path& folder, int64_t first_step) : file_(next_file(folder)) {
  const double started = now();
  write(tensorboard_version_event(started));
  write(tensorboard_start_event({started, first_step}));
}

void TensorBoardWriter::write_scalars(int64_t step, std::span<const Scalar> scalars) {
  write(tensorboard_scalars_event({now(), step}, scalars));
}

void TensorBoardWriter::write_text(int64_t step, std::string_view tag, std::string_view text) {
  write(tensorboard_text_event({now(), step}, tag, markdown_block(text)));
}

void TensorBoardWriter::write(std::string_view event) { file_.write(tensorboard_record(event)); }

}  // namespace slm
