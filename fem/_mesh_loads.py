"""Nodal forces of tractions and pressures on faces, and of body forces."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from meshes import ELEMENTS, FACE_ELEMENTS, quadrature

from ._mesh_plan import MeshPlan


def traction_force(points, faces: Mapping[str, Any], traction):
    """Consistent nodal forces of a traction on faces.

    Args:
      points: positions of the nodes, mm, shape (nn, 3).
      faces: a face set of a mesh: face type to nodes, shape (m, k).
      traction: N/mm2, shape (3,), or a function of positions (..., 3) that gives tractions (..., 3).

    Returns:
      N, shape (nn, 3); their sum is the integral of the traction. Differentiable in a constant traction.
    """
    points = jnp.asarray(points)
    total = jnp.zeros_like(points)
    for kind, nodes in faces.items():
        shapes, place, normal = _face_points(points, kind, nodes)
        area = jnp.linalg.norm(normal, axis=-1)
        values = (
            traction(place) if callable(traction) else jnp.broadcast_to(jnp.asarray(traction), place.shape)
        )
        total = _add(total, nodes, shapes, values * area[..., None])
    return total


def pressure_force(points, faces: Mapping[str, Any], pressure_mpa):
    """Consistent nodal forces of a pressure on faces whose normals point outward.

    Args:
      points: positions of the nodes, mm, shape (nn, 3).
      faces: a face set of a mesh: face type to nodes, shape (m, k).
      pressure_mpa: N/mm2, scalar; positive pushes inward.

    Returns:
      N, shape (nn, 3). Of a closed surface they sum to zero. Differentiable in the pressure.
    """
    points = jnp.asarray(points)
    total = jnp.zeros_like(points)
    for kind, nodes in faces.items():
        shapes, _, normal = _face_points(points, kind, nodes)
        total = _add(total, nodes, shapes, -jnp.asarray(pressure_mpa) * normal)
    return total


def body_force(plan: MeshPlan, density, *, degree: int = 4):
    """Consistent nodal forces of a force per volume.

    Args:
      plan: the plan, for its elements.
      density: N/mm3, shape (3,), or a function of positions (..., 3) that gives values (..., 3).
      degree: degree of the rule of integration.

    Returns:
      N, shape (nn, 3).
    """
    total = jnp.zeros_like(plan.points)
    for block in plan.blocks:
        element = ELEMENTS[block.name]
        at, weights = quadrature(element.shape, degree)
        dtype = plan.points.dtype
        gradients, shapes, weights = (
            jnp.asarray(array, dtype) for array in (element.gradients_at(at), element.shapes_at(at), weights)
        )
        nodes = block.flat(block.connectivity)
        corner = plan.points[nodes]
        jacobian = jnp.einsum("qki,nkj->nqij", gradients, corner)
        first, second, third = (jacobian[..., i, :] for i in range(3))
        volume = weights * jnp.sum(first * jnp.cross(second, third), axis=-1)
        place = jnp.einsum("qk,nkc->nqc", shapes, corner)
        values = _evaluated(density, place)
        total = _add(total, nodes, shapes, values * volume[..., None])
    return total


def _face_points(points, kind, nodes):
    """Shape functions (q, k), positions (m, q, 3), and normals times area and weight (m, q, 3)."""
    element = FACE_ELEMENTS[kind]
    # tractions may vary: two degrees more than the shape functions need
    at, weights = quadrature(element.shape, element.degree + 2)
    gradients, shapes, weights = (
        jnp.asarray(array, points.dtype)
        for array in (element.gradients_at(at), element.shapes_at(at), weights)
    )
    corner = points[jnp.asarray(nodes)]
    tangents = jnp.einsum("qki,mkc->mqic", gradients, corner)
    normal = jnp.cross(tangents[:, :, 0], tangents[:, :, 1]) * weights[:, None]
    return shapes, jnp.einsum("qk,mkc->mqc", shapes, corner), normal


def _evaluated(value: Any, place) -> Any:
    """Vectors (..., 3) at positions (..., 3) of a constant or a function."""
    return value(place) if callable(value) else jnp.broadcast_to(jnp.asarray(value, place.dtype), place.shape)


def _add(total, nodes, shapes, values):
    return total.at[jnp.asarray(nodes)].add(jnp.einsum("qk,mqc->mkc", shapes, values.astype(total.dtype)))
