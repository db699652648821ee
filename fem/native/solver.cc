// Foreign functions of the compiled solver: the multigrid cycle, and conjugate gradients around it.
//
// Arguments after the fixed ones are the levels, finest first. Every level but the coarsest has ten arrays:
// connectivity, runs, reach, coefficient or matrices, inverse diagonal, largest eigenvalue, coarse connectivity,
// its reach and number of rows in order, slots; the coarsest has none but its inverse diagonal (for its size)
// and the dense inverse. Nodal vectors are (3, rows). See fem/_native.py.
#include <cmath>

#include "inverse.h"
#include "multigrid.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace osteon {
namespace {

ffi::Error out_of_memory() {
  return ffi::Error(ffi::ErrorCode::kResourceExhausted, "no memory for the vectors of the compiled solver");
}

ffi::Error not_symmetric() {
  return ffi::Error::InvalidArgument("the element matrix lacks the symmetry planes of the grid");
}

ffi::Error read_levels(ffi::RemainingArgs& arguments, const Unit<float>* unit, const Settings& settings,
                       Multigrid* multigrid) {
  const size_t count = arguments.size();
  constexpr size_t kArrays = 10;
  if (count < kArrays + 2 || (count - 2) % kArrays != 0) {
    return ffi::Error::InvalidArgument("levels need ten arrays each and two at the end");
  }
  for (size_t i = 0; i < count; ++i) {
    if (!arguments.get<ffi::AnyBuffer>(i)) return ffi::Error::InvalidArgument("a level is not made of arrays");
  }
  const auto array = [&](size_t i) { return arguments.get<ffi::AnyBuffer>(i).value(); };
  const size_t above = (count - 2) / kArrays;
  multigrid->settings = settings;
  multigrid->levels.resize(above + 1);
  for (size_t number = 0; number < above; ++number) {
    Level& level = multigrid->levels[number];
    const size_t first = kArrays * number;
    auto nodes = array(first), values = array(first + 3), diagonal = array(first + 4), coarse = array(first + 6);
    level.nodes = nodes.typed_data<int32_t>();
    level.elements = nodes.element_count() / 8;
    level.visits = {array(first + 1).typed_data<uint8_t>(), array(first + 2).typed_data<int32_t>()};
    const bool full = static_cast<int64_t>(values.element_count()) != level.elements;
    level.coefficient = full ? nullptr : values.typed_data<float>();
    level.matrices = full ? values.typed_data<float>() : nullptr;
    level.inverse_diagonal = diagonal.typed_data<float>();
    level.rows = diagonal.element_count() / kAxes;
    level.largest = *array(first + 5).typed_data<float>();
    level.coarse_nodes = coarse.typed_data<int32_t>();
    level.transfer_rows = coarse.element_count() / 8;
    level.transfer_visits.reach = array(first + 7).typed_data<int32_t>();
    level.transfer_main = *array(first + 8).typed_data<int32_t>();
    level.slots = array(first + 9).typed_data<int32_t>();
    level.unit = unit;
  }
  auto diagonal = array(kArrays * above), inverse = array(kArrays * above + 1);
  Level& coarsest = multigrid->levels.back();
  coarsest.rows = diagonal.element_count() / kAxes;
  coarsest.inverse_diagonal = diagonal.typed_data<float>();
  multigrid->coarsest_inverse = inverse.typed_data<float>();
  multigrid->prepare();
  return ffi::Error::Success();
}

ffi::Error cycle(ffi::Buffer<ffi::F32> right, ffi::Buffer<ffi::F32> unit, ffi::RemainingArgs levels,
                 ffi::Result<ffi::Buffer<ffi::F32>> vector, int32_t smoothing_steps, float smoothed_range,
                 float krylov_enough) try {
  const Unit<float> matrix(unit.typed_data());
  if (!matrix.symmetric) return not_symmetric();
  Multigrid multigrid;
  const Settings settings{smoothing_steps, smoothed_range, krylov_enough};
  ffi::Error error = read_levels(levels, &matrix, settings, &multigrid);
  if (error.failure()) return error;
  multigrid.apply(right.typed_data(), vector->typed_data());
  return ffi::Error::Success();
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

// y = K x without constraints, for one set of scaled elements.
template <ffi::DataType type>
ffi::Error scaled_product(ffi::Buffer<type> coefficient, ffi::Buffer<type> vector, ffi::Buffer<ffi::S32> nodes,
                          ffi::Buffer<ffi::U8> run, ffi::Buffer<ffi::S32> reach, ffi::Buffer<type> unit,
                          ffi::Result<ffi::Buffer<type>> result) {
  using T = ffi::NativeType<type>;
  const Unit<T> matrix(unit.typed_data());
  if (!matrix.symmetric) return not_symmetric();
  const Visits visits{run.typed_data(), reach.typed_data()};
  const int64_t rows = vector.element_count() / kAxes;
  Chunks chunks;
  chunks.build(visits, coefficient.element_count(), rows);
  product<T>(chunks, nodes.typed_data(), rows, Scaled<T>{coefficient.typed_data(), &matrix, visits.run, rows},
             vector.typed_data(), result->typed_data(), [](int64_t, int64_t, int64_t) {});
  return ffi::Error::Success();
}

struct DiagonalElements {
  const float *coefficient, *local;  // (elements,), (8, 3)
  int64_t rows;

  void add(const int32_t* nodes, int64_t begin, int64_t end, const float*, float* sums) const {
    for (int64_t e = begin; e < end; ++e) {
      for (int k = 0; k < 8; ++k) {
        for (int a = 0; a < kAxes; ++a) sums[a * rows + nodes[8 * e + k]] += coefficient[e] * local[3 * k + a];
      }
    }
  }
};

// Diagonal of the stiffness of scaled elements.
ffi::Error diagonal(ffi::Buffer<ffi::F32> coefficient, ffi::Buffer<ffi::S32> nodes, ffi::Buffer<ffi::S32> reach,
                    ffi::Buffer<ffi::F32> local, ffi::Result<ffi::Buffer<ffi::F32>> result) {
  const int64_t rows = result->element_count() / kAxes;
  Chunks chunks;
  chunks.build({nullptr, reach.typed_data()}, coefficient.element_count(), rows);
  const DiagonalElements elements{coefficient.typed_data(), local.typed_data(), rows};
  product<float>(chunks, nodes.typed_data(), rows, elements, nullptr, result->typed_data(),
                 [](int64_t, int64_t, int64_t) {});
  return ffi::Error::Success();
}

// Largest eigenvalue of D^-1 K from below, by the power method, as `_power_iteration` of fem/_multigrid.py.
ffi::Error largest(ffi::Buffer<ffi::F32> matrices, ffi::Buffer<ffi::S32> nodes, ffi::Buffer<ffi::S32> reach,
                   ffi::Buffer<ffi::F32> diagonal, ffi::Buffer<ffi::F32> start,
                   ffi::Result<ffi::Buffer<ffi::F32>> result, int32_t steps) try {
  Level level;
  level.nodes = nodes.typed_data();
  level.elements = nodes.element_count() / 8;
  level.rows = diagonal.element_count() / kAxes;
  level.matrices = matrices.typed_data();
  level.chunks.build({nullptr, reach.typed_data()}, level.elements, level.rows);
  const int64_t size = kAxes * level.rows;
  level.sums.resize(size);
  level.change.resize(size);
  const float *inverse = diagonal.typed_data(), *sums = level.sums.get(), *first = start.typed_data();
  float* vector = level.change.get();
  entries(size, [=](int64_t i) { vector[i] = first[i]; });
  double norm = 1;
  for (int32_t step = 0; step < steps; ++step) {
    // complete nodes are read by no later element: the next vector replaces this one in place
    level.multiply(vector, [=](int64_t i) { vector[i] = inverse[i] * sums[i]; });
    norm = std::sqrt(total(size, [=](int64_t i) { return double(vector[i]) * vector[i]; }));
    const float shrink = float(1 / std::max(norm, 1e-30));
    entries(size, [=](int64_t i) { vector[i] *= shrink; });
  }
  *result->typed_data() = float(norm);
  return ffi::Error::Success();
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

template <ffi::DataType type>
ffi::Error inverse(ffi::Buffer<type> matrix, ffi::Result<ffi::Buffer<ffi::F32>> result) {
  const int64_t size = matrix.dimensions()[0];
  if (!invert(matrix.typed_data(), size, result->typed_data())) {
    // as a Cholesky factorization of JAX: not a number, which the solve then reports as not converged
    for (int64_t i = 0; i < size * size; ++i) result->typed_data()[i] = std::nanf("");
  }
  return ffi::Error::Success();
}

// Flexible (Polak-Ribiere) conjugate gradients, as `_conjugate_gradients` of fem/_solve.py.
template <ffi::DataType type>
ffi::Error conjugate_gradients(ffi::Buffer<type> coefficient, ffi::Buffer<type> right, ffi::Buffer<type> start,
                               ffi::Buffer<type> modes, ffi::Buffer<type> tolerance, ffi::Buffer<type> unit,
                               ffi::Buffer<ffi::F32> unit32, ffi::RemainingArgs arguments,
                               ffi::Result<ffi::Buffer<type>> solution,
                               ffi::Result<ffi::Buffer<ffi::S32>> iterations, int32_t max_iterations,
                               int32_t smoothing_steps, float smoothed_range, float krylov_enough) try {
  using T = ffi::NativeType<type>;
  const Unit<T> matrix(unit.typed_data());
  const Unit<float> single(unit32.typed_data());
  if (!matrix.symmetric || !single.symmetric) return not_symmetric();
  Multigrid multigrid;
  const Settings settings{smoothing_steps, smoothed_range, krylov_enough};
  ffi::Error error = read_levels(arguments, &single, settings, &multigrid);
  if (error.failure()) return error;

  const Level& finest = multigrid.levels.front();
  const int64_t rows = finest.rows, size = kAxes * rows;
  const int64_t mode_count = modes.element_count() / size;
  const float* inverse = finest.inverse_diagonal;
  const Scaled<T> elements{coefficient.typed_data(), &matrix, finest.visits.run, rows};
  Aligned<T> residual(size), direction(size), image(size);
  Aligned<float> scaled(size), cycled(size);
  T *x = solution->typed_data(), *r = residual.get(), *p = direction.get(), *q = image.get();
  float *b = scaled.get(), *z = cycled.get();
  // q = K v on free degrees of freedom; returns v . q
  std::vector<double> parts(Chunks::kMost);
  const auto multiply_free = [&](const T* v) {
    std::fill(parts.begin(), parts.end(), 0.0);
    product<T>(finest.chunks, finest.nodes, rows, elements, v, q, [&](int64_t begin, int64_t end, int64_t chunk) {
      double sum = 0;
      for (int a = 0; a < kAxes; ++a) {
#pragma omp simd reduction(+ : sum)
        for (int64_t i = a * rows + begin; i < a * rows + end; ++i) {
          q[i] = inverse[i] != 0 ? q[i] : T(0);
          sum += double(v[i]) * q[i];
        }
      }
      parts[chunk] += sum;
    });
    double energy = 0;
    for (double part : parts) energy += part;
    return energy;
  };
  const auto remove_modes = [&](T* v) {
    for (int64_t mode = 0; mode < mode_count; ++mode) {
      const T* m = modes.typed_data() + mode * size;
      const T part = T(total(size, [=](int64_t i) { return double(m[i]) * v[i]; }));
      entries(size, [=](int64_t i) { v[i] -= part * m[i]; });
    }
  };

  const T* load = right.typed_data();
  const auto square = [=](int64_t i) { return double(r[i]) * r[i]; };
  entries(size, [=](int64_t i) { r[i] = inverse[i] != 0 ? load[i] : T(0); });
  remove_modes(r);
  const double target = double(*tolerance.typed_data()) * std::sqrt(total(size, square));
  if (start.element_count() == right.element_count()) {
    const T* from = start.typed_data();
    entries(size, [=](int64_t i) { x[i] = inverse[i] != 0 ? from[i] : T(0); });
    multiply_free(x);
    entries(size, [=](int64_t i) { r[i] -= q[i]; });
  } else {
    entries(size, [=](int64_t i) { x[i] = 0; });
  }
  entries(size, [=](int64_t i) { p[i] = 0, q[i] = 0; });
  double norm = std::sqrt(total(size, square)), rho = 1, alpha = 0;
  int32_t iteration = 0;
  Aligned<T> lifted(mode_count > 0 ? size : 0);
  // the cycle gets the residual over its norm of the step before
  double scale = norm;
  entries(size, [=](int64_t i) { b[i] = float(r[i] / T(scale)); });
  while (norm > target && iteration < max_iterations) {
    multigrid.apply(b, z);
    if (mode_count > 0) {
      T* wide = lifted.get();
      entries(size, [=](int64_t i) { wide[i] = z[i]; });
      remove_modes(wide);
      entries(size, [=](int64_t i) { z[i] = float(wide[i]); });
    }
    double across = 0;
    const double rho_new = scale * total(size, [=](int64_t i) { return double(r[i]) * z[i]; },
                                         [=](int64_t i) { return double(q[i]) * z[i]; }, &across);
    // z . (r - r of the step before) / rho, where the difference is -alpha q
    const T grow = T(scale), beta = T(-alpha * scale * across / rho), step_before = T(alpha);
    entries(size, [=](int64_t i) {
      x[i] += step_before * p[i];
      p[i] = grow * T(z[i]) + beta * p[i];
    });
    alpha = rho_new / multiply_free(p);
    scale = norm;
    const T step = T(alpha), shrink = T(1 / scale);
    norm = std::sqrt(total(size, [=](int64_t i) {
      r[i] -= step * q[i];
      b[i] = float(r[i] * shrink);
      return double(r[i]) * r[i];
    }));
    rho = rho_new;
    ++iteration;
    if (!std::isfinite(norm)) break;
  }
  const T last = T(alpha);
  entries(size, [=](int64_t i) { x[i] = inverse[i] != 0 ? x[i] + last * p[i] : load[i]; });
  *iterations->typed_data() = iteration;
  return ffi::Error::Success();
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(osteon_cycle, cycle,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .RemainingArgs()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Attr<int32_t>("smoothing_steps")
                                  .Attr<float>("smoothed_range")
                                  .Attr<float>("krylov_enough"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(osteon_diagonal, diagonal,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(osteon_largest, largest,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Attr<int32_t>("steps"));

#define OSTEON_PRODUCT(symbol, type)                              \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(symbol, scaled_product<type>,     \
                                ffi::Ffi::Bind()                  \
                                    .Arg<ffi::Buffer<type>>()     \
                                    .Arg<ffi::Buffer<type>>()     \
                                    .Arg<ffi::Buffer<ffi::S32>>() \
                                    .Arg<ffi::Buffer<ffi::U8>>()  \
                                    .Arg<ffi::Buffer<ffi::S32>>() \
                                    .Arg<ffi::Buffer<type>>()     \
                                    .Ret<ffi::Buffer<type>>())
OSTEON_PRODUCT(osteon_product_f32, ffi::F32);
OSTEON_PRODUCT(osteon_product_f64, ffi::F64);

#define OSTEON_INVERSE(symbol, type)                         \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(symbol, inverse<type>,       \
                                ffi::Ffi::Bind()             \
                                    .Arg<ffi::Buffer<type>>() \
                                    .Ret<ffi::Buffer<ffi::F32>>())
OSTEON_INVERSE(osteon_inverse_f32, ffi::F32);
OSTEON_INVERSE(osteon_inverse_f64, ffi::F64);

#define OSTEON_CONJUGATE_GRADIENTS(symbol, type)                      \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(symbol, conjugate_gradients<type>,    \
                                ffi::Ffi::Bind()                      \
                                    .Arg<ffi::Buffer<type>>()         \
                                    .Arg<ffi::Buffer<type>>()         \
                                    .Arg<ffi::Buffer<type>>()         \
                                    .Arg<ffi::Buffer<type>>()         \
                                    .Arg<ffi::Buffer<type>>()         \
                                    .Arg<ffi::Buffer<type>>()         \
                                    .Arg<ffi::Buffer<ffi::F32>>()     \
                                    .RemainingArgs()                  \
                                    .Ret<ffi::Buffer<type>>()         \
                                    .Ret<ffi::Buffer<ffi::S32>>()     \
                                    .Attr<int32_t>("max_iterations")  \
                                    .Attr<int32_t>("smoothing_steps") \
                                    .Attr<float>("smoothed_range")    \
                                    .Attr<float>("krylov_enough"))
OSTEON_CONJUGATE_GRADIENTS(osteon_conjugate_gradients_f32, ffi::F32);
OSTEON_CONJUGATE_GRADIENTS(osteon_conjugate_gradients_f64, ffi::F64);

}  // namespace osteon
