// Work by several threads whose results are taken in the order of the items.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace slm {

/// Threads that run tasks in the order in which they came; those that no thread has begun are dropped at the end.
template <class Result>
class TaskThreads {
 public:
  explicit TaskThreads(int threads) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
    }
  }

  std::future<Result> add(std::packaged_task<Result()> task) {
    auto result = task.get_future();
    {
      const std::scoped_lock lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
    return result;
  }

 private:
  void run(const std::stop_token& stop) {
    for (std::unique_lock lock(mutex_); changed_.wait(lock, stop, [this] { return !tasks_.empty(); });) {
      if (stop.stop_requested()) return;
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::deque<std::packaged_task<Result()>> tasks_;
  std::condition_variable_any changed_;
  std::vector<std::jthread> threads_;  // last: they end before what they use
};

/// take(work(item)) for every item of next(), which gives a std::optional, in the items' order. `work` runs in
/// `threads` threads, `next` and `take` in this one; at most twice as many items as threads exist at a time. Of all
/// that throws, the first in the items' order comes out, whatever the number of threads, after everything before it was
/// taken.
template <class Next, class Work, class Take>
void work_in_order(int threads, Next&& next, Work&& work, Take&& take) {
  using Item = typename std::invoke_result_t<Next&>::value_type;
  using Result = std::invoke_result_t<Work&, Item>;
  TaskThreads<Result> workers(threads);
  std::deque<std::future<Result>> pending;
  std::exception_ptr error;  // of `next`
  for (bool more = true; more || !pending.empty();) {
    while (more && pending.size() < 2 * static_cast<size_t>(threads)) {
      std::optional<Item> item;
      try {
        item = next();
      } catch (...) {
        error = std::current_exception();
      }
      more = item.has_value();
      if (!more) break;
      pending.push_back(workers.add(std::packaged_task<Result()>(
          [&work, taken = std::move(*item)]() mutable { return work(std::move(taken)); })));
    }
    if (pending.empty()) break;
    take(pending.front().get());
    pending.pop_front();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace slm
