"""Strain, stress and strain energy density of the elements of an unstructured mesh."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from meshes import ELEMENTS

from ._fields import ElementFields, fields_of
from ._mesh_operator import _PAIRS, point_moduli
from ._mesh_plan import MeshPlan


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PointFields:
    """Fields at the points of integration of the elements of one type."""

    strain: jax.Array
    "order xx yy zz yz xz xy, engineering shear, -, shape (n, q, 6)"
    stress: jax.Array
    "in the same order, MPa, shape (n, q, 6)"
    sed: jax.Array
    "strain energy density, MPa, shape (n, q)"
    volume: jax.Array
    "volume that each point stands for, mm3, shape (n, q)"


def mesh_point_fields(displacement, modulus, plan: MeshPlan) -> dict[str, PointFields]:
    """Fields at the points of integration, by type of element.

    Args:
      displacement: mm, shape (nn, 3).
      modulus: MPa, as in `solve_mesh`.
      plan: the plan.
    """
    result = {}
    for block, moduli in zip(plan.blocks, point_moduli(modulus, plan), strict=True):
        element = ELEMENTS[block.name]
        inverse = _by_element(block, jnp.moveaxis(block.inverse, (0, 1), (-2, -1))).astype(displacement.dtype)
        volume = _by_element(block, block.weight).astype(displacement.dtype)
        gradients = element.gradients_at(element.quadrature[0])
        strain, stress = _strain_and_stress(displacement, plan, block, inverse, gradients)
        stress = _by_element(block, moduli)[..., None] * stress
        result[block.name] = PointFields(strain, stress, jnp.sum(stress * strain, -1) / 2, volume)
    return result


def mesh_element_fields(displacement, modulus, plan: MeshPlan, *, effective="centroid") -> ElementFields:
    """One value per element, in the numbering of the mesh.

    Args:
      displacement: mm, shape (nn, 3).
      modulus: MPa, as in `solve_mesh`; the centroid takes the mean over the volume of the element.
      plan: the plan.
      effective: whether the effective strain is made of the strain energy density at the "centroid" or of its
        "mean" over the volume.

    Returns:
      `ElementFields`, as of a voxel body.

    Raises:
      ValueError: unknown `effective`.
    """
    if effective not in ("centroid", "mean"):
        raise ValueError(f'`effective` must be "centroid" or "mean", got {effective!r}')
    points = mesh_point_fields(displacement, modulus, plan)
    parts = []
    for block, moduli in zip(plan.blocks, point_moduli(modulus, plan), strict=True):
        element, at = ELEMENTS[block.name], points[block.name]
        centre = element.nodes[: element.corners].mean(axis=0)
        gradients = element.gradients_at(centre[None])
        nodes = block.flat(block.connectivity)
        jacobian = jnp.einsum("qki,nkj->nqij", gradients, plan.points[nodes])
        inverse = jnp.swapaxes(_inverse_of_3x3(jacobian), -1, -2).astype(displacement.dtype)
        strain, unit = _strain_and_stress(displacement, plan, block, inverse, gradients)
        total = jnp.sum(at.volume, axis=1)
        scale = jnp.sum(_by_element(block, moduli) * at.volume, axis=1) / total
        stress = scale[:, None] * unit[:, 0]
        mean = jnp.sum(at.sed * at.volume, axis=1) / total
        centroid = jnp.sum(stress * strain[:, 0], axis=1) / 2
        parts.append(fields_of(strain[:, 0], stress, mean, centroid, scale, effective))
    return jax.tree.map(lambda *arrays: jnp.concatenate(arrays), *parts)


def integration_points(plan: MeshPlan) -> dict[str, jax.Array]:
    """Positions of the points of integration by type of element, mm, shape (n, q, 3)."""
    result = {}
    for block in plan.blocks:
        element = ELEMENTS[block.name]
        corner = plan.points[block.flat(block.connectivity)]
        shapes = jnp.asarray(element.shapes_at(element.quadrature[0]), corner.dtype)
        result[block.name] = jnp.einsum("qk,nkc->nqc", shapes, corner)
    return result


def element_volumes(plan: MeshPlan) -> jax.Array:
    """Volumes of the elements, mm3, shape (ne,)."""
    return jnp.concatenate([jnp.sum(_by_element(block, block.weight), axis=1) for block in plan.blocks])


def _by_element(block, values):
    """(blocks, q, block, ...) to (n, q, ...)."""
    return block.flat(jnp.swapaxes(values, 1, 2))


def _strain_and_stress(displacement, plan, block, inverse, gradients):
    """Strain, and stress for a modulus of 1 MPa, (n, q, 6) each; `inverse` (n, q, 3, 3)."""
    dtype = displacement.dtype
    local = displacement[block.flat(block.connectivity)]
    reference = jnp.einsum("qki,nkc->nqci", jnp.asarray(np.asarray(gradients), dtype), local)
    gradient = jnp.einsum("nqci,nqij->nqcj", reference, inverse)
    strain = jnp.stack(
        [gradient[..., a, b] if a == b else gradient[..., a, b] + gradient[..., b, a] for a, b in _PAIRS], -1
    )
    table = plan.constitutions.astype(dtype)
    if table.shape[0] == 1:
        return strain, strain @ table[0]
    return strain, jnp.einsum("nij,nqj->nqi", table[block.flat(block.constitution)], strain)


def _inverse_of_3x3(matrix):
    """By cross products of the columns."""
    first, second, third = (matrix[..., :, i] for i in range(3))
    rows = jnp.stack([jnp.cross(second, third), jnp.cross(third, first), jnp.cross(first, second)], -2)
    return rows / jnp.sum(first * rows[..., 0, :], -1)[..., None, None]
