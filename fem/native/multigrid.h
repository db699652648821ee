// The cycle of fem/_multigrid.py: Chebyshev smoothing, a V on the finest level, up to two Krylov-accelerated
// cycles on every coarser one. Same arithmetic as there, in float32 with sums in float64.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "product.h"

namespace osteon {

// The components of one node, and a fourth lane that nobody reads.
typedef float Node __attribute__((vector_size(16)));

inline Node node(const float* vector, int64_t rows, int64_t row) {
  return Node{vector[row], vector[rows + row], vector[2 * rows + row], 0.0f};
}
inline void add_to_node(float* vector, int64_t rows, int64_t row, Node value) {
  for (int a = 0; a < kAxes; ++a) vector[a * rows + row] += value[a];
}

struct Settings {
  int smoothing_steps;
  float smoothed_range, krylov_enough;
};

constexpr int64_t kGrain = 32768;  // entries per piece of a loop over a vector

// step(i) for every entry of a vector.
template <class Step>
void entries(int64_t size, const Step& step) {
  parallel_ranges(size, kGrain, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) step(i);
  });
}

// Sum of term(i) over the entries of a vector, in double precision.
template <class Term>
double total(int64_t size, const Term& term) {
  return parallel_sum(size, kGrain, [&](int64_t begin, int64_t end) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = begin; i < end; ++i) sum += term(i);
    return sum;
  });
}

// Two such sums in one pass over memory.
template <class First, class Second>
double total(int64_t size, const First& first, const Second& second, double* of_second) {
  const int64_t grain = kGrain, pieces = size <= grain ? 1 : (size + grain - 1) / grain;
  std::vector<double> parts(2 * pieces);
  Pool::instance().run(pieces, [&](int64_t piece) {
    double one = 0, two = 0;
#pragma omp simd reduction(+ : one, two)
    for (int64_t i = size * piece / pieces; i < size * (piece + 1) / pieces; ++i) {
      one += first(i);
      two += second(i);
    }
    parts[2 * piece] = one;
    parts[2 * piece + 1] = two;
  });
  double sum = 0;
  *of_second = 0;
  for (int64_t piece = 0; piece < pieces; ++piece) {
    sum += parts[2 * piece];
    *of_second += parts[2 * piece + 1];
  }
  return sum;
}

struct Level {
  // borrowed from the caller
  const int32_t* nodes = nullptr;           // (elements, 8); null on the coarsest level
  int64_t elements = 0, rows = 0;           // padded elements and spare rows included
  const float* coefficient = nullptr;       // (elements,) or null
  const float* matrices = nullptr;          // (elements, 24, 24) or null
  Visits visits;
  const float* inverse_diagonal = nullptr;  // (3, rows), zero where held
  float largest = 0;
  const int32_t* slots = nullptr;         // (transfer rows, 27); null on the coarsest level
  const int32_t* coarse_nodes = nullptr;  // (transfer rows, 8)
  int64_t transfer_rows = 0, transfer_main = 0;
  Visits transfer_visits;

  Chunks chunks, transfer_chunks;
  const Unit<float>* unit = nullptr;
  Aligned<float> sums, change;  // work space; the residual takes the place of the sums it is made from
  Aligned<float> right, solution, direction, image, correction;  // of the Krylov steps, on coarse levels

  // step(i) for every entry i of the nodal vectors once sums[i] is the product with `vector`.
  template <class Step>
  void multiply(const float* vector, const Step& step) {
    const auto finish = [&](int64_t begin, int64_t end, int64_t) {
      for (int a = 0; a < kAxes; ++a) {
#pragma omp simd
        for (int64_t i = a * rows + begin; i < a * rows + end; ++i) step(i);
      }
    };
    if (matrices == nullptr) {
      const Scaled<float> scaled{coefficient, unit, visits.run, rows};
      product<float>(chunks, nodes, rows, scaled, vector, sums.get(), finish);
    } else {
      product<float>(chunks, nodes, rows, Full{matrices, rows}, vector, sums.get(), finish);
    }
  }
};

// Weights of the trilinear interpolation, axis by axis: 27 half-step positions from 8 corners.
inline void interpolate(const Node* corner, Node* fine) {
  Node z[4][3], y[2][3][3];
  for (int k = 0; k < 4; ++k) {
    z[k][0] = corner[2 * k];
    z[k][2] = corner[2 * k + 1];
    z[k][1] = 0.5f * (z[k][0] + z[k][2]);
  }
  for (int i = 0; i < 2; ++i) {
    for (int m = 0; m < 3; ++m) {
      y[i][0][m] = z[2 * i][m];
      y[i][2][m] = z[2 * i + 1][m];
      y[i][1][m] = 0.5f * (y[i][0][m] + y[i][2][m]);
    }
  }
  for (int j = 0; j < 3; ++j) {
    for (int m = 0; m < 3; ++m) {
      fine[3 * j + m] = y[0][j][m];
      fine[18 + 3 * j + m] = y[1][j][m];
      fine[9 + 3 * j + m] = 0.5f * (y[0][j][m] + y[1][j][m]);
    }
  }
}

// Its transpose.
inline void gather_to_corners(const Node* fine, Node* corner) {
  Node y[2][3][3], z[4][3];
  for (int j = 0; j < 3; ++j) {
    for (int m = 0; m < 3; ++m) {
      const Node half = 0.5f * fine[9 + 3 * j + m];
      y[0][j][m] = fine[3 * j + m] + half;
      y[1][j][m] = fine[18 + 3 * j + m] + half;
    }
  }
  for (int i = 0; i < 2; ++i) {
    for (int m = 0; m < 3; ++m) {
      const Node half = 0.5f * y[i][1][m];
      z[2 * i][m] = y[i][0][m] + half;
      z[2 * i + 1][m] = y[i][2][m] + half;
    }
  }
  for (int k = 0; k < 4; ++k) {
    corner[2 * k] = z[k][0] + 0.5f * z[k][1];
    corner[2 * k + 1] = z[k][2] + 0.5f * z[k][1];
  }
}

struct RestrictedElements {
  const int32_t* slots;
  const float* fine;
  int64_t fine_rows, rows;

  void add(const int32_t* nodes, int64_t begin, int64_t end, const float*, float* sums) const {
    for (int64_t e = begin; e < end; ++e) {
      Node values[27], corners[8];
      for (int p = 0; p < 27; ++p) values[p] = node(fine, fine_rows, slots[27 * e + p]);
      gather_to_corners(values, corners);
      for (int k = 0; k < 8; ++k) add_to_node(sums, rows, nodes[8 * e + k], corners[k]);
    }
  }
};

class Multigrid {
 public:
  std::vector<Level> levels;
  const float* coarsest_inverse = nullptr;  // (3 rows, 3 rows) of the coarsest level
  Settings settings;

  // Work space and visiting order; call once, after the borrowed parts are set.
  void prepare() {
    for (size_t number = 0; number < levels.size(); ++number) {
      Level& level = levels[number];
      const int64_t size = kAxes * level.rows;
      const bool finest = number == 0;
      if (!finest) {
        for (auto* work : {&level.right, &level.solution}) work->resize(size);
      }
      if (number + 1 == levels.size()) continue;
      level.chunks.build(level.visits, level.elements, level.rows);
      for (auto* work : {&level.sums, &level.change}) work->resize(size);
      if (!finest) {
        for (auto* work : {&level.direction, &level.image, &level.correction}) work->resize(size);
      }
      // rows beyond one per coarse element hold further copies out of order: they are visited one by one
      const Level& below = levels[number + 1];
      level.transfer_chunks.build(level.transfer_visits, level.transfer_main, below.rows);
    }
  }

  // One cycle from zero: vector = approximation of K^-1 right on the finest level.
  void apply(const float* right, float* vector) { cycle(0, right, vector); }

 private:
  void cycle(size_t number, const float* right, float* vector) {
    Level& level = levels[number];
    if (number + 1 == levels.size()) return solve_coarsest(level, right, vector);
    Level& below = levels[number + 1];
    smooth(level, right, vector, true);
    const float* inverse = level.inverse_diagonal;
    float* sums = level.sums.get();
    level.multiply(vector, [=](int64_t i) { sums[i] = inverse[i] != 0 ? right[i] - sums[i] : 0.0f; });
    restrict_residual(level, below);
    krylov(number + 1);
    prolong(level, below, vector);
    smooth(level, right, vector, false);
  }

  // Chebyshev iterations from zero or from `vector`.
  void smooth(Level& level, const float* right, float* vector, bool from_zero) {
    const float theta = level.largest * (1 + 1 / settings.smoothed_range) / 2;
    const float delta = level.largest * (1 - 1 / settings.smoothed_range) / 2;
    const float sigma = theta / delta;
    float rho = 1 / sigma;
    float* change = level.change.get();
    const float *sums = level.sums.get(), *inverse = level.inverse_diagonal;
    const float first = 1 / theta;
    if (from_zero) {
      entries(kAxes * level.rows, [=](int64_t i) { change[i] = vector[i] = inverse[i] * right[i] * first; });
    } else {
      level.multiply(vector, [=](int64_t i) {
        change[i] = inverse[i] * (right[i] - sums[i]) * first;
        vector[i] += change[i];
      });
    }
    for (int step = 1; step < settings.smoothing_steps; ++step) {
      const float before = rho;
      rho = 1 / (2 * sigma - rho);
      const float keep = rho * before, add = 2 * rho / delta;
      level.multiply(vector, [=](int64_t i) {
        change[i] = keep * change[i] + add * inverse[i] * (right[i] - sums[i]);
        vector[i] += change[i];
      });
    }
  }

  void restrict_residual(Level& level, Level& below) {
    float* target = below.right.get();
    const RestrictedElements all{level.slots, level.sums.get(), level.rows, below.rows};
    product<float>(level.transfer_chunks, level.coarse_nodes, below.rows, all, nullptr, target,
                   [](int64_t, int64_t, int64_t) {});
    for (int64_t row = level.transfer_main; row < level.transfer_rows; ++row) {
      all.add(level.coarse_nodes, row, row + 1, nullptr, target);
    }
    const float* inverse = below.inverse_diagonal;
    entries(kAxes * below.rows, [=](int64_t i) { target[i] = inverse[i] != 0 ? target[i] : 0.0f; });
  }

  void prolong(const Level& level, const Level& below, float* vector) {
    const float* coarse = below.solution.get();
    const float* inverse = level.inverse_diagonal;
    parallel_ranges(level.transfer_rows, kGrain / 64, [&](int64_t begin, int64_t end) {
      for (int64_t e = begin; e < end; ++e) {
        Node corners[8], values[27];
        for (int k = 0; k < 8; ++k) corners[k] = node(coarse, below.rows, level.coarse_nodes[8 * e + k]);
        interpolate(corners, values);
        for (int p = 0; p < 27; ++p) {
          const int64_t row = level.slots[27 * e + p];
          for (int a = 0; a < kAxes; ++a) {
            const int64_t i = a * level.rows + row;
            if (inverse[i] != 0) vector[i] += values[p][a];
          }
        }
      }
    });
  }

  // level.solution = approximation of K^-1 level.right by at most two steps of flexible conjugate gradients.
  void krylov(size_t number) {
    Level& level = levels[number];
    float *right = level.right.get(), *solution = level.solution.get();
    if (number + 1 == levels.size()) return solve_coarsest(level, right, solution);
    float *direction = level.direction.get(), *image = level.image.get();
    const int64_t size = kAxes * level.rows;
    const auto dot = [&](const float* a, const float* b) {
      return total(size, [=](int64_t i) { return double(a[i]) * b[i]; });
    };
    const float *sums = level.sums.get(), *inverse = level.inverse_diagonal;
    const auto image_of = [&](const float* vector) {
      level.multiply(vector, [=](int64_t i) { image[i] = inverse[i] != 0 ? sums[i] : 0.0f; });
    };
    const double start = dot(right, right);
    cycle(number, right, solution);
    image_of(solution);
    double energy = dot(solution, image);
    if (!(energy > 0)) return;
    const float first = float(dot(solution, right) / energy);
    entries(size, [=](int64_t i) {
      direction[i] = solution[i];
      solution[i] *= first;
      right[i] -= first * image[i];
    });
    if (dot(right, right) <= double(settings.krylov_enough) * settings.krylov_enough * start) return;
    float* correction = level.correction.get();
    cycle(number, right, correction);
    const float back = float(dot(correction, image) / energy);
    entries(size, [=](int64_t i) { direction[i] = correction[i] - back * direction[i]; });
    image_of(direction);
    energy = dot(direction, image);
    if (!(energy > 0)) return;
    const float second = float(dot(direction, right) / energy);
    entries(size, [=](int64_t i) { solution[i] += second * direction[i]; });
  }

  void solve_coarsest(Level& level, const float* right, float* vector) {
    const int64_t size = kAxes * level.rows;
    for (int64_t i = 0; i < size; ++i) {
      const float* row = coarsest_inverse + size * i;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t j = 0; j < size; ++j) sum += row[j] * right[j];
      vector[i] = sum;
    }
  }
};

}  // namespace osteon
