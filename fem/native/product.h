// Stiffness products of a level, fused with what is done to every node once its sum is complete.
//
// Elements come in the order of space, and so do nodes. A sweep over a chunk of elements therefore completes
// nodes behind it while they are still in cache: `finish(begin, end, chunk)` gets each run of complete nodes
// once, and may overwrite the input there, since no later element reads it. Chunks run in two rounds, even
// ones, then odd ones, which share no node within a round; the order of every sum is fixed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "pool.h"

namespace osteon {

constexpr int kWidth = 4;  // components of a node in memory: x, y, z and a zero
constexpr int kBatch = 4;  // elements whose products are formed together

template <class T>
struct Vectors {
  typedef T Wide __attribute__((vector_size(64), aligned(64), may_alias));
  typedef T Node __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));
  static constexpr int kLanes = 64 / sizeof(T);
  static constexpr int kColumn = 32 / kLanes;  // wide vectors in a padded column of the element matrix
};

template <class T>
struct Aligned {
  explicit Aligned(int64_t count = 0) { resize(count); }
  void resize(int64_t count) {
    data.reset(count == 0 ? nullptr : static_cast<T*>(std::aligned_alloc(64, (count * sizeof(T) + 63) / 64 * 64)));
    size = count;
  }
  void zero() { std::memset(static_cast<void*>(data.get()), 0, size * sizeof(T)); }
  T* get() const { return data.get(); }
  struct Free {
    void operator()(T* pointer) const { std::free(pointer); }
  };
  std::unique_ptr<T, Free> data;
  int64_t size = 0;
};

// Which elements may be visited at the same time, and which nodes each chunk completes.
struct Chunks {
  static constexpr int64_t kMost = 32;

  struct Chunk {
    int64_t begin, end;           // elements
    int64_t clear_from, clear_to;  // nodes that this chunk sets to zero before it adds to them
    int64_t done_from, done_to;    // nodes that are complete after this chunk
  };
  std::vector<Chunk> chunks;
  std::vector<int32_t> low, high;  // per block: smallest node from here to the end of the chunk; largest so far

  static constexpr int64_t kBlock = 64;

  void build(const int32_t* nodes, int64_t elements, int64_t rows) {
    const int64_t blocks = (elements + kBlock - 1) / kBlock;
    low.assign(blocks, 0);
    high.assign(blocks, 0);
    for (int64_t block = 0; block < blocks; ++block) {
      int32_t least = INT32_MAX, most = -1;
      const int64_t end = std::min(elements, (block + 1) * kBlock);
      for (int64_t i = block * kBlock * 8; i < end * 8; ++i) {
        least = std::min(least, nodes[i]);
        most = std::max(most, nodes[i]);
      }
      low[block] = least;
      high[block] = most;
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
      if (from <= stop_before || from < start || to < stop || (c > 0 && from > stop + 1)) return false;
      start = from;
      stop_before = stop;
      stop = to;
    }
    return true;
  }
};

// Element matrix of modulus 1 and edge 1, by columns of 32 (8 nodes of 4), for scaled elements.
template <class T>
struct Unit {
  alignas(64) T column[24][32];

  explicit Unit(const T* padded) {
    for (int j = 0; j < 24; ++j) {
      for (int i = 0; i < 32; ++i) column[j][i] = padded[(j / 3 * 4 + j % 3) * 32 + i];
    }
  }
};

template <class T>
struct Scaled {
  const T* coefficient;
  const Unit<T>* unit;

  // sums += products of the elements [begin, end)
  void add(const int32_t* nodes, int64_t begin, int64_t end, const T* vector, T* sums) const {
    using V = Vectors<T>;
    using Wide = typename V::Wide;
    using Node = typename V::Node;
    alignas(64) T local[kBatch][32];
    int64_t e = begin;
    for (; e < end; e += kBatch) {
      const int batch = static_cast<int>(std::min<int64_t>(kBatch, end - e));
      for (int b = 0; b < kBatch; ++b) {
        const int32_t* corner = nodes + 8 * (e + (b < batch ? b : 0));
        for (int k = 0; k < 8; ++k) {
          *reinterpret_cast<Node*>(&local[b][4 * k]) =
              *reinterpret_cast<const Node*>(vector + int64_t{kWidth} * corner[k]);
        }
      }
      Wide total[kBatch][V::kColumn] = {};
#pragma GCC unroll 24
      for (int j = 0; j < 24; ++j) {
        const int place = j / 3 * 4 + j % 3;
        for (int v = 0; v < V::kColumn; ++v) {
          const Wide column = *reinterpret_cast<const Wide*>(&unit->column[j][v * V::kLanes]);
          for (int b = 0; b < kBatch; ++b) total[b][v] += column * local[b][place];
        }
      }
      for (int b = 0; b < batch; ++b) {
        const T scale = coefficient[e + b];
        for (int v = 0; v < V::kColumn; ++v) {
          *reinterpret_cast<Wide*>(&local[b][v * V::kLanes]) = total[b][v] * scale;
        }
        const int32_t* corner = nodes + 8 * (e + b);
        for (int k = 0; k < 8; ++k) {
          Node* target = reinterpret_cast<Node*>(sums + int64_t{kWidth} * corner[k]);
          *target += *reinterpret_cast<const Node*>(&local[b][4 * k]);
        }
      }
    }
  }
};

// One symmetric 24 x 24 matrix per element.
struct Full {
  const float* matrices;

  void add(const int32_t* nodes, int64_t begin, int64_t end, const float* vector, float* sums) const {
    typedef float Third __attribute__((vector_size(32), aligned(4), may_alias));
    alignas(64) float local[24], force[24];
    for (int64_t e = begin; e < end; ++e) {
      const int32_t* corner = nodes + 8 * e;
      const float* matrix = matrices + 576 * e;
      for (int k = 0; k < 8; ++k) {
        for (int a = 0; a < 3; ++a) local[3 * k + a] = vector[int64_t{kWidth} * corner[k] + a];
      }
      Third total[3] = {}, other[3] = {};
#pragma GCC unroll 12
      for (int j = 0; j < 24; j += 2) {
        for (int v = 0; v < 3; ++v) {
          total[v] += *reinterpret_cast<const Third*>(matrix + 24 * j + 8 * v) * local[j];
          other[v] += *reinterpret_cast<const Third*>(matrix + 24 * (j + 1) + 8 * v) * local[j + 1];
        }
      }
      for (int v = 0; v < 3; ++v) *reinterpret_cast<Third*>(force + 8 * v) = total[v] + other[v];
      for (int k = 0; k < 8; ++k) {
        for (int a = 0; a < 3; ++a) sums[int64_t{kWidth} * corner[k] + a] += force[3 * k + a];
      }
    }
  }
};

// finish(begin, end, chunk) for all nodes, each once, where `sums` holds the product with `vector`.
template <class T, class Elements, class Finish>
void product(const Chunks& plan, const int32_t* nodes, const Elements& elements, const T* vector, T* sums,
             const Finish& finish) {
  const int64_t count = static_cast<int64_t>(plan.chunks.size());
  for (int64_t round = 0; round < 2; ++round) {
    const int64_t pieces = (count + 1 - round) / 2;
    if (pieces == 0) break;
    Pool::instance().run(pieces, [&](int64_t piece) {
      const int64_t number = 2 * piece + round;
      const Chunks::Chunk& chunk = plan.chunks[number];
      int64_t cleared = chunk.clear_from, done = chunk.done_from;
      for (int64_t e = chunk.begin; e < chunk.end; e += Chunks::kBlock) {
        const int64_t end = std::min(e + Chunks::kBlock, chunk.end), block = e / Chunks::kBlock;
        const int64_t reach = std::min<int64_t>(chunk.clear_to, plan.high[block] + 1);
        if (reach > cleared) {
          std::memset(static_cast<void*>(sums + kWidth * cleared), 0, sizeof(T) * kWidth * (reach - cleared));
          cleared = reach;
        }
        elements.add(nodes, e, end, vector, sums);
        if (end < chunk.end) {
          const int64_t ready = std::min<int64_t>(chunk.done_to, plan.low[block + 1]);
          if (ready > done) finish(done, ready, number), done = ready;
        }
      }
      if (chunk.clear_to > cleared) {
        std::memset(static_cast<void*>(sums + kWidth * cleared), 0, sizeof(T) * kWidth * (chunk.clear_to - cleared));
      }
      if (chunk.done_to > done) finish(done, chunk.done_to, number);
    });
  }
}

}  // namespace osteon
