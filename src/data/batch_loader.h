// Training batches in the cursor's order, each one read while the one before it is in use.
#pragma once

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "data/batch.h"
#include "data/batch_cursor.h"

namespace slm {

/// Batch k of a loader that begins at window w holds windows w + k rows .. w + (k + 1) rows - 1, across epochs.
class BatchLoader {
 public:
  /// `first_window` is where a resumed run goes on (`next_window()` of the one that stopped).
  BatchLoader(std::shared_ptr<const TokenFile> tokens, const BatchCursor& cursor, int64_t rows,
              int64_t first_window = 0);

  /// The next batch. Errors of the reading thread come out here, and again at every later call.
  Batch next();

  /// Global index of the first window that `next()` has not handed out yet.
  int64_t next_window() const { return next_window_; }

 private:
  void read_ahead(const std::stop_token& stop, int64_t first_window);
  Batch read(int64_t first_window) const;

  std::shared_ptr<const TokenFile> tokens_;
  BatchCursor cursor_;
  int64_t rows_;
  int64_t next_window_;

  std::mutex mutex_;  // guards the two below
  std::optional<Batch> ready_;
  std::exception_ptr error_;
  std::condition_variable_any changed_;
  std::jthread reader_;  // last: it ends before what it uses
};

}  // namespace slm
