// Training batches in the cursor's order, read ahead by several threads while earlier ones are in use.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "data/batch.h"
#include "data/mixture_cursor.h"

namespace slm {

struct BatchSettings {
  int64_t rows = 1;
  int64_t first_window = 0;  // where a resumed run goes on (`next_window()` of the one that stopped)
  bool isolate_documents = false;
  int threads = 1;  // that read, and batches that are read ahead; the order does not depend on it
};

/// Batch k of a loader that begins at window w holds windows w + k rows .. w + (k + 1) rows - 1, across epochs.
class BatchLoader {
 public:
  /// `parts` are the cursor's.
  BatchLoader(std::vector<std::shared_ptr<const TokenStream>> parts, const MixtureCursor& cursor,
              const BatchSettings& settings);

  /// The next batch. Errors of the reading threads come out here in the place of their batch, and again at every later
  /// call.
  Batch next();

  /// Global index of the first window that `next()` has not handed out yet.
  int64_t next_window() const { return settings_.first_window + handed_out_ * settings_.rows; }

 private:
  struct Outcome {
    Batch batch;
    std::exception_ptr error;
  };

  void read_ahead(const std::stop_token& stop);
  Outcome try_read(int64_t index) const;
  Batch read(int64_t index) const;

  std::vector<std::shared_ptr<const TokenStream>> parts_;
  MixtureCursor cursor_;
  BatchSettings settings_;

  std::mutex mutex_;  // guards the three below
  int64_t handed_out_ = 0;
  int64_t begun_ = 0;                 // batches that a thread has taken on
  std::map<int64_t, Outcome> ready_;  // by number
  std::condition_variable_any changed_;
  std::vector<std::jthread> readers_;  // last: they end before what they use
};

}  // namespace slm
