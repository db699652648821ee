"""The host-side set-up of a solve: which nodes exist, which are held, and the coarse grids."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from ._constraints import applied_force, constraints
from ._hierarchy import Level, build_levels, unique_nodes
from ._load_definitions import FreeMotions
from ._loads import LoadCase
from ._materials import Material, isotropic
from ._wrap import wrap

BLOCK = 8192
"""Elements per block of the operator on CPU: the gathered values of a block stay in cache."""


@dataclass(frozen=True)
class Plan:
    """Everything about a solve but the moduli. An argument of the jitted functions, never closed over."""

    elements: jax.Array
    """Voxel coordinates of the elements in C order, int32, shape (ne, 3)."""
    nodes: jax.Array
    """Grid coordinates of the nodes, int32, shape (nn, 3)."""
    prescribed: jax.Array
    """Prescribed displacement, mm, zero where free, float64 where enabled, shape (nn, 3)."""
    bottom: jax.Array
    """Nodes of the loaded face z = 0, boolean, shape (nn,)."""
    top: jax.Array
    """Nodes of the loaded face z = nz, boolean, shape (nn,)."""
    voxel_mm: jax.Array
    """Edge of a voxel, mm, scalar."""
    levels: tuple[Level, ...]
    """Hierarchy of the multigrid preconditioner, finest first."""
    load: LoadCase
    """The load case; its name is static, its size is data."""
    applied: jax.Array | None
    """Forces of the load case on the nodes, N, shape (nn, 3); None where it has none."""
    cell: "Plan | None"
    """Of a periodic load: the body with tied nodes, which is what is solved; None else."""
    tie: jax.Array | None
    """Of a periodic load: node of `cell` that every node is tied to, int32, shape (nn,). None else."""
    shape: tuple[int, int, int]
    """Static: elements of the box along x, y, z."""
    material: Material
    """Static: elastic constants relative to the axial modulus."""
    free_motions: FreeMotions
    """Static: rigid motions of the body that cost no energy, "", "in-plane" or "translations"."""

    @property
    def in_plane_free(self) -> bool:
        """Whether the body may move rigidly in the plane of the loaded faces without energy."""
        return self.free_motions == "in-plane"

    @property
    def connectivity(self) -> jax.Array:
        """Nodes of every element, corner k = 4 i + 2 j + m, int32, shape (ne, 8)."""
        return self.levels[0].connectivity.reshape(-1, 8)[: self.elements.shape[0]]


jax.tree_util.register_dataclass(
    Plan,
    data_fields=[
        "elements",
        "nodes",
        "prescribed",
        "bottom",
        "top",
        "voxel_mm",
        "levels",
        "load",
        "applied",
        "cell",
        "tie",
    ],
    meta_fields=["shape", "material", "free_motions"],
)


def make_plan(
    mask: Any,
    voxel_mm: float,
    load: LoadCase,
    *,
    material: Material | None = None,
    block: int | None = None,
    coarsest_nodes: int = 200,
) -> Plan:
    """Set up the solves of one body under one load case.

    Args:
      mask: voxels that bear load, boolean, shape (nx, ny, nz), indexed [x, y, z]; loaded along z.
      voxel_mm: edge of the cubic voxels, mm.
      load: load case.
      material: elastic constants relative to the axial modulus; isotropic with Poisson ratio 0.3 by default.
      block: elements per block of the operator; by default 8192 on CPU and all at once elsewhere.
      coarsest_nodes: the coarsest grid has at most about this many nodes and is solved directly.

    Returns:
      A plan for `solve`; element vectors follow `np.argwhere(mask)`.

    Raises:
      ValueError: the mask is not a boolean or 0/1 array of three axes, is empty, has no voxel at a loaded
        face, or has a part that no face holds (its size and place are named).
    """
    material = isotropic() if material is None else material
    mask = _checked_mask(mask)
    if not (np.isfinite(voxel_mm) and voxel_mm > 0):
        raise ValueError(f"`voxel_mm` must be a positive number of mm, got {voxel_mm!r}")
    elements = np.argwhere(mask)
    nodes, connectivity = unique_nodes(elements)
    shape = (int(mask.shape[0]), int(mask.shape[1]), int(mask.shape[2]))
    held = constraints(load, nodes, shape, float(voxel_mm))
    if block is None:
        block = BLOCK if jax.default_backend() == "cpu" else len(elements)
    if held.free != "translations":
        # symmetric shear holds each face along one axis: a part at one pair of faces could still move
        alone = held.in_plane_free or load.definition.motion.startswith("shear-")
        _require_held(mask, elements, connectivity, held, float(voxel_mm), alone=alone)
    plan = Plan(
        elements=jnp.asarray(elements, jnp.int32),
        nodes=jnp.asarray(nodes, jnp.int32),
        prescribed=jnp.asarray(held.value, jnp.result_type(float)),
        bottom=jnp.asarray(held.bottom),
        top=jnp.asarray(held.top),
        voxel_mm=jnp.asarray(voxel_mm, jnp.result_type(float)),
        levels=(),
        load=load,
        applied=_applied(load, elements, connectivity, len(nodes), shape, float(voxel_mm)),
        cell=None,
        tie=None,
        shape=shape,
        material=material,
        free_motions=held.free,
    )
    if held.free != "translations":
        levels = build_levels(
            elements, nodes, connectivity, held.fixed, block=block, coarsest_nodes=coarsest_nodes
        )
        return replace(plan, levels=levels)
    levels = build_levels(elements, nodes, connectivity, held.fixed, block=block, coarsest_nodes=len(nodes))
    cell, tie = _periodic_cell(plan, nodes, connectivity, block, coarsest_nodes)
    return replace(plan, levels=levels, cell=cell, tie=tie)


def _periodic_cell(plan, nodes, connectivity, block, coarsest_nodes):
    """The body with tied nodes, and the tie."""
    wrapped = wrap(nodes, connectivity, plan.shape)
    count = len(wrapped.nodes)
    levels = build_levels(
        np.asarray(plan.elements),
        wrapped.nodes,
        wrapped.tie[connectivity],
        np.zeros((count, 3), bool),
        block=block,
        coarsest_nodes=coarsest_nodes,
        deepest=wrapped.halvings,
    )
    cell = replace(
        plan,
        nodes=jnp.asarray(wrapped.nodes, jnp.int32),
        prescribed=jnp.zeros((count, 3), jnp.result_type(float)),
        bottom=jnp.zeros(count, bool),
        top=jnp.zeros(count, bool),
        levels=levels,
    )
    return cell, jnp.asarray(wrapped.tie, jnp.int32)


def with_load(plan: Plan, load: LoadCase) -> Plan:
    """The same body and the same coarse grids under another load case that holds the same components.

    Another size of the plan's own case, or for example bending or torsion in place of axial compression: a
    compiled program of `solve` for the one serves the other when the case has the same name, and the set-up
    is not repeated in any case.

    Args:
      plan: plan of the body.
      load: load case that holds the same components of the same faces.

    Raises:
      ValueError: `load` holds other components, so that its coarse grids would differ.
    """
    before, after = plan.load.definition, load.definition
    if (before.held, before.free) != (after.held, after.free):
        raise ValueError(
            f"`load` must hold the same components as the plan's load case {before.name!r}, got "
            f"{after.name!r}; make another plan for it (make_plan)"
        )
    nodes = np.asarray(plan.nodes)
    voxel_mm = float(plan.voxel_mm)
    held = constraints(load, nodes, plan.shape, voxel_mm)
    elements, connectivity = np.asarray(plan.elements), np.asarray(plan.connectivity)
    return replace(
        plan,
        prescribed=jnp.asarray(held.value, jnp.result_type(float)),
        load=load,
        applied=_applied(load, elements, connectivity, len(nodes), plan.shape, voxel_mm),
    )


def _applied(load, elements, connectivity, count, shape, voxel_mm):
    force = applied_force(load, elements, connectivity, count, shape, voxel_mm)
    return None if force is None else jnp.asarray(force, jnp.result_type(float))


def _checked_mask(mask):
    mask = np.asarray(mask)
    if mask.ndim != 3:
        raise ValueError(f"`mask` must have three axes [x, y, z], got shape {mask.shape}")
    if mask.dtype != bool:
        wrong = ~np.isin(mask, (0, 1))
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(
                f"`mask` must hold 0 and 1 only, got {int(wrong.sum())} other values, the first "
                f"{mask[place]!r} at {place}; threshold the image first"
            )
        mask = mask.astype(bool)
    if not mask.any():
        raise ValueError("`mask` must hold at least one voxel, got none")
    return mask


def _require_held(mask, elements, connectivity, held, voxel_mm, *, alone):
    """Every part must be held along z; `alone` if one part only can be held well enough."""
    # parts that share no node share no corner of a voxel either
    labels = np.zeros(mask.shape, np.int32)
    ndimage.label(mask, np.ones((3, 3, 3)), output=labels)
    parts = int(labels.max())
    label = labels[mask] - 1
    touched = np.zeros(parts, bool)
    along_z = held.fixed[:, 2]
    touched[np.unique(label[along_z[connectivity].any(axis=1)])] = True
    if alone and parts > 1:
        touched &= np.arange(parts) == np.argmax(np.bincount(label))
    if touched.all():
        return
    loose = ~touched[label]
    part = int(label[loose][0])
    members = elements[label == part]
    centre = (members.mean(axis=0) + 0.5) * voxel_mm
    raise ValueError(
        f"`mask` must be one body held by the load case, but {int((~touched).sum())} of its {parts} parts, "
        f"{int(loose.sum())} voxels, are not held; one of {len(members)} voxels is around "
        f"({centre[0]:.3g}, {centre[1]:.3g}, {centre[2]:.3g}) mm. Keep the largest face-connected part "
        "(meshes.largest_component)"
    )
