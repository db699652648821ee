"""Internal forces of an elastoplastic voxel body, element block by element block.

Nodal vectors are `(nodes, 3)`, histories `(blocks, 7, 8, block)`: plastic strain and its accumulated size at
the eight Gauss points, in the coordinates of `surface_geometry`, in which strain is one matrix product away
from the nodes. Elements are visited in blocks, as by the linear operator, so that the values of a block stay
in cache.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._hex8 import gauss_strain_matrices
from ._plan import Plan
from ._yield import YieldSurface, strain_history, stress_update, surface_geometry

PLASTIC_BLOCK = 1024
"""Elements per block: eight Gauss points of some sixty values each, about 4 MB in float64."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Blocks:
    """A body cut into blocks of elements; the last one is padded with elements without stiffness."""

    connectivity: jax.Array
    "nodes of the elements, shape (blocks, block, 8)"
    modulus: jax.Array
    "MPa, zero where padded, shape (blocks, block)"
    yield_stress: jax.Array
    "compressive yield stress, MPa, one where padded, shape (blocks, block)"


class Energies(NamedTuple):
    """Energies of an increment, N mm."""

    stored: jax.Array
    "energy of elastic strain and of hardening at its end"
    dissipated: jax.Array
    "energy lost between its start and its end, never negative"


def make_blocks(modulus, yield_stress, plan: Plan) -> Blocks:
    """Element vectors (ne,) and connectivity in blocks."""
    count = plan.connectivity.shape[0]
    blocks = -(-count // PLASTIC_BLOCK)
    size = -(-count // blocks)
    padding = blocks * size - count

    def cut(values, fill):
        width = [(0, padding)] + [(0, 0)] * (values.ndim - 1)
        return jnp.pad(values, width, constant_values=fill).reshape(blocks, size, *values.shape[1:])

    return Blocks(cut(plan.connectivity, 0), cut(modulus, 0), cut(yield_stress, 1))


def no_history(blocks: Blocks):
    """History of a body that was never loaded, shape (blocks, 7, 8, block)."""
    count, size = blocks.modulus.shape
    return jnp.zeros((count, 7, 8, size), blocks.modulus.dtype)


def _strain_rows(plan, surface, dtype):
    """Strain in surface coordinates at the Gauss points from the nodes, edge 1 mm, shape (48, 24)."""
    basis = surface_geometry(plan.material, surface).basis
    return jnp.asarray(np.einsum("ji,gjb->igb", basis, gauss_strain_matrices()).reshape(48, 24), dtype)


def _point_stress(displacement, plan, surface, rows, nodes, modulus, yield_stress, history):
    """`stress_update` at the Gauss points of one block of elements: points last, so that they vectorise."""
    size = plan.voxel_mm.astype(displacement.dtype)
    local = displacement.at[nodes].get(mode="promise_in_bounds").reshape(-1, 24)
    strain = (rows @ local.T / size).reshape(6, 8, -1)
    return stress_update(strain, history, modulus, yield_stress, plan.material, surface)


def internal_force(displacement, blocks: Blocks, history, plan: Plan, surface: YieldSurface):
    """Nodal forces of the stress at the end of an increment, N, shape (nn, 3).

    Args:
      displacement: at the end of the increment, mm, shape (nn, 3).
      blocks: moduli and yield stresses.
      history: at its start.

    Linearising by `displacement` gives the consistent tangent; it stores some 200 numbers per element.
    """
    rows = _strain_rows(plan, surface, displacement.dtype)
    area = plan.voxel_mm.astype(displacement.dtype) ** 2 / 8

    def block(total, inputs):
        nodes, *rest = inputs
        stress, _ = _point_stress(displacement, plan, surface, rows, nodes, *rest)
        force = area * (stress.reshape(48, -1).T @ rows)
        return total.at[nodes].add(force.reshape(-1, 8, 3), mode="promise_in_bounds"), None

    inputs = (blocks.connectivity, blocks.modulus, blocks.yield_stress, history)
    return lax.scan(block, jnp.zeros_like(displacement), inputs)[0]


def advance_history(displacement, blocks: Blocks, history, plan: Plan, surface: YieldSurface):
    """Nodal forces, history at the end of a converged increment, and its `Energies`."""
    rows = _strain_rows(plan, surface, displacement.dtype)
    size = plan.voxel_mm.astype(displacement.dtype)
    area, volume = size**2 / 8, size**3 / 8
    slope = surface.hardening / (1 - surface.hardening)

    def block(total, inputs):
        nodes, modulus, yield_stress, before = inputs
        stress, after = _point_stress(displacement, plan, surface, rows, nodes, modulus, yield_stress, before)
        forces, stored, dissipated = total
        forces = forces.at[nodes].add(
            (area * (stress.reshape(48, -1).T @ rows)).reshape(-1, 8, 3), mode="promise_in_bounds"
        )
        elastic = jnp.sum(jnp.sum(stress**2, axis=(0, 1)) / jnp.where(modulus > 0, modulus, 1))
        stored += volume * (elastic + slope * jnp.sum(modulus * after[6] ** 2)) / 2
        dissipated += volume * jnp.sum(yield_stress * (after[6] - before[6]))
        return (forces, stored, dissipated), after

    zero = jnp.zeros((), displacement.dtype)
    inputs = (blocks.connectivity, blocks.modulus, blocks.yield_stress, history)
    (forces, stored, dissipated), after = lax.scan(block, (jnp.zeros_like(displacement), zero, zero), inputs)
    return forces, after, Energies(stored, dissipated)


def yielded_points(history, blocks: Blocks):
    """Share of the Gauss points of every element that has flown, shape (blocks, block)."""
    return jnp.mean(history[:, 6] > 0, axis=1, dtype=blocks.modulus.dtype)


def to_elements(values, plan: Plan):
    """Values (blocks, block, ...) as element values (ne, ...)."""
    return values.reshape(-1, *values.shape[2:])[: plan.connectivity.shape[0]]


def history_of_elements(history, plan: Plan, surface: YieldSurface):
    """History as strains in the order xx yy zz yz xz xy and the accumulated one, shape (ne, 8, 7)."""
    points = to_elements(jnp.moveaxis(history, 3, 1), plan)
    return strain_history(jnp.moveaxis(points, 1, 0), plan.material, surface)


def plastic_forces(displacement, history, modulus, yield_stress, plan: Plan, surface: YieldSurface):
    """Internal forces of the nodes at the end of an increment, N, shape (nn, 3): the reactions where held.

    Args:
      displacement: at the end of the increment, mm, shape (nn, 3).
      history: of `FailureCurve`, at its start or, for the same answer, at its end, shape (ne, 8, 7).
      modulus, yield_stress: MPa, shape (ne,).
    """
    blocks = make_blocks(modulus, yield_stress, plan)
    basis = jnp.asarray(surface_geometry(plan.material, surface).basis, displacement.dtype)
    turned = jnp.concatenate([history[..., :6] @ basis, history[..., 6:]], axis=-1)
    size = blocks.modulus.shape
    padded = jnp.pad(turned, ((0, size[0] * size[1] - turned.shape[0]), (0, 0), (0, 0)))
    history = jnp.moveaxis(padded.reshape(*size, 8, 7), (1, 2, 3), (3, 2, 1))
    return internal_force(displacement, blocks, history, plan, surface)
