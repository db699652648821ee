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
#include <type_traits>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "pool.h"

namespace osteon {

constexpr int kAxes = 3;      // components of a nodal vector: all x, then all y, then all z
constexpr int kSpare = 16;    // rows after the last node of a component: loads and sums of whole registers end there

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#else
constexpr int kBytes = 32;
#endif

template <class T>
struct Vectors {
  typedef T Wide __attribute__((vector_size(kBytes), aligned(kBytes), may_alias));
  typedef T Loose __attribute__((vector_size(kBytes), aligned(sizeof(T)), may_alias));
  static constexpr int kLanes = kBytes / sizeof(T);
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

constexpr int64_t kBlock = 64;  // elements visited together

// What the host found out about the connectivity of a set of elements, see `visits` of fem/_visits.py.
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

// Element matrix of modulus 1 and edge 1, for scaled elements, by symmetry.
//
// A cube of material with the symmetry planes of the grid keeps apart displacements of different parity under
// its three mirrors. With s_k(a) = -1 where corner k lies at the far end of axis a, the eight sums
//   v_c(a) = sum_k (-1)^(c . k) s_k(a) u_k(a),  c in {0, 1}^3
// do not mix between different c, and K = T^t W T with a 3 x 3 matrix per c. A c of one axis holds the
// translation along it, which costs nothing; a c of two axes does not mix the third with them. That leaves 45
// products instead of 576.
template <class T>
struct Unit {
  T part[8][3][3];
  bool symmetric;  // whether the matrix is of that kind

  // `padded` (32, 32): three components and a zero of corner 0, of corner 1, ...
  explicit Unit(const T* padded) {
    const auto weight = [](int c, int k, int a) {
      const int bits = (c & k) ^ (k & (4 >> a));
      return __builtin_popcount(bits) % 2 == 0 ? 1.0 : -1.0;
    };
    // W between (c, a) and (d, b)
    const auto transformed = [&](int c, int a, int d, int b) {
      double total = 0;
      for (int k = 0; k < 8; ++k) {
        for (int l = 0; l < 8; ++l) {
          total += weight(c, k, a) * padded[(4 * k + a) * 32 + 4 * l + b] * weight(d, l, b);
        }
      }
      return total / 64;
    };
    double within = 0, across = 0;
    for (int c = 0; c < 8; ++c) {
      for (int d = 0; d < 8; ++d) {
        for (int a = 0; a < 3; ++a) {
          for (int b = 0; b < 3; ++b) {
            const double value = transformed(c, a, d, b);
            const bool used = c == d && mixes(c, a, b);
            if (c == d) part[c][a][b] = used ? T(value) : T(0);
            (used ? within : across) = std::max(used ? within : across, std::abs(value));
          }
        }
      }
    }
    symmetric = across < 1e-6 * within;
  }

  static constexpr bool mixes(int c, int a, int b) {
    const int axes = ((c >> 2) & 1) + ((c >> 1) & 1) + (c & 1);
    const bool first = (c & (4 >> a)) != 0, second = (c & (4 >> b)) != 0;
    if (axes == 1) return !first && !second;
    if (axes == 2) return first == second;
    return true;
  }
};

template <class T>
struct Scaled {
  const T* coefficient;
  const Unit<T>* unit;
  const uint8_t* run;  // of `Visits`
  int64_t rows;

  // sums += products of the elements [begin, end)
  void add(const int32_t* nodes, int64_t begin, int64_t end, const T* vector, T* sums) const {
    for (int64_t e = begin; e < end;) {
      int64_t length = std::min<int64_t>(run[e], end - e) / kLanes * kLanes;
      if (length > 0) {
        add_run(nodes + 8 * e, coefficient + e, length, vector, sums);
      } else {
        length = add_short(nodes, e, end, vector, sums);
      }
      e += length;
    }
  }

 private:
  using V = Vectors<T>;
  using Wide = typename V::Wide;
  using Loose = typename V::Loose;
  static constexpr int kLanes = V::kLanes;
  typedef std::conditional_t<sizeof(T) == 4, int32_t, int64_t> Lane;
  typedef Lane Order __attribute__((vector_size(kBytes), may_alias));
  typedef Lane LooseOrder __attribute__((vector_size(kBytes), aligned(sizeof(Lane)), may_alias));

  // Order of lanes that puts the last of one register before all but the last of another.
  static Order one_up() {
    Order order;
    for (int lane = 0; lane < kLanes; ++lane) order[lane] = kLanes - 1 + lane;
    return order;
  }

  // All bits set in the first lanes, none in the others.
  struct Ones {
    Lane bits[2 * kLanes];
    constexpr Ones() : bits() {
      for (int lane = 0; lane < kLanes; ++lane) bits[lane] = -1;
    }
    const Lane& operator[](int place) const { return bits[place]; }
  };
  static constexpr Ones kOnes{};

  static Order kAllButFirst() {
    Order order = ~Order{};
    order[0] = 0;
    return order;
  }

  // u[3 k + a]: displacements of the corners in, forces out, element by element along the lanes.
  __attribute__((always_inline)) void multiply(Wide* u, Wide factor) const {
    const auto butterfly = [&](int a, int bit, auto&& combine) {
#pragma GCC unroll 8
      for (int k = 0; k < 8; ++k) {
        if (k & bit) continue;
        combine(u[3 * k + a], u[3 * (k | bit) + a], (4 >> a) == bit);
      }
    };
    // far corners change sign along their own axis
    const auto parities = [](Wide& near, Wide& far, bool own) {
      const Wide even = near + far, odd = near - far;
      near = own ? odd : even;
      far = own ? even : odd;
    };
    const auto corners = [](Wide& even, Wide& odd, bool own) {
      const Wide sum = even + odd;
      odd = own ? odd - even : even - odd;
      even = sum;
    };
#pragma GCC unroll 3
    for (int bit = 1; bit < 8; bit *= 2) {
#pragma GCC unroll 3
      for (int a = 0; a < 3; ++a) butterfly(a, bit, parities);
    }
#pragma GCC unroll 8
    for (int c = 0; c < 8; ++c) {
      const Wide x = u[3 * c] * factor, y = u[3 * c + 1] * factor, z = u[3 * c + 2] * factor;
#pragma GCC unroll 3
      for (int a = 0; a < 3; ++a) {
        const T* row = unit->part[c][a];
        Wide force = {};
        if (Unit<T>::mixes(c, a, 0)) force += x * row[0];
        if (Unit<T>::mixes(c, a, 1)) force += y * row[1];
        if (Unit<T>::mixes(c, a, 2)) force += z * row[2];
        u[3 * c + a] = force;
      }
    }
#pragma GCC unroll 3
    for (int bit = 1; bit < 8; bit *= 2) {
#pragma GCC unroll 3
      for (int a = 0; a < 3; ++a) butterfly(a, bit, corners);
    }
  }

  // A run of elements along z, whole registers of them.
  void add_run(const int32_t* corner, const T* scale, int64_t length, const T* vector, T* sums) const {
    const Order up = one_up();
    Wide before[12] = {};  // what the upper corners of the elements behind gave
    for (int64_t e = 0; e < length; e += kLanes) {
      Wide u[24];
#pragma GCC unroll 4
      for (int c = 0; c < 4; ++c) {
#pragma GCC unroll 3
        for (int a = 0; a < 3; ++a) {
          const T* line = vector + a * rows + corner[2 * c] + e;
          u[6 * c + a] = *reinterpret_cast<const Loose*>(line);
          u[6 * c + 3 + a] = *reinterpret_cast<const Loose*>(line + 1);
        }
      }
      multiply(u, *reinterpret_cast<const Loose*>(scale + e));
#pragma GCC unroll 4
      for (int c = 0; c < 4; ++c) {
#pragma GCC unroll 3
        for (int a = 0; a < 3; ++a) {
          Loose* target = reinterpret_cast<Loose*>(sums + a * rows + corner[2 * c] + e);
          *target += u[6 * c + a] + __builtin_shuffle(before[3 * c + a], u[6 * c + 3 + a], up);
          before[3 * c + a] = u[6 * c + 3 + a];
        }
      }
    }
    for (int c = 0; c < 4; ++c) {
      for (int a = 0; a < 3; ++a) sums[a * rows + corner[2 * c] + length] += before[3 * c + a][kLanes - 1];
    }
  }

  // Any elements, as many as lanes, copied together by runs; returns their number.
  int64_t add_short(const int32_t* nodes, int64_t begin, int64_t end, const T* vector, T* sums) const {
    // rows of corner 2 c + m and axis a; a run may be copied and read beyond its end
    alignas(kBytes) T local[24][2 * kLanes];
    alignas(kBytes) T scale[kLanes] = {};
    struct Piece {
      const int32_t* corner;
      int32_t lane, length;  // 0: one element whose corners are apart
    } pieces[kLanes];
    int count = 0, filled = 0;
    for (int64_t e = begin; e < end && filled < kLanes; ++count) {
      const int length = static_cast<int>(std::min<int64_t>({run[e], end - e, kLanes - filled}));
      const int32_t* corner = nodes + 8 * e;
      pieces[count] = {corner, filled, length};
      for (int c = 0; c < 4; ++c) {
        for (int a = 0; a < 3; ++a) {
          T *low = &local[6 * c + a][filled], *high = &local[6 * c + 3 + a][filled];
          const T* line = vector + a * rows;
          if (length > 0) {
            *reinterpret_cast<Loose*>(low) = *reinterpret_cast<const Loose*>(line + corner[2 * c]);
            *reinterpret_cast<Loose*>(high) = *reinterpret_cast<const Loose*>(line + corner[2 * c] + 1);
          } else {
            *low = line[corner[2 * c]];
            *high = line[corner[2 * c + 1]];
          }
        }
      }
      const int taken = std::max(length, 1);
      filled += taken;
      e += taken;
    }
    for (int lane = 0; lane < filled; ++lane) scale[lane] = coefficient[begin + lane];
    if (filled < kLanes) {
      for (int i = 0; i < 24; ++i) *reinterpret_cast<Loose*>(&local[i][filled]) = Loose{};
    }
    Wide u[24];
    for (int i = 0; i < 24; ++i) u[i] = *reinterpret_cast<const Wide*>(local[i]);
    multiply(u, *reinterpret_cast<const Wide*>(scale));
    // upper corners one lane up: beside the lower corners of the next element
    for (int i = 0; i < 24; ++i) {
      if (i % 6 < 3) {
        *reinterpret_cast<Wide*>(local[i]) = u[i];
      } else {
        *reinterpret_cast<Loose*>(local[i] + 1) = u[i];
      }
    }
    for (int piece = 0; piece < count; ++piece) {
      const int32_t* corner = pieces[piece].corner;
      const int lane = pieces[piece].lane, length = pieces[piece].length;
      if (length == 0) {
        for (int c = 0; c < 4; ++c) {
          for (int a = 0; a < 3; ++a) {
            sums[a * rows + corner[2 * c]] += local[6 * c + a][lane];
            sums[a * rows + corner[2 * c + 1]] += local[6 * c + 3 + a][lane + 1];
          }
        }
        continue;
      }
      const Order lower = *reinterpret_cast<const LooseOrder*>(&kOnes[kLanes - length]);
      const Order upper = *reinterpret_cast<const LooseOrder*>(&kOnes[kLanes - length - 1]) & kAllButFirst();
      for (int c = 0; c < 4; ++c) {
        for (int a = 0; a < 3; ++a) {
          const Order low = Order(Wide(*reinterpret_cast<const Loose*>(&local[6 * c + a][lane]))) & lower;
          const Order high = Order(Wide(*reinterpret_cast<const Loose*>(&local[6 * c + 3 + a][lane]))) & upper;
          *reinterpret_cast<Loose*>(sums + a * rows + corner[2 * c]) += Wide(low) + Wide(high);
        }
      }
    }
    return filled;
  }
};

// One symmetric 24 x 24 matrix per element.
struct Full {
  const float* matrices;
  int64_t rows;

  void add(const int32_t* nodes, int64_t begin, int64_t end, const float* vector, float* sums) const {
    typedef float Third __attribute__((vector_size(32), aligned(4), may_alias));
    alignas(64) float local[24], force[24];
    for (int64_t e = begin; e < end; ++e) {
      const int32_t* corner = nodes + 8 * e;
      const float* matrix = matrices + 576 * e;
      for (int k = 0; k < 8; ++k) {
        for (int a = 0; a < kAxes; ++a) local[3 * k + a] = vector[a * rows + corner[k]];
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
        for (int a = 0; a < kAxes; ++a) sums[a * rows + corner[k]] += force[3 * k + a];
      }
    }
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
