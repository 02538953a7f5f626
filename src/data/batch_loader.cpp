#include "data/batch_loader.h"

#include <utility>
#include <vector>

#include "core/error.h"

namespace slm {

BatchLoader::BatchLoader(std::shared_ptr<const TokenFile> tokens, const BatchCursor& cursor, int64_t rows,
                         int64_t first_window)
    : tokens_(std::move(tokens)), cursor_(cursor), rows_(rows), next_window_(first_window) {
  SLM_CHECK(tokens_ != nullptr && rows >= 1 && first_window >= 0);
  reader_ = std::jthread([this, first_window](const std::stop_token& stop) { read_ahead(stop, first_window); });
}

Batch BatchLoader::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_ || error_; });
  if (!ready_) std::rethrow_exception(error_);
  Batch batch = std::move(*ready_);
  ready_.reset();
  next_window_ += rows_;
  lock.unlock();
  changed_.notify_all();
  return batch;
}

void BatchLoader::read_ahead(const std::stop_token& stop, int64_t first_window) {
  try {
    for (int64_t window = first_window; !stop.stop_requested(); window += rows_) {
      Batch batch = read(window);
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !ready_; })) return;
      ready_ = std::move(batch);
      lock.unlock();
      changed_.notify_all();
    }
  } catch (...) {
    {
      const std::scoped_lock lock(mutex_);
      error_ = std::current_exception();
    }
    changed_.notify_all();
  }
}

Batch BatchLoader::read(int64_t first_window) const {
  std::vector<int64_t> starts;
  for (int64_t row = 0; row < rows_; ++row) starts.push_back(cursor_.global_window_start(first_window + row));
  return read_windows(*tokens_, starts, cursor_.sequence_length());
}

}  // namespace slm
