"""The compiled form of the solver on the CPU: where it is, whether this processor runs it, and its calls.

`setup.py` compiles fem/native/ where a C++ compiler is at hand, once per level of the x86-64 instruction set.
Where nothing was compiled, and on other devices, the same mathematics runs as plain JAX.
"""

import ctypes
import platform
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

_FUNCTIONS = (
    "osteon_cycle",
    "osteon_diagonal",
    "osteon_inverse_f32",
    "osteon_inverse_f64",
    "osteon_largest",
    "osteon_product_f32",
    "osteon_product_f64",
    "osteon_conjugate_gradients_f32",
    "osteon_conjugate_gradients_f64",
)
_INSTRUCTION_SETS = (
    ("x86_64_v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
    ("x86_64_v3", {"avx2", "bmi1", "bmi2", "f16c", "fma"}),
)
"""Builds for x86-64, best first, and the processor flags of Linux that each needs."""


@cache
def compiled_solver() -> str | None:
    """Name of the compiled library in use, its functions registered with JAX; None where there is none."""
    for name in _candidates():
        for suffix in EXTENSION_SUFFIXES:
            path = Path(__file__).with_name(f"_solver_{name}{suffix}")
            if path.is_file():
                _register(path)
                return path.name
    return None


def choose(*arguments, compiled, plain, when: bool = True):
    """`compiled` of the arguments where a program runs on the CPU and the library is there, else `plain`.

    Args:
      arguments: arrays, or None.
      compiled: a call of this file.
      plain: the same mathematics in JAX.
      when: whether the compiled form takes this case at all.
    """
    if not when or compiled_solver() is None:
        return plain(*arguments)
    return lax.platform_dependent(*arguments, cpu=compiled, default=plain)


def _candidates() -> list[str]:
    if platform.machine() not in ("x86_64", "AMD64"):
        return ["generic"]
    flags = _processor_flags()
    return [name for name, needed in _INSTRUCTION_SETS if needed <= flags]


def _processor_flags() -> set[str]:
    listing = Path("/proc/cpuinfo")
    if not listing.is_file():
        return set()
    lines = (line for line in listing.read_text().splitlines() if line.startswith("flags"))
    return set(next(lines, "").partition(":")[2].split())


def _register(path: Path) -> None:
    loaded = ctypes.CDLL(str(path))
    for name in _FUNCTIONS:
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(getattr(loaded, name)), platform="cpu")


def _suffix(dtype) -> str:
    return "f64" if dtype == jnp.float64 else "f32"


def product(coefficient, vector, elements, matrix):
    """`_operator.apply_scaled` by the compiled library; `elements` are the connectivity, runs and reach."""
    call = jax.ffi.ffi_call(
        f"osteon_product_{_suffix(vector.dtype)}",
        jax.ShapeDtypeStruct(vector.shape, vector.dtype),
        vmap_method="sequential",
    )
    return call(coefficient, vector, *elements, matrix)


def inverse(matrix):
    """Inverse of a symmetric positive definite matrix, float32, by the compiled library."""
    call = jax.ffi.ffi_call(
        f"osteon_inverse_{_suffix(matrix.dtype)}",
        jax.ShapeDtypeStruct(matrix.shape, jnp.float32),
        vmap_method="sequential",
    )
    return call(matrix)


def diagonal(coefficient, connectivity, reach, local, rows):
    """`_operator.diagonal_scaled` in float32 by the compiled library; `local` of shape (8, 3)."""
    call = jax.ffi.ffi_call(
        "osteon_diagonal", jax.ShapeDtypeStruct((3, rows), jnp.float32), vmap_method="sequential"
    )
    return call(coefficient, connectivity, reach, local)


def largest_eigenvalue(matrices, connectivity, reach, inverse_diagonal, start, steps):
    """The power method of `_multigrid._power_iteration` by the compiled library."""
    call = jax.ffi.ffi_call("osteon_largest", jax.ShapeDtypeStruct((), jnp.float32), vmap_method="sequential")
    return call(matrices, connectivity, reach, inverse_diagonal, start, steps=np.int32(steps))


def cycle(right, unit, levels, settings):
    """`_multigrid.precondition` by the compiled library; `levels` as made by `_multigrid.flat_levels`."""
    call = jax.ffi.ffi_call(
        "osteon_cycle", jax.ShapeDtypeStruct(right.shape, jnp.float32), vmap_method="sequential"
    )
    return call(right, unit, *levels, **_attributes(settings))


def conjugate_gradients(coefficient, right, start, modes, rtol, unit, levels, settings, max_iterations):
    """`_solve._conjugate_gradients` with its preconditioner by the compiled library.

    Args:
      coefficient: modulus times edge, N/mm, in the precision of the iteration, shape (blocks, block).
      right: right-hand side, shape (3, rows).
      start: start of the iteration, shape (3, rows), or None for zero.
      modes: orthonormal motions without energy, shape (m, 3, rows), or None.
      rtol: relative residual.
      unit: padded element matrix, shape (32, 32).
      levels: as made by `_multigrid.flat_levels`.
      settings: constants of the cycle.
      max_iterations: bound on the iterations.

    Returns:
      solution, shape (3, rows), equal to `right` where held; iterations.
    """
    dtype = right.dtype
    nothing = jnp.zeros((0,), dtype)
    call = jax.ffi.ffi_call(
        f"osteon_conjugate_gradients_{_suffix(dtype)}",
        (jax.ShapeDtypeStruct(right.shape, dtype), jax.ShapeDtypeStruct((), jnp.int32)),
        vmap_method="sequential",
    )
    return call(
        coefficient,
        right,
        nothing if start is None else start,
        nothing if modes is None else modes,
        jnp.asarray(rtol, dtype),
        unit,
        unit.astype(jnp.float32),
        *levels,
        max_iterations=np.int32(max_iterations),
        **_attributes(settings),
    )


def _attributes(settings):
    return {
        "smoothing_steps": np.int32(settings.smoothing_steps),
        "smoothed_range": np.float32(settings.smoothed_range),
        "krylov_enough": np.float32(settings.krylov_enough),
    }
