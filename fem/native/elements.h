// What elements give to their nodes: multiples of one matrix, many elements in a register, or a matrix each.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

namespace osteon {

constexpr int kAxes = 3;    // components of a nodal vector: all x, then all y, then all z
constexpr int kSpare = 16;  // rows after the last node of a component: loads and sums of whole registers end there

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
  const uint8_t* run;  // of `Visits` in product.h
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

  static Order all_but_first() {
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
      const Order upper = *reinterpret_cast<const LooseOrder*>(&kOnes[kLanes - length - 1]) & all_but_first();
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

}  // namespace osteon
