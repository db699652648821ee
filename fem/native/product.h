// Stiffness products of a level, fused with what is done to every node once its sum is complete.
//
// Elements come in the order of space, and so do nodes. A sweep over a chunk of elements therefore completes
// nodes behind it while they are still in cache: `finish(begin, end, chunk)` gets each run of complete nodes
// once, and may overwrite the input there, since no later element reads it. Chunks run in two rounds, even
// ones, then odd ones, which share no node within a round; the order of every sum is fixed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "elements.h"
#include "pool.h"

namespace osteon {

template <class T>
struct Aligned {
  explicit Aligned(int64_t count = 0) { resize(count); }
  void resize(int64_t count) {
    // large arrays on large pages: a solve is short enough for the faults of small ones to show
    const size_t bytes = count * sizeof(T), page = bytes < (4u << 20) ? 64 : (2u << 20);
    data.reset(count == 0 ? nullptr : static_cast<T*>(std::aligned_alloc(page, (bytes + page - 1) / page * page)));
    if (count > 0 && !data) throw std::bad_alloc();
#if defined(__linux__)
    if (page > 64) madvise(static_cast<void*>(data.get()), bytes, MADV_HUGEPAGE);
#endif
    size = count;
  }
  T* get() const { return data.get(); }
  struct Free {
    void operator()(T* pointer) const { std::free(pointer); }
  };
  std::unique_ptr<T, Free> data;
  int64_t size = 0;
};

constexpr int64_t kBlock = 64;  // elements visited together

// What the host found out about the connectivity of a set of elements, see fem/_visits.py.
struct Visits {
  const uint8_t* run = nullptr;    // (elements,)
  const int32_t* reach = nullptr;  // (blocks, 2): smallest and largest node of each block of elements
};

// Which elements may be visited at the same time, and which nodes each chunk completes.
struct Chunks {
  static constexpr int64_t kMost = 32;

  struct Chunk {
    int64_t begin, end;            // elements
    int64_t clear_from, clear_to;  // nodes that this chunk sets to zero before it adds to them
    int64_t done_from, done_to;    // nodes that are complete after this chunk
  };
  std::vector<Chunk> chunks;
  std::vector<int32_t> low, high;  // per block: smallest node from here to the end of the chunk; largest so far

  void build(const Visits& visits, int64_t elements, int64_t rows) {
    const int64_t blocks = (elements + kBlock - 1) / kBlock;
    low.resize(blocks);
    high.resize(blocks);
    for (int64_t block = 0; block < blocks; ++block) {
      low[block] = visits.reach[2 * block];
      high[block] = visits.reach[2 * block + 1];
    }
    // as many chunks as keep every second one apart; at most 32, of at least 32 blocks
    int64_t count = std::min(kMost, std::max<int64_t>(1, blocks / 32));
    for (; count > 1; --count) {
      if (apart(count, blocks)) break;
    }
    chunks.assign(count, Chunk{});
    if (blocks == 0) {
      chunks[0] = {0, 0, 0, rows, 0, rows};
      return;
    }
    std::vector<int64_t> first(count), last(count);
    for (int64_t c = 0; c < count; ++c) {
      const int64_t b0 = blocks * c / count, b1 = blocks * (c + 1) / count;
      first[c] = *std::min_element(low.begin() + b0, low.begin() + b1);
      last[c] = *std::max_element(high.begin() + b0, high.begin() + b1) + 1;
      chunks[c].begin = b0 * kBlock;
      chunks[c].end = std::min(elements, b1 * kBlock);
      for (int64_t b = b1 - 2; b >= b0; --b) low[b] = std::min(low[b], low[b + 1]);
      for (int64_t b = b0 + 1; b < b1; ++b) high[b] = std::max(high[b], high[b - 1]);
    }
    for (int64_t c = 0; c < count; ++c) {
      const int64_t before = c == 0 ? 0 : last[c - 1], after = c + 1 == count ? rows : first[c + 1];
      const int64_t from = c == 0 ? 0 : first[c], to = c + 1 == count ? rows : last[c];
      Chunk& chunk = chunks[c];
      const bool even = c % 2 == 0;
      // an even chunk runs first: it clears all it touches and completes what no odd chunk touches
      chunk.clear_from = even ? from : before;
      chunk.clear_to = even ? to : after;
      chunk.done_from = even ? before : from;
      chunk.done_to = even ? after : to;
    }
  }

 private:
  // Whether every second chunk touches other nodes, and nodes advance from chunk to chunk without a gap.
  bool apart(int64_t count, int64_t blocks) const {
    int64_t start = -1, stop = -1, stop_before = -1;
    for (int64_t c = 0; c < count; ++c) {
      const int64_t b0 = blocks * c / count, b1 = blocks * (c + 1) / count;
      const int64_t from = *std::min_element(low.begin() + b0, low.begin() + b1);
      const int64_t to = *std::max_element(high.begin() + b0, high.begin() + b1);
      // whole registers are added at the end of a run: zeros beyond it, which must not meet another chunk's work
      if ((c > 1 && from <= stop_before + kSpare) || from < start || to < stop || (c > 0 && from > stop + 1)) return false;
      start = from;
      stop_before = stop;
      stop = to;
    }
    return true;
  }
};

// finish(begin, end, chunk) for all nodes, each once, where `sums` holds the product with `vector`.
template <class T, class Elements, class Finish>
void product(const Chunks& plan, const int32_t* nodes, int64_t rows, const Elements& elements, const T* vector,
             T* sums, const Finish& finish) {
  const auto clear = [=](int64_t begin, int64_t end) {
    for (int a = 0; a < kAxes; ++a) {
      std::memset(static_cast<void*>(sums + a * rows + begin), 0, sizeof(T) * (end - begin));
    }
  };
  const int64_t count = static_cast<int64_t>(plan.chunks.size());
  for (int64_t round = 0; round < 2; ++round) {
    const int64_t pieces = (count + 1 - round) / 2;
    if (pieces == 0) break;
    Pool::instance().run(pieces, [&](int64_t piece) {
      const int64_t number = 2 * piece + round;
      const Chunks::Chunk& chunk = plan.chunks[number];
      int64_t cleared = chunk.clear_from, done = chunk.done_from;
      for (int64_t e = chunk.begin; e < chunk.end; e += kBlock) {
        const int64_t end = std::min(e + kBlock, chunk.end), block = e / kBlock;
        const int64_t reach = std::min<int64_t>(chunk.clear_to, plan.high[block] + 1);
        if (reach > cleared) clear(cleared, reach), cleared = reach;
        elements.add(nodes, e, end, vector, sums);
        if (end < chunk.end) {
          const int64_t ready = std::min<int64_t>(chunk.done_to, plan.low[block + 1]);
          if (ready > done) finish(done, ready, number), done = ready;
        }
      }
      if (chunk.clear_to > cleared) clear(cleared, chunk.clear_to);
      if (chunk.done_to > done) finish(done, chunk.done_to, number);
    });
  }
}

}  // namespace osteon
