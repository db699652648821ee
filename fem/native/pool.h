// Threads for loops over ranges. One loop runs at a time; a second caller, or a loop inside a loop, runs alone.
//
// Work is cut into pieces by the caller, independently of the number of threads, and sums are kept per piece:
// the answer does not depend on how many threads there are or which piece each of them takes.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

namespace osteon {

inline int usable_processors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
#endif
  unsigned count = std::thread::hardware_concurrency();
  return count == 0 ? 1 : static_cast<int>(count);
}

class Pool {
 public:
  static Pool& instance() {
    // never destroyed: workers may outlive the static objects of the process
    static Pool* pool = new Pool(usable_processors());
    return *pool;
  }

  // body(piece) for every piece in [0, pieces).
  template <class Body>
  void run(int64_t pieces, const Body& body) {
    if (pieces <= 1 || workers_ == 0 || !busy_.try_lock()) {
      for (int64_t piece = 0; piece < pieces; ++piece) body(piece);
      return;
    }
    const std::function<void(int64_t)> task = [&body](int64_t piece) { body(piece); };
    task_ = &task;
    pieces_ = pieces;
    next_.store(0, std::memory_order_relaxed);
    working_.store(workers_, std::memory_order_relaxed);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    take();
    if (!spin_until([this] { return working_.load(std::memory_order_acquire) == 0; })) {
      std::unique_lock<std::mutex> lock(mutex_);
      done_.wait(lock, [this] { return working_.load(std::memory_order_acquire) == 0; });
    }
    busy_.unlock();
  }

 private:
  static constexpr int kSpins = 300;

  explicit Pool(int threads) : workers_(threads > 1 ? threads - 1 : 0) {
    for (int worker = 0; worker < workers_; ++worker) std::thread([this] { work(); }).detach();
  }

  void take() {
    for (int64_t piece; (piece = next_.fetch_add(1, std::memory_order_relaxed)) < pieces_;) (*task_)(piece);
  }

  // a short spin bridges the gap between two loops; longer waits sleep
  template <class Condition>
  static bool spin_until(const Condition& condition) {
    for (int spins = 0; spins < kSpins; ++spins) {
      if (condition()) return true;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
    return condition();
  }

  void work() {
    uint64_t seen = 0;
    const auto woken = [&] { return generation_.load(std::memory_order_acquire) != seen; };
    while (true) {
      if (!spin_until(woken)) {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, woken);
      }
      seen = generation_.load(std::memory_order_acquire);
      take();
      if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_one();
      }
    }
  }

  const int workers_;
  std::mutex busy_, mutex_;
  std::condition_variable wake_, done_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int64_t> next_{0};
  std::atomic<int> working_{0};
  int64_t pieces_ = 0;
  const std::function<void(int64_t)>* task_ = nullptr;
};

// body(begin, end) over [0, count) in pieces of about `grain`.
template <class Body>
void parallel_ranges(int64_t count, int64_t grain, const Body& body) {
  const int64_t pieces = count <= grain ? 1 : (count + grain - 1) / grain;
  Pool::instance().run(pieces,
                       [&](int64_t piece) { body(count * piece / pieces, count * (piece + 1) / pieces); });
}

// Sum of body(begin, end) over [0, count), in the order of the pieces.
template <class Body>
double parallel_sum(int64_t count, int64_t grain, const Body& body) {
  const int64_t pieces = count <= grain ? 1 : (count + grain - 1) / grain;
  std::vector<double> parts(pieces, 0.0);
  Pool::instance().run(pieces, [&](int64_t piece) {
    parts[piece] = body(count * piece / pieces, count * (piece + 1) / pieces);
  });
  double total = 0.0;
  for (double part : parts) total += part;
  return total;
}

}  // namespace osteon
