"""The host-side set-up of a solve on an unstructured mesh: geometry, materials, what is held."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from meshes import ELEMENTS, UnstructuredMesh, element_count, jacobians, require_not_inverted

from ._hierarchy import join
from ._materials import Material, isotropic, stiffness_matrix
from ._rigid import rigid_modes

BLOCK_POINTS = 4096
"""Points of integration per block of the operator on CPU: what a block computes stays in cache."""


@dataclass(frozen=True)
class Held:
    """Prescribed displacement of some nodes, host; a component that is None is free."""

    nodes: str | ArrayLike
    "name of a node set of the mesh, or indices of nodes"
    x: ArrayLike | None = None
    "displacement along x, mm, one number or one per node"
    y: ArrayLike | None = None
    "displacement along y, mm, one number or one per node"
    z: ArrayLike | None = None
    "displacement along z, mm, one number or one per node"


@dataclass(frozen=True)
class MeshBlock:
    """The elements of one type in blocks of equal size, the last one padded with elements of no volume."""

    connectivity: jax.Array
    "nodes of the elements, int32, shape (blocks, block, k)"
    inverse: jax.Array
    "derivatives d xi_i / d x_j of the reference coordinates, 1/mm, shape (3, 3, blocks, q, block)"
    weight: jax.Array
    "volume of each point of integration, mm3, zero in padding, shape (blocks, q, block)"
    constitution: jax.Array
    "row of the plan's `constitutions`, int32, shape (blocks, block)"
    name: str
    "static: type of element"
    count: int
    "static: elements without padding"

    def in_blocks(self, values):
        """Values (n, ...) of the elements of this type in blocks (blocks, block, ...), zero in padding."""
        blocks, block = self.constitution.shape
        padded = jnp.zeros((blocks * block, *values.shape[1:]), values.dtype).at[: self.count].set(values)
        return padded.reshape(blocks, block, *values.shape[1:])

    def flat(self, values):
        """Values (blocks, block, ...) without blocks and padding, shape (n, ...)."""
        return values.reshape(-1, *values.shape[2:])[: self.count]


@dataclass(frozen=True)
class MeshPlan:
    """Everything about a solve on a mesh but the moduli. An argument of the jitted functions."""

    points: jax.Array
    "positions of the nodes, mm, shape (nn, 3)"
    blocks: tuple[MeshBlock, ...]
    "elements by type, in the order of the mesh"
    free: jax.Array
    "whether a component of a node is free, boolean, shape (nn, 3)"
    prescribed: jax.Array
    "prescribed displacement, mm, zero where free, shape (nn, 3)"
    constitutions: jax.Array
    "stiffness for an axial modulus of 1 MPa in the axes of the mesh, shape (m, 6, 6)"

    @property
    def element_count(self) -> int:
        """Number of elements."""
        return sum(block.count for block in self.blocks)


jax.tree_util.register_dataclass(
    MeshBlock,
    data_fields=["connectivity", "inverse", "weight", "constitution"],
    meta_fields=["name", "count"],
)
jax.tree_util.register_dataclass(
    MeshPlan, data_fields=["points", "blocks", "free", "prescribed", "constitutions"], meta_fields=[]
)


def make_mesh_plan(
    mesh: UnstructuredMesh,
    held: Sequence[Held],
    *,
    material: Material | Sequence[Material] | None = None,
    material_of: ArrayLike | None = None,
    axes: ArrayLike | None = None,
    block: int | None = None,
) -> MeshPlan:
    """Set up the solves on one mesh under one set of prescribed displacements.

    Args:
      mesh: the mesh, mm.
      held: what is prescribed; together it must stop the six rigid motions of every connected part.
      material: elastic constants relative to the axial modulus, one or several; isotropic with Poisson ratio
        0.3 by default.
      material_of: which of several materials each element has, shape (ne,).
      axes: directions of the material in each element, columns x, y and the axial z, shape (3, 3) or
        (ne, 3, 3); those of the mesh by default.
      block: elements per block of the operator; by default 256 to 2048 on CPU and all at once elsewhere.

    Returns:
      A plan for `solve_mesh`; element vectors follow the numbering of the mesh.

    Raises:
      ValueError: an unknown node set, a component prescribed twice with different values, a part that can
        still move rigidly (its size and place are named), axes that are no rotation, an inverted element.
    """
    require_not_inverted(mesh)
    free, prescribed = _constraints(mesh, held)
    _require_no_rigid_motion(mesh, free)
    constitutions, which = _constitutions(element_count(mesh), material, material_of, axes)
    wide = jnp.result_type(float)
    blocks, start = [], 0
    for name, nodes in mesh.cells.items():
        size = len(nodes) if block is None else block
        if block is None and jax.default_backend() == "cpu":
            size = min(len(nodes), max(256, min(2048, BLOCK_POINTS // len(ELEMENTS[name].quadrature[1]))))
        blocks.append(_make_block(mesh, name, which[start : start + len(nodes)], size, wide))
        start += len(nodes)
    return MeshPlan(
        points=jnp.asarray(mesh.points, wide),
        blocks=tuple(blocks),
        free=jnp.asarray(free),
        prescribed=jnp.asarray(prescribed, wide),
        constitutions=jnp.asarray(constitutions, wide),
    )


def _make_block(mesh, name, which, size, dtype):
    nodes = np.asarray(mesh.cells[name])
    jacobian = jacobians(mesh, name)
    weight = np.linalg.det(jacobian) * ELEMENTS[name].quadrature[1]
    # d x_j / d xi_i inverted gives d xi_i / d x_j at [j, i]
    inverse = np.linalg.inv(jacobian).swapaxes(2, 3)
    blocks = -(-len(nodes) // size)

    def padded(values):
        rest = blocks * size - len(values)
        return np.concatenate([values, np.zeros((rest, *values.shape[1:]), values.dtype)]).reshape(
            blocks, size, *values.shape[1:]
        )

    return MeshBlock(
        connectivity=jnp.asarray(padded(nodes).astype(np.int32)),
        inverse=jnp.asarray(padded(inverse).transpose(3, 4, 0, 2, 1), dtype),
        weight=jnp.asarray(padded(weight).swapaxes(1, 2), dtype),
        constitution=jnp.asarray(padded(which).astype(np.int32)),
        name=name,
        count=len(nodes),
    )


def _constraints(mesh, held):
    count = len(mesh.points)
    free = np.ones((count, 3), bool)
    prescribed = np.zeros((count, 3))
    for number, part in enumerate(held):
        if isinstance(part.nodes, str):
            if part.nodes not in mesh.node_sets:
                raise ValueError(
                    f"`held[{number}]` names the node set {part.nodes!r}, but the mesh has "
                    f"{', '.join(sorted(mesh.node_sets)) or 'none'}."
                )
            nodes = np.asarray(mesh.node_sets[part.nodes])
        else:
            nodes = np.asarray(part.nodes, np.int64).ravel()
        if len(nodes) == 0:
            raise ValueError(
                f"`held[{number}]` must hold at least one node; got an empty set {part.nodes!r}."
            )
        if nodes.min() < 0 or nodes.max() >= count:
            raise ValueError(f"`held[{number}]` must hold nodes below {count}; got {nodes.max()}.")
        for axis, value in enumerate((part.x, part.y, part.z)):
            if value is None:
                continue
            wanted = np.broadcast_to(np.asarray(value, float), nodes.shape)
            if not np.isfinite(wanted).all():
                raise ValueError(f"`held[{number}].{'xyz'[axis]}` must be finite, mm.")
            clash = ~free[nodes, axis] & (prescribed[nodes, axis] != wanted)
            if clash.any():
                first = int(nodes[clash][0])
                raise ValueError(
                    f"`held[{number}]` prescribes {wanted[clash][0]:g} mm along {'xyz'[axis]} at node "
                    f"{first}, which is already held to {prescribed[first, axis]:g} mm "
                    f"({int(clash.sum())} nodes); take these nodes out of one of the sets."
                )
            free[nodes, axis] = False
            prescribed[nodes, axis] = wanted
    return free, prescribed


def _require_no_rigid_motion(mesh, free):
    """Every connected part must be held against three translations and three rotations."""
    points = np.asarray(mesh.points)
    first = np.concatenate([np.repeat(nodes[:, 0], nodes.shape[1]) for nodes in mesh.cells.values()])
    other = np.concatenate([np.asarray(nodes).ravel() for nodes in mesh.cells.values()])
    parts, label = join(first, other, len(points))
    order = np.argsort(label, kind="stable")
    for members in np.split(order, np.cumsum(np.bincount(label))[:-1]):
        own = points[members]
        # lengths relative to the part, so that rotations weigh as translations do
        modes = rigid_modes(own)[~free[members]] if not free[members].all() else np.zeros((1, 6))
        values = np.linalg.eigvalsh(modes.T @ modes)
        rank = int((values > 1e-9 * max(values.max(), 1e-300)).sum()) if values.max() > 0 else 0
        if rank < 6:
            raise ValueError(
                f"`held` must stop the 6 rigid motions of each part, but stops only {rank} of a part of "
                f"{len(members)} nodes around {np.round(own.mean(axis=0), 3).tolist()} mm ({parts} parts in "
                "all); hold more components or leave that part out."
            )


def _constitutions(count, material, material_of, axes):
    """Distinct stiffness matrices (m, 6, 6) and which one each element has (ne,)."""
    materials = [isotropic()] if material is None else material
    materials = [materials] if isinstance(materials, Material) else list(materials)
    table = np.stack([stiffness_matrix(one) for one in materials])
    if material_of is None:
        if len(table) > 1:
            raise ValueError(f"`material_of` must say which of {len(table)} materials each element has.")
        which = np.zeros(count, np.int64)
    else:
        which = np.asarray(material_of)
        if which.shape != (count,) or which.dtype.kind not in "iu":
            raise ValueError(f"`material_of` must be integers of shape ({count},); got {which.shape}.")
        if which.min() < 0 or which.max() >= len(table):
            raise ValueError(f"`material_of` must be from 0 to {len(table) - 1}; got {which.max()}.")
    if axes is None:
        return table, which
    turn = np.asarray(axes, float)
    if turn.shape not in ((3, 3), (count, 3, 3)):
        raise ValueError(f"`axes` must have shape (3, 3) or ({count}, 3, 3); got {turn.shape}.")
    wrong = np.abs(np.swapaxes(turn, -1, -2) @ turn - np.eye(3)).max(axis=(-1, -2)) > 1e-6
    if np.any(wrong):
        raise ValueError(f"`axes` must be orthonormal columns; {int(np.sum(wrong))} are not.")
    if turn.ndim == 2:
        return np.stack([turned_stiffness(one, turn) for one in table]), which
    return np.stack([turned_stiffness(table[w], t) for w, t in zip(which, turn, strict=True)]), np.arange(
        count
    )


def turned_stiffness(stiffness: np.ndarray, axes: Any) -> np.ndarray:
    """Stiffness (6, 6) in the axes of the mesh of a material whose own axes are the columns of `axes` (3, 3).

    Strain in the material's axes is T strain, so that the stiffness is T^t C T (Bond 1943).
    """
    pairs = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    transform = np.zeros((6, 6))
    for row, (a, b) in enumerate(pairs):
        for column, (i, j) in enumerate(pairs):
            # engineering shear: twice the tensor component in a row, half of it per column
            value = axes[i, a] * axes[j, b] + (axes[j, a] * axes[i, b] if i != j else 0.0)
            transform[row, column] = value * (0.5 if i != j else 1.0) * (2.0 if a != b else 1.0)
    return transform.T @ stiffness @ transform
