// Inverse of a small symmetric positive definite matrix. A BLAS would leave threads spinning between solves.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "pool.h"

namespace osteon {

// inverse = matrix^-1 by Cholesky factors in double precision; false where the matrix is not positive.
template <class T>
bool invert(const T* matrix, int64_t size, float* inverse) {
  constexpr int64_t kGrain = 32;
  std::vector<double> upper(size * size), factor(size * size, 0.0);
  for (int64_t i = 0; i < size * size; ++i) upper[i] = matrix[i];
  // matrix = U^T U, row by row of U: every update is along a row
  for (int64_t k = 0; k < size; ++k) {
    double* row = upper.data() + k * size;
    if (!(row[k] > 0)) return false;
    const double scale = 1 / std::sqrt(row[k]);
    for (int64_t j = k; j < size; ++j) row[j] *= scale;
    parallel_ranges(size - k - 1, 4 * kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = k + 1 + begin; i < k + 1 + end; ++i) {
        const double weight = row[i];
        if (weight == 0) continue;
        double* target = upper.data() + i * size;
        for (int64_t j = i; j < size; ++j) target[j] -= weight * row[j];
      }
    });
  }
  // row i of factor: row i of U^-T, lower triangular
  for (int64_t i = 0; i < size; ++i) {
    double* target = factor.data() + i * size;
    target[i] = 1;
    for (int64_t k = 0; k < i; ++k) {
      const double weight = upper[k * size + i];
      if (weight == 0) continue;
      const double* source = factor.data() + k * size;
      for (int64_t j = 0; j <= k; ++j) target[j] -= weight * source[j];
    }
    const double scale = 1 / upper[i * size + i];
    for (int64_t j = 0; j <= i; ++j) target[j] *= scale;
  }
  // inverse = U^-1 U^-T: sum of the outer products of the rows of factor
  parallel_ranges(size, kGrain, [&](int64_t begin, int64_t end) {
    std::vector<double> sums(size);
    for (int64_t i = begin; i < end; ++i) {
      std::memset(sums.data(), 0, size * sizeof(double));
      for (int64_t k = i; k < size; ++k) {
        const double* row = factor.data() + k * size;
        const double weight = row[i];
        if (weight == 0) continue;
        for (int64_t j = 0; j <= k; ++j) sums[j] += weight * row[j];
      }
      for (int64_t j = 0; j < size; ++j) inverse[i * size + j] = static_cast<float>(sums[j]);
    }
  });
  return true;
}

}  // namespace osteon
