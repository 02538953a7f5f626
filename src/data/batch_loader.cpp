#include "data/batch_loader.h"

#include <utility>

#include "core/error.h"

namespace slm {

BatchLoader::BatchLoader(std::vector<std::shared_ptr<const TokenStream>> parts, const MixtureCursor& cursor,
                         const BatchSettings& settings)
    : parts_(std::move(parts)), cursor_(cursor), settings_(settings) {
  SLM_CHECK(!parts_.empty() && settings.rows >= 1 && settings.first_window >= 0 && settings.threads >= 1);
  for (int i = 0; i < settings.threads; ++i) {
    readers_.emplace_back([this](const std::stop_token& stop) { read_ahead(stop); });
  }
}

Batch BatchLoader::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_.contains(handed_out_); });
  const auto found = ready_.find(handed_out_);
  if (found->second.error) std::rethrow_exception(found->second.error);
  Batch batch = std::move(found->second.batch);
  ready_.erase(found);
  ++handed_out_;
  lock.unlock();
  changed_.notify_all();
  return batch;
}

void BatchLoader::read_ahead(const std::stop_token& stop) {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [this] { return begun_ < handed_out_ + settings_.threads; });
    if (stop.stop_requested()) return;
    const int64_t index = begun_++;
    lock.unlock();
    auto outcome = try_read(index);
    lock.lock();
    ready_.emplace(index, std::move(outcome));
    lock.unlock();
    changed_.notify_all();
  }
}

BatchLoader::Outcome BatchLoader::try_read(int64_t index) const {
  try {
    return {read(index), nullptr};
  } catch (...) {
    return {{}, std::current_exception()};
  }
}

Batch BatchLoader::read(int64_t index) const {
  Batch batch{.rows = 0, .length = cursor_.sequence_length(), .inputs = {}, .targets = {}};
  const int64_t first = settings_.first_window + index * settings_.rows;
  for (int64_t row = 0; row < settings_.rows; ++row) {
    const auto [part, start] = cursor_.window(first + row);
    append_window(*parts_[part], start, settings_.isolate_documents, batch);
  }
  return batch;
}

}  // namespace slm
