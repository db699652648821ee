"""Geometric multigrid preconditioner: values of the hierarchy, smoother and cycle, all in float32.

Level 0 is the bone itself; level 1 is rediscretised (a coarse modulus per element); from level 2 on the
operators are Galerkin products, one 24 x 24 matrix per coarse element. Every coarse problem is solved by at
most two steps of conjugate gradients preconditioned by the cycle of its level (K-cycle: Notay and Vassilevski
2008, Numer. Linear Algebra Appl. 15, 473). The smoother is a Chebyshev polynomial of the diagonally scaled
operator (Adams, Brezina, Hu, Tuminaro 2003, J. Comput. Phys. 188, 593).

On the CPU the cycle runs in the compiled library of `_native` where there is one, else as plain JAX.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from . import _native
from ._hex8 import element_stiffness
from ._hierarchy import CHILD_INTERPOLATION, INTERPOLATION
from ._operator import (
    apply_full,
    apply_scaled,
    by_axis,
    by_node,
    diagonal_full,
    diagonal_scaled,
    unit_stiffness,
)
from ._plan import Plan


class CycleSettings(NamedTuple):
    """Constants of the cycle."""

    smoothing_steps: int = 2
    """Degree of the Chebyshev smoother, before and after each coarse correction."""
    smoothed_range: float = 8.0
    """Ratio of the largest to the smallest eigenvalue that the smoother damps."""
    krylov_enough: float = 0.25
    """A coarse problem gets its second step unless the first has cut the residual to this share."""


SETTINGS = CycleSettings()


@dataclass(frozen=True)
class LevelValues:
    """What depends on the moduli on one level."""

    coefficient: jax.Array | None
    """Modulus times edge length, N/mm, shape (blocks, block); None on Galerkin levels."""
    matrices: jax.Array | None
    """Element matrices, N/mm, shape (blocks, block, 24, 24); None on the first two levels."""
    inverse_diagonal: jax.Array
    """Inverse of the diagonal, zero where prescribed, mm/N, shape (3, rows)."""
    largest: jax.Array
    """Upper bound of the eigenvalues of the diagonally scaled operator, scalar."""


jax.tree_util.register_dataclass(
    LevelValues,
    data_fields=["coefficient", "matrices", "inverse_diagonal", "largest"],
    meta_fields=[],
)


def scaled_eigenvalue_bound(material) -> float:
    """Largest eigenvalue of D^-1 K of one element: bounds that of any assembly of scaled copies (5.318 for
    a Poisson ratio of 0.3)."""
    stiffness = element_stiffness(material)
    scale = 1 / np.sqrt(np.diag(stiffness))
    return float(np.linalg.eigvalsh(scale[:, None] * stiffness * scale).max())


def build_values(modulus, plan: Plan):
    """Values of every level for the given moduli.

    Args:
      modulus: axial modulus of the elements, MPa, shape (ne,).
      plan: the plan.

    Returns:
      A tuple of `LevelValues`, and the inverse of the coarsest operator, float32. They carry no derivative:
      an answer does not depend on its preconditioner.
    """
    modulus, plan = lax.stop_gradient((modulus, plan))
    single = jnp.float32
    unit = element_stiffness(plan.material)
    padded_unit = unit_stiffness(plan.material, single)
    bound = jnp.asarray(scaled_eigenvalue_bound(plan.material), single)
    values = []
    coefficient = matrices = None
    for number, level in enumerate(plan.levels):
        shape = level.connectivity.shape[:2]
        if number == 0:
            padded = jnp.zeros(shape[0] * shape[1], single).at[: modulus.shape[0]].set(modulus.astype(single))
            coefficient = (padded * plan.voxel_mm.astype(single)).reshape(shape)
        elif number == 1:
            transfer = plan.levels[0].transfer
            assert coefficient is not None
            assert transfer is not None
            # sum over eight children of E / 8, times the doubled edge
            total = jnp.zeros(shape[0] * shape[1], single).at[transfer.parent].add(coefficient.ravel() / 4)
            coefficient = total.reshape(shape)
        elif number == 2:
            matrices = _galerkin_of_coefficients(plan.levels[1], coefficient, unit, shape)
            coefficient = None
        else:
            matrices = _galerkin_of_matrices(plan.levels[number - 1], matrices, shape)
        values.append(_level_values(level, coefficient, matrices, padded_unit, bound))
    return tuple(values), _coarsest_inverse(plan, values[-1], unit)


def _galerkin_of_coefficients(level, coefficient, unit, shape):
    """Galerkin matrices of a level whose fine elements are multiples of one matrix.

    Eight products P_o^T K P_o, one per octant, serve every element without a held degree of freedom; only
    the few with one need a product of their own.
    """
    transfer = level.transfer
    single = jnp.float32
    count = shape[0] * shape[1]
    prolong = np.einsum("ojk,ab->ojakb", CHILD_INTERPOLATION, np.eye(3)).reshape(8, 24, 24)
    products = jnp.asarray(np.einsum("oia,ij,ojb->oab", prolong, unit, prolong), single)
    flat = coefficient.ravel()
    whole = flat.at[transfer.held].set(0)
    weights = jnp.zeros((count, 8), single).at[transfer.parent, transfer.octant].add(whole)
    total = (weights @ products.reshape(8, 576)).reshape(count, 24, 24)
    nodes = level.connectivity.reshape(-1, 8)[transfer.held]
    matrices = flat[transfer.held, None, None] * jnp.asarray(unit, single)
    held = _child_products(level, nodes, transfer.octant[transfer.held], matrices)
    return total.at[transfer.parent[transfer.held]].add(held).reshape(*shape, 24, 24)


def _galerkin_of_matrices(level, matrices, shape):
    """Galerkin matrices of a level whose fine elements have a matrix each."""
    transfer = level.transfer
    blocks, block = level.connectivity.shape[:2]

    def add_block(total, inputs):
        nodes, parent, octant, matrix = inputs
        return total.at[parent].add(_child_products(level, nodes, octant, matrix)), None

    places = (transfer.parent.reshape(blocks, block), transfer.octant.reshape(blocks, block))
    start = jnp.zeros((shape[0] * shape[1], 24, 24), jnp.float32)
    total = lax.scan(add_block, start, (level.connectivity, *places, matrices))[0]
    return total.reshape(*shape, 24, 24)


def _child_products(level, nodes, octant, matrices):
    """P^T K P of each element, with the held degrees of freedom left out of K, shape (elements, 24, 24)."""
    free = level.free.T.at[nodes].get(mode="promise_in_bounds").astype(matrices.dtype)
    matrices = matrices.reshape(-1, 8, 3, 8, 3) * free[..., None, None] * free[:, None, None]
    weights = jnp.asarray(CHILD_INTERPOLATION, matrices.dtype)[octant]
    half = jnp.einsum("epk,epaqb->ekaqb", weights, matrices)
    return jnp.einsum("ekaqb,eql->ekalb", half, weights).reshape(-1, 24, 24)


def _level_values(level, coefficient, matrices, unit, bound):
    rows = level.free.shape[1]
    if matrices is None:
        diagonal = _scaled_diagonal(coefficient, level, unit, rows)
    else:
        diagonal = diagonal_full(matrices, level.connectivity, rows)
    usable = level.free & (diagonal > 0)
    inverse = jnp.where(usable, 1 / jnp.where(usable, diagonal, 1), 0)
    values = LevelValues(coefficient, matrices, inverse, bound)
    if matrices is None:
        return values
    return LevelValues(None, matrices, inverse, 1.1 * _power_iteration(level, values, unit))


def _scaled_diagonal(coefficient, level, unit, rows):
    def compiled(coefficient):
        local = jnp.diag(unit).reshape(8, 4)[:, :3]
        return _native.diagonal(coefficient, level.connectivity, level.reach, local, rows)

    def plain(coefficient):
        return diagonal_scaled(coefficient, level.connectivity, unit, rows)

    return _native.choose(coefficient, compiled=compiled, plain=plain)


def _power_iteration(level, values, unit, steps=20):
    """Largest eigenvalue of D^-1 K of a Galerkin level, from below."""
    rows = level.free.shape[1]
    start = jnp.sin(1.0 + 37.0 * jnp.arange(3 * rows, dtype=jnp.float32)).reshape(3, rows) * level.free
    start = start / jnp.maximum(jnp.sqrt(jnp.vdot(start, start)), 1e-30)

    def compiled(matrices, diagonal, start):
        return _native.largest_eigenvalue(matrices, level.connectivity, level.reach, diagonal, start, steps)

    def plain(matrices, diagonal, start):
        here = LevelValues(None, matrices, diagonal, values.largest)

        def step(_, state):
            product = diagonal * _apply(level, here, state[0], unit)
            size = jnp.sqrt(jnp.vdot(product, product))
            return product / jnp.maximum(size, 1e-30), size

        return lax.fori_loop(0, steps, step, (start, jnp.float32(1)))[1]

    arguments = (values.matrices, values.inverse_diagonal, start)
    largest = _native.choose(*arguments, compiled=compiled, plain=plain)
    # never below 1: the diagonal entries of D^-1 K are 1
    return jnp.maximum(largest, 1.0)


def _apply(level, values, vector, unit):
    if values.matrices is None:
        product = apply_scaled(values.coefficient, vector, level.connectivity, unit)
    else:
        product = apply_full(values.matrices, vector, level.connectivity)
    return jnp.where(level.free, product, 0)


def _coarsest_inverse(plan, values, unit):
    """Dense inverse, computed in the widest float; rigid motions that cost nothing are lifted."""
    level = plan.levels[-1]
    rows = level.free.shape[1]
    wide = jnp.result_type(float)
    if values.matrices is None:
        local = values.coefficient.reshape(-1, 1, 1) * jnp.asarray(unit, jnp.float32)
    else:
        local = values.matrices.reshape(-1, 24, 24)
    degrees = (level.connectivity.reshape(-1, 8, 1) + rows * jnp.arange(3)).reshape(-1, 24)
    dense = jnp.zeros((3 * rows, 3 * rows), wide)
    dense = dense.at[degrees[:, :, None], degrees[:, None, :]].add(local.astype(wide))
    free = level.free.reshape(-1)
    dense = jnp.where(free[:, None] & free[None], dense, 0)
    diagonal = jnp.diagonal(dense)
    usable = free & (diagonal > 0)
    mean = jnp.sum(jnp.where(usable, diagonal, 0)) / jnp.maximum(jnp.sum(usable), 1)
    # a sliver of stiffness keeps hinges, which carry no load, from making the matrix singular
    dense = dense + jnp.diag(jnp.where(usable, 1e-6 * diagonal, mean))
    if plan.free_motions:
        modes = free_modes(plan, level, wide).reshape(3, -1)
        dense = dense + mean * modes.T @ modes
    inverse = _invert(dense)
    return jnp.where(usable[:, None] & usable[None], inverse, 0)


def _invert(dense):
    """Inverse of a symmetric positive definite matrix, float32."""

    def plain(dense):
        unit = jnp.eye(dense.shape[0], dtype=dense.dtype)
        return jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(dense), True), unit).astype(jnp.float32)

    return _native.choose(dense, compiled=_native.inverse, plain=plain)


def free_modes(plan: Plan, level, dtype):
    """Orthonormal rigid motions of a level that cost no energy, shape (3, 3, rows)."""
    if plan.free_motions == "in-plane":
        return in_plane_modes(level.coordinates[:2].astype(dtype), level.free, dtype)
    weight = jnp.where(level.free[0], 1.0, 0.0).astype(dtype)
    weight = weight / jnp.sqrt(jnp.sum(weight))
    return weight * jnp.eye(3, dtype=dtype)[:, :, None]


def in_plane_modes(coordinates, free, dtype):
    """Orthonormal rigid motions of the plane: two translations and the turn about z, shape (3, 3, rows)."""
    weight = jnp.where(free[0], 1.0, 0.0).astype(dtype)
    coordinates = coordinates.astype(dtype)
    centre = jnp.sum(coordinates * weight, axis=1, keepdims=True) / jnp.sum(weight)
    x, y = (coordinates - centre) * weight
    zero = jnp.zeros_like(weight)
    modes = jnp.stack(
        [jnp.stack([weight, zero, zero]), jnp.stack([zero, weight, zero]), jnp.stack([-y, x, zero])]
    )
    # centred, the three are orthogonal to each other
    return modes / jnp.sqrt(jnp.sum(modes**2, axis=(1, 2), keepdims=True))


def _smooth(level, values, unit, vector, right):
    """Chebyshev iterations from `vector`; None stands for a start at zero and saves one product."""
    theta = values.largest * (1 + 1 / SETTINGS.smoothed_range) / 2
    delta = values.largest * (1 - 1 / SETTINGS.smoothed_range) / 2
    sigma = theta / delta
    rho = 1 / sigma
    residual = right if vector is None else right - _apply(level, values, vector, unit)
    change = values.inverse_diagonal * residual / theta
    vector = change if vector is None else vector + change
    for _ in range(SETTINGS.smoothing_steps - 1):
        residual = right - _apply(level, values, vector, unit)
        rho, before = 1 / (2 * sigma - rho), rho
        change = rho * before * change + (2 * rho / delta) * values.inverse_diagonal * residual
        vector = vector + change
    return vector


def prolong(transfer, coarse, rows):
    """Values of a level from those of the next coarser one, shape (3, rows)."""
    weights = jnp.asarray(INTERPOLATION, coarse.dtype)

    def block(fine, inputs):
        nodes, slots = inputs
        local = jnp.einsum("pk,ekc->epc", weights, coarse.at[nodes].get(mode="promise_in_bounds"))
        return fine.at[slots].set(local, mode="promise_in_bounds"), None

    coarse = by_node(coarse)
    start = jnp.zeros((rows, 4), coarse.dtype)
    return by_axis(lax.scan(block, start, (transfer.connectivity, transfer.slots))[0])


def restrict(transfer, fine, rows):
    """Transpose of `prolong`: sums over the finer level, shape (3, rows)."""
    weights = jnp.asarray(INTERPOLATION, fine.dtype)

    def block(coarse, inputs):
        nodes, slots = inputs
        local = jnp.einsum("pk,epc->ekc", weights, fine.at[slots].get(mode="promise_in_bounds"))
        return coarse.at[nodes].add(local, mode="promise_in_bounds"), None

    fine = by_node(fine)
    start = jnp.zeros((rows, 4), fine.dtype)
    return by_axis(lax.scan(block, start, (transfer.connectivity, transfer.slots))[0])


def flat_levels(plan: Plan, values, inverse):
    """Arrays of the hierarchy in the order in which the compiled library reads them."""
    flat = []
    for level, value in zip(plan.levels[:-1], values[:-1], strict=True):
        operator = value.coefficient if value.matrices is None else value.matrices
        transfer = level.transfer
        assert transfer is not None
        flat += [level.connectivity, level.run, level.reach, operator, value.inverse_diagonal, value.largest]
        flat += [transfer.connectivity, transfer.reach, transfer.in_order, transfer.slots]
    return [*flat, values[-1].inverse_diagonal, inverse]


def precondition(plan: Plan, values, inverse, right):
    """One multigrid cycle from zero: an approximation of K^-1 right, float32, shape (3, rows)."""
    unit = unit_stiffness(plan.material, jnp.float32)

    def compiled(right):
        return _native.cycle(right, unit, flat_levels(plan, values, inverse), SETTINGS)

    def plain(right):
        return _cycle(plan, values, inverse, unit, 0, right)

    # a single level is solved directly as it is
    return _native.choose(right, compiled=compiled, plain=plain, when=len(plan.levels) > 1)


def _cycle(plan, values, inverse, unit, number, right):
    level = plan.levels[number]
    if number == len(plan.levels) - 1:
        return (inverse @ right.reshape(-1)).reshape(right.shape)
    below = plan.levels[number + 1]
    vector = _smooth(level, values[number], unit, None, right)
    residual = right - _apply(level, values[number], vector, unit)
    coarse_right = jnp.where(below.free, restrict(level.transfer, residual, below.free.shape[1]), 0)
    coarse = _krylov(plan, values, inverse, unit, number + 1, coarse_right)
    correction = prolong(level.transfer, coarse, vector.shape[1])
    vector = vector + jnp.where(level.free, correction, 0)
    return _smooth(level, values[number], unit, vector, right)


def _krylov(plan, values, inverse, unit, number, right):
    """At most two steps of flexible conjugate gradients on a coarse level, preconditioned by its cycle."""
    if number == len(plan.levels) - 1:
        return _cycle(plan, values, inverse, unit, number, right)
    level = plan.levels[number]
    enough = SETTINGS.krylov_enough**2 * jnp.vdot(right, right)

    def go_on(state):
        step, _, residual, _, _, energy = state
        return (step < 2) & (energy > 0) & ((step == 0) | (jnp.vdot(residual, residual) > enough))

    def one(state):
        step, solution, residual, direction, image, energy = state
        scaled = _cycle(plan, values, inverse, unit, number, residual)
        direction = scaled - jnp.vdot(scaled, image) / energy * direction
        image = _apply(level, values[number], direction, unit)
        energy = jnp.vdot(direction, image)
        length = jnp.where(energy > 0, jnp.vdot(direction, residual) / jnp.where(energy > 0, energy, 1), 0)
        return step + 1, solution + length * direction, residual - length * image, direction, image, energy

    zero = jnp.zeros_like(right)
    start = (jnp.int32(0), zero, right, zero, zero, jnp.float32(1))
    return lax.while_loop(go_on, one, start)[1]
