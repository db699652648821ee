// Stiffness products of a level, fused with what is done to every node once its sum is complete.
//
// Elements come in the order of space, and so do nodes. A sweep over a chunk of elements therefore completes
// nodes behind it while they are still in cache: `finish(begin, end, chunk)` gets each run of complete nodes
// once, and may overwrite the input there, since no later element reads it. Chunks run in two rounds, even
// ones, then odd ones, which share no node within a round; the order of every sum is fixed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

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
    // large arrays on large pages: a solve is short enough for the faults of small ones to show
    const size_t bytes = count * sizeof(T), page = bytes < (4u << 20) ? 64 : (2u << 20);
    data.reset(count == 0 ? nullptr : static_cast<T*>(std::aligned_alloc(page, (bytes + page - 1) / page * page)));
#if defined(__linux__)
    if (page > 64 && data) madvise(static_cast<void*>(data.get()), bytes, MADV_HUGEPAGE);
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
  std::vector<uint8_t> run;  // per element: elements from here to the end of its block whose nodes each follow the last's

  static constexpr int64_t kBlock = 64;

  void build(const int32_t* nodes, int64_t elements, int64_t rows) {
    const int64_t blocks = (elements + kBlock - 1) / kBlock;
    run.assign(elements, 1);
    low.assign(blocks, 0);
    high.assign(blocks, 0);
    parallel_ranges(blocks, 64, [&](int64_t from, int64_t to) {
      for (int64_t block = from; block < to; ++block) {
        int32_t least = INT32_MAX, most = -1;
        const int64_t begin = block * kBlock, end = std::min(elements, begin + kBlock);
        for (int64_t i = 8 * begin; i < 8 * end; ++i) {
          least = std::min(least, nodes[i]);
          most = std::max(most, nodes[i]);
        }
        low[block] = least;
        high[block] = most;
        // runs end with their block: that is how they are visited
        for (int64_t e = end - 2; e >= begin; --e) {
          const int32_t *here = nodes + 8 * e, *next = here + 8;
          int32_t differs = 0;
          for (int k = 0; k < 8; ++k) differs |= next[k] ^ (here[k] + 1);
          // corners along z are neighbors in memory as well
          for (int k = 0; k < 8; k += 2) differs |= here[k + 1] ^ (here[k] + 1);
          if (differs == 0) run[e] = static_cast<uint8_t>(run[e + 1] + 1);
        }
      }
    });
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

// Element matrix of modulus 1 and edge 1, for scaled elements: by columns of 32 (8 nodes of 4), and by symmetry.
//
// A cube of material with the symmetry planes of the grid keeps apart displacements of different parity under
// its three mirrors. With s_k(a) = -1 where corner k lies at the far end of axis a, the eight sums
//   v_c(a) = sum_k (-1)^(c . k) s_k(a) u_k(a),  c in {0, 1}^3
// do not mix between different c, and K = T^t W T with a 3 x 3 matrix per c: 9 * 8 products instead of 576.
template <class T>
struct Unit {
  using Wide = typename Vectors<T>::Wide;
  static constexpr int kNodes = Vectors<T>::kLanes / kWidth;  // nodes in a wide vector

  alignas(64) T column[24][32];
  Wide part[8][3];  // rows of W on the component itself, the next and the one after
  Wide sign[3];     // -1 on the lanes of an axis
  bool symmetric;

  explicit Unit(const T* padded) {
    const auto entry = [&](int k, int a, int l, int b) { return padded[(4 * k + a) * 32 + 4 * l + b]; };
    for (int j = 0; j < 24; ++j) {
      for (int i = 0; i < 32; ++i) column[j][i] = entry(i / 4, i % 4, j / 3, j % 3);
    }
    const auto weight = [](int c, int k, int a) {
      const int bits = (c & k) ^ (k & (4 >> a));
      return __builtin_popcount(bits) % 2 == 0 ? 1.0 : -1.0;
    };
    // W between (c, a) and (d, b)
    const auto transformed = [&](int c, int a, int d, int b) {
      double total = 0;
      for (int k = 0; k < 8; ++k) {
        for (int l = 0; l < 8; ++l) total += weight(c, k, a) * entry(k, a, l, b) * weight(d, l, b);
      }
      return total / 64;
    };
    double within = 0, across = 0;
    for (int c = 0; c < 8; ++c) {
      for (int d = 0; d < 8; ++d) {
        for (int a = 0; a < 3; ++a) {
          for (int b = 0; b < 3; ++b) {
            const double value = std::abs(transformed(c, a, d, b));
            (c == d ? within : across) = std::max(c == d ? within : across, value);
          }
        }
      }
      for (int turn = 0; turn < 3; ++turn) {
        for (int lane = 0; lane < Vectors<T>::kLanes; ++lane) {
          const int a = lane % 4;
          part[c][turn][lane] = a == 3 ? T(0) : T(transformed(c, a, c, (a + turn) % 3));
        }
      }
    }
    symmetric = across < 1e-6 * within;
    for (int a = 0; a < 3; ++a) {
      for (int lane = 0; lane < Vectors<T>::kLanes; ++lane) sign[a][lane] = lane % 4 == a ? T(-1) : T(1);
    }
  }
};

template <class T>
struct Lanes;

template <>
struct Lanes<float> {
  typedef int32_t Order __attribute__((vector_size(64)));
  static constexpr Order next = {1, 2, 0, 3, 5, 6, 4, 7, 9, 10, 8, 11, 13, 14, 12, 15};
  static constexpr Order after = {2, 0, 1, 3, 6, 4, 5, 7, 10, 8, 9, 11, 14, 12, 13, 15};
  // the last node of one vector, then all but the last of another
  static constexpr Order shift = {12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27};
  static Vectors<float>::Wide repeat(const float* value) {
    return Vectors<float>::Wide{value[0], value[0], value[0], value[0], value[1], value[1], value[1], value[1],
                                value[2], value[2], value[2], value[2], value[3], value[3], value[3], value[3]};
  }
};

template <>
struct Lanes<double> {
  typedef int64_t Order __attribute__((vector_size(64)));
  static constexpr Order next = {1, 2, 0, 3, 5, 6, 4, 7};
  static constexpr Order after = {2, 0, 1, 3, 6, 4, 5, 7};
  static constexpr Order shift = {4, 5, 6, 7, 8, 9, 10, 11};
  static Vectors<double>::Wide repeat(const double* value) {
    return Vectors<double>::Wide{value[0], value[0], value[0], value[0], value[1], value[1], value[1], value[1]};
  }
};

template <class T>
struct Scaled {
  const T* coefficient;
  const Unit<T>* unit;
  const uint8_t* run;  // of `Chunks`

  // sums += products of the elements [begin, end)
  void add(const int32_t* nodes, int64_t begin, int64_t end, const T* vector, T* sums) const {
    constexpr int64_t kLeast = Unit<T>::kNodes;
    for (int64_t e = begin; e < end;) {
      const int64_t length = unit->symmetric ? std::min<int64_t>(run[e], end - e) / kLeast * kLeast : 0;
      if (length > 0) {
        add_run(nodes + 8 * e, coefficient + e, length, vector, sums);
        e += length;
        continue;
      }
      int64_t stop = e + 1;
      while (stop < end && (!unit->symmetric || std::min<int64_t>(run[stop], end - stop) < kLeast)) ++stop;
      add_scattered(nodes, e, stop, vector, sums);
      e = stop;
    }
  }

 private:
  using V = Vectors<T>;
  using Wide = typename V::Wide;
  using Node = typename V::Node;
  typedef T Loose __attribute__((vector_size(64), aligned(sizeof(T)), may_alias));

  // Elements in a row along z: as many at a time as nodes in a wide vector, by symmetry.
  void add_run(const int32_t* corner, const T* scale, int64_t length, const T* vector, T* sums) const {
    const Wide sx = unit->sign[0], sy = unit->sign[1], sz = unit->sign[2];
    const T* from[4];
    T* to[4];
    for (int c = 0; c < 4; ++c) {
      from[c] = vector + int64_t{kWidth} * corner[2 * c];
      to[c] = sums + int64_t{kWidth} * corner[2 * c];
    }
    Wide before[4] = {};  // what the upper corners of the elements behind gave
    for (int64_t e = 0; e < length; e += Unit<T>::kNodes) {
      const int64_t place = kWidth * e;
      Wide v[8], w[8];
      // index 4 i + 2 j + m: columns i, j; m the parity along z
      for (int c = 0; c < 4; ++c) {
        const Wide low = *reinterpret_cast<const Loose*>(from[c] + place);
        const Wide high = *reinterpret_cast<const Loose*>(from[c] + place + kWidth);
        v[2 * c] = low + sz * high;
        v[2 * c + 1] = low - sz * high;
      }
      for (int i = 0; i < 2; ++i) {
        for (int m = 0; m < 2; ++m) {
          const Wide near = v[4 * i + m], far = v[4 * i + 2 + m];
          w[4 * i + m] = near + sy * far;
          w[4 * i + 2 + m] = near - sy * far;
        }
      }
      const Wide factor = Lanes<T>::repeat(scale + e);
      for (int c = 0; c < 4; ++c) {
        const Wide near = w[c] * factor, far = w[4 + c] * factor;
        v[c] = near + sx * far;
        v[4 + c] = near - sx * far;
      }
      for (int c = 0; c < 8; ++c) {
        w[c] = unit->part[c][0] * v[c] + unit->part[c][1] * __builtin_shuffle(v[c], Lanes<T>::next) +
               unit->part[c][2] * __builtin_shuffle(v[c], Lanes<T>::after);
      }
      for (int c = 0; c < 4; ++c) {
        v[c] = w[c] + w[4 + c];
        v[4 + c] = w[c] - w[4 + c];
      }
      for (int i = 0; i < 2; ++i) {
        for (int m = 0; m < 2; ++m) {
          w[4 * i + m] = v[4 * i + m] + v[4 * i + 2 + m];
          w[4 * i + 2 + m] = v[4 * i + m] - v[4 * i + 2 + m];
        }
      }
      for (int c = 0; c < 4; ++c) {
        const Wide low = w[2 * c] + w[2 * c + 1], high = w[2 * c] - w[2 * c + 1];
        Loose* target = reinterpret_cast<Loose*>(to[c] + place);
        *target += turned(low + sz * __builtin_shuffle(before[c], high, Lanes<T>::shift), c);
        before[c] = high;
      }
    }
    for (int c = 0; c < 4; ++c) {
      const Wide last = turned(sz * before[c], c);
      T* target = to[c] + kWidth * length;
      for (int a = 0; a < kWidth; ++a) target[a] += last[V::kLanes - kWidth + a];
    }
  }

  // Signs of the corners of column 2 i + j.
  Wide turned(Wide value, int column) const {
    if (column & 2) value *= unit->sign[0];
    if (column & 1) value *= unit->sign[1];
    return value;
  }

  // Any elements, four at a time, by the columns of the matrix.
  void add_scattered(const int32_t* nodes, int64_t begin, int64_t end, const T* vector, T* sums) const {
    alignas(64) T local[kBatch][32];
    for (int64_t e = begin; e < end; e += kBatch) {
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
