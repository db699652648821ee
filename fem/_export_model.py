"""A voxel model as plain arrays, ready to be written for another finite-element program (host, NumPy)."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._constraints import constraints
from ._hierarchy import join
from ._materials import Material, isotropic
from ._plan import Plan
from ._rigid import rigid_modes

_NULL = 1e-12
"""A rigid motion is free where its held share, an eigenvalue, is below this part of the largest one."""


@dataclass(frozen=True)
class VoxelModel:
    """Elements, moduli, holds and forces of one body; what `write_parosol` and `write_inp` put into files."""

    elements: np.ndarray
    """voxel coordinates of the elements in C order, int64, shape (ne, 3)"""
    nodes: np.ndarray
    """grid coordinates of the nodes, int64, shape (nn, 3); times `voxel_mm` they are millimetres"""
    connectivity: np.ndarray
    """nodes of the elements, corner k = 4 i + 2 j + m, int64, shape (ne, 8)"""
    modulus: np.ndarray
    """axial modulus of the elements, MPa, float64, shape (ne,)"""
    held: np.ndarray
    """components of the nodes that are prescribed by the load case, boolean, shape (nn, 3)"""
    value: np.ndarray
    """prescribed displacement, mm, zero where free, float64, shape (nn, 3)"""
    pins: np.ndarray
    """components held at zero beside the load case because they stop a rigid motion which costs no energy
    and which a direct solver cannot bear; their reaction is zero; boolean, shape (nn, 3)"""
    force: np.ndarray
    """forces on the nodes, those of the load case among them, N, float64, shape (nn, 3)"""
    voxel_mm: float
    """edge of a voxel, mm"""
    shape: tuple[int, int, int]
    """elements of the box along x, y, z"""
    material: Material
    """elastic constants relative to the axial modulus"""
    title: str
    """load case in words, on one line"""

    @property
    def isotropic(self) -> bool:
        """Whether modulus and Poisson ratio say everything about an element."""
        return replace(self.material, name="isotropic") == isotropic(self.material.poisson)


def export_model(modulus: Any, plan: Plan, *, nodal_force: Any = None) -> VoxelModel:
    """The voxel model of a plan, with everything another program needs to solve the same problem.

    Args:
      modulus: axial Young's modulus of the elements, MPa, positive, shape (ne,).
      plan: the plan of `make_plan`; its held nodes and their values are taken as they are, whatever the name
        of its load case.
      nodal_force: forces on the nodes beside those of the load case, N, shape (nn, 3), as in `solve`.

    Returns:
      The model. A load case that leaves a rigid motion free (`uniaxial`) gets as many pinned components as
      there are such motions: the displacement then differs from that of `solve` by that rigid motion, forces
      and strains do not.

    Raises:
      ValueError: a periodic load, whose ties between faces are not exported; `modulus` or `nodal_force` of
        another shape, or with entries that are not positive or not finite; or forces that push a part along a
        rigid motion that nothing holds.

    Limits: parts that hang by an edge or a corner can turn about it without energy; a direct solver then
      meets a singular matrix. Keep the largest face-connected part (`meshes.largest_component`).
    """
    if plan.tie is not None:
        raise ValueError(
            f"`plan` has the load case {plan.load.name!r}, which ties opposite faces of the box to each "
            "other; ties are not exported, use kinematic-uniform or symmetric-shear"
        )
    elements = np.asarray(plan.elements, np.int64)
    nodes = np.asarray(plan.nodes, np.int64)
    connectivity = np.asarray(plan.connectivity, np.int64)
    voxel_mm = float(plan.voxel_mm)
    values = np.asarray(modulus, np.float64)
    if values.shape != (len(elements),):
        raise ValueError(
            f"`modulus` must hold one value per element, shape ({len(elements)},), got {values.shape}; "
            "a grid becomes an element vector by grid[mask]"
        )
    wrong = ~(np.isfinite(values) & (values > 0))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise ValueError(
            f"`modulus` must be positive and finite, got {int(wrong.sum())} other values, the first "
            f"{values[first]} at element {first}, voxel {elements[first].tolist()}; leave empty voxels "
            "out of the mask"
        )
    force = np.zeros(nodes.shape) if nodal_force is None else np.asarray(nodal_force, np.float64)
    if force.shape != nodes.shape or not np.isfinite(force).all():
        raise ValueError(
            f"`nodal_force` must hold three finite numbers per node, shape {nodes.shape}, got {force.shape} "
            f"with {int((~np.isfinite(force)).sum())} that are not finite"
        )
    if plan.applied is not None:
        force = force + np.asarray(plan.applied, np.float64)
    held = constraints(plan.load, nodes, plan.shape, voxel_mm)
    return VoxelModel(
        elements=elements,
        nodes=nodes,
        connectivity=connectivity,
        modulus=values,
        held=np.asarray(held.fixed, bool),
        value=np.asarray(plan.prescribed, np.float64),
        pins=rigid_pins(nodes, connectivity, np.asarray(held.fixed, bool), force),
        force=force,
        voxel_mm=voxel_mm,
        shape=plan.shape,
        material=plan.material,
        title=f"load case {plan.load.name}, version {plan.load.version}",
    )


def rigid_pins(
    nodes: np.ndarray, connectivity: np.ndarray, held: np.ndarray, force: np.ndarray
) -> np.ndarray:
    """The fewest components to hold so that no part can move rigidly, boolean, shape (nn, 3).

    Of the free components the one that moves most in the free rigid motions is taken, then the one that
    moves most in what is left: the pins lie far apart, so that their forces are zero but for rounding.

    Args:
      nodes: grid coordinates, shape (nn, 3).
      connectivity: nodes of the elements, shape (ne, 8).
      held: components that are held already, boolean, shape (nn, 3).
      force: forces on the nodes, shape (nn, 3).

    Raises:
      ValueError: a force acts along a rigid motion that is to be pinned.
    """
    pins = np.zeros(held.shape, bool)
    first = np.repeat(connectivity[:, 0], 7)
    _, part = join(first, connectivity[:, 1:].ravel(), len(nodes))
    order = np.argsort(part, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(part[order])) + 1):
        motions = rigid_modes(nodes[members])
        rows = motions[held[members]]
        share, directions = np.linalg.eigh(rows.T @ rows)
        free = directions[:, share <= _NULL * max(share[-1], 1.0)]
        if free.shape[1] == 0:
            continue
        motions = motions @ free
        push = np.einsum("nc,ncm->m", force[members], motions)
        largest = np.abs(force[members]).sum()
        if (np.abs(push) > 1e-9 * largest).any():
            raise ValueError(
                f"`nodal_force` pushes a part of {len(members)} nodes along a rigid motion that the load "
                "case leaves free; balance the forces or choose a load case that holds the part"
            )
        motions[held[members]] = 0.0
        for _ in range(free.shape[1]):
            size = np.linalg.norm(motions, axis=2)
            node, component = np.unravel_index(np.argmax(size), size.shape)
            pins[members[node], component] = True
            direction = motions[node, component] / size[node, component]
            motions = motions - (motions @ direction)[..., None] * direction
    return pins
