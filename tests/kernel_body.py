"""What every table of kernels shares: the form of a row, and a small body."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import fem

BOTH = ("float32", "float64")
"""Precisions of a kernel."""
SINGLE = ("float32",)
"""The one that a kernel which takes long to trace is left in to the slow tests."""


@dataclass(frozen=True)
class Kernel:
    """One traced function of the public interface."""

    name: str
    """package and function"""
    function: Callable[..., Any]
    """the function of arrays"""
    arguments: Callable[[Any], tuple[Any, ...]]
    """positional arguments in a precision"""
    differentiable: bool = True
    """whether reverse mode applies"""
    slow: tuple[str, ...] = ()
    """precisions in which tracing it is left to the slow tests"""

    def value_and_gradient(self, *arguments: Any) -> tuple[Any, Any]:
        """Value, and the gradient of half the sum of squares of its real outputs by the first argument."""
        if not self.differentiable:
            return self.function(*arguments), None

        def half_square(first, *rest):
            value = self.function(first, *rest)
            real = [leaf for leaf in jax.tree.leaves(value) if jnp.issubdtype(leaf.dtype, jnp.floating)]
            return 0.5 * sum(jnp.vdot(leaf, leaf) for leaf in real), value

        (_, value), gradient = jax.value_and_grad(half_square, has_aux=True)(*arguments)
        return value, gradient


def body_mask() -> np.ndarray:
    """A 5 x 4 x 6 block with a hole through it."""
    mask = np.ones((5, 4, 6), bool)
    mask[2, 1:3, 2:4] = False
    return mask


@cache
def body_plan(load: str = "axial") -> fem.Plan:
    sizes = {
        "bending-x": {"angle_rad": 0.01},
        "kinematic-uniform": {"strain": (0.01, 0.0, 0.0, 0.0, 0.004, 0.0)},
        "periodic": {"strain": (0.01, 0.0, 0.0, 0.0, 0.004, 0.0)},
        "force": {"force_n": (10.0, 0.0, -50.0)},
    }
    size = sizes.get(load, {"strain": -0.01})
    return fem.make_plan(body_mask(), 1.0, fem.load_case(load, **size), coarsest_nodes=30)


def body_count() -> int:
    return int(body_mask().sum())


def vector(dtype, low: float, high: float, count: int | None = None) -> jax.Array:
    """Numbers from low to high in an irregular order."""
    count = body_count() if count is None else count
    order = np.random.default_rng(7).permutation(count)
    return jnp.asarray(np.linspace(low, high, count)[order], dtype)


def body_elements() -> jax.Array:
    return jnp.asarray(np.argwhere(body_mask()))


def body_compartments() -> jax.Array:
    return jnp.asarray(1 + np.arange(body_count()) % 2)


def body_density(dtype) -> jax.Array:
    return vector(dtype, 0.1, 0.5)


def bending_load() -> fem.LoadCase:
    return fem.load_case("bending-x", angle_rad=0.01)
