"""Coarse grids of a voxel body, set up once on the host.

A level is a set of hexahedral elements on a grid twice as coarse as the level above. Where two struts share a
coarse cell but do not touch, they get separate coarse elements, and a coarse node is shared by two coarse
elements only if they share a finer node on which that coarse node acts: the coarse space never glues together
bone that is not joined. Everything here is integer work on NumPy arrays; moduli enter later, under jit.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ._hex8 import corner_offsets
from ._visits import padded_rows, reach, runs

CORNERS = corner_offsets()

_POSITIONS = np.array([(i, j, m) for i in range(3) for j in range(3) for m in range(3)])
_CORNER_POSITION = (CORNERS[:, None] + CORNERS[None]) @ np.array([9, 3, 1])
# INTERPOLATION[p, k]: trilinear weight of corner k of a coarse element at its local position p (half steps)
INTERPOLATION = np.prod(
    np.where(CORNERS[None] == 1, _POSITIONS[:, None] / 2, 1 - _POSITIONS[:, None] / 2), axis=-1
)
"""Trilinear weights of the 8 coarse corners at the 27 half-step positions of a coarse element, (27, 8)."""

CHILD_INTERPOLATION = INTERPOLATION[_CORNER_POSITION]
"""Weights of the 8 coarse corners (last axis) at the 8 corners of the child in each octant, (8, 8, 8)."""


_TOUCHES = INTERPOLATION > 0
# three bits: vertex of a corner of a coarse element relative to the vertices around a local position
_VERTEX_BITS = (CORNERS[None] - _POSITIONS[:, None] // 2) @ np.array([4, 2, 1])


@dataclass(frozen=True)
class Transfer:
    """Connection of a level with the next coarser one."""

    parent: jax.Array
    """Coarse element of every element of this level, shape (padded elements,)."""
    octant: jax.Array
    """Octant 4 i + 2 j + m of that coarse cell in which the element lies, shape (padded elements,)."""
    connectivity: jax.Array
    """Coarse nodes of every row of `slots`, shape (blocks, block, 8)."""
    held: jax.Array
    """Elements of this level with a held degree of freedom, shape (held elements,)."""
    slots: jax.Array
    """Nodes of this level at the 27 half-step positions of a coarse element, each node in one slot only;
    a spare row where there is none. Shape (blocks, block, 27)."""
    in_order: jax.Array
    """Rows of `slots` at the front, one per coarse element in their order, int32, scalar."""
    reach: jax.Array
    """Smallest and largest coarse node of blocks of those rows, int32, shape (blocks of 64, 2)."""


@dataclass(frozen=True)
class Level:
    """Elements, nodes and constraints of one level of the hierarchy."""

    connectivity: jax.Array
    """Nodes of the elements, padded with a spare row, shape (blocks, block, 8)."""
    run: jax.Array
    """Elements from here on in a column along z within blocks of 64, uint8, shape (padded elements,)."""
    reach: jax.Array
    """Smallest and largest node of blocks of 64 elements, int32, shape (blocks of 64, 2)."""
    free: jax.Array
    """Degrees of freedom that are not prescribed, boolean, shape (3, rows): nodes and spare rows."""
    coordinates: jax.Array
    """Grid coordinates of the nodes in voxels of the finest level, float32, shape (3, rows)."""
    transfer: Transfer | None
    """Connection with the next coarser level; None on the coarsest."""


jax.tree_util.register_dataclass(
    Transfer,
    data_fields=["parent", "octant", "connectivity", "held", "slots", "in_order", "reach"],
    meta_fields=[],
)
jax.tree_util.register_dataclass(
    Level, data_fields=["connectivity", "run", "reach", "free", "coordinates", "transfer"], meta_fields=[]
)


def join(first, second, count):
    """Number of connected components of `count` items joined pairwise, and their labels, shape (count,)."""
    graph = coo_matrix((np.ones(len(first), bool), (first, second)), shape=(count, count))
    return connected_components(graph, directed=False)


def unique_nodes(elements):
    """Nodes of a set of voxels.

    Args:
      elements: integer coordinates, shape (elements, 3).

    Returns:
      nodes: integer coordinates in C order, shape (nodes, 3).
      connectivity: shape (elements, 8).
    """
    size = elements.max(axis=0) + 2
    strides = np.array([size[1] * size[2], size[2], 1], dtype=np.int64)

    def corners(part):
        return (elements[part].astype(np.int64) @ strides)[:, None] + CORNERS @ strides

    if np.prod(size, dtype=np.int64) <= 64 * len(elements) + 1_000_000:
        present = np.zeros(np.prod(size, dtype=np.int64), bool)
        for part in _parts(len(elements)):
            present[corners(part).ravel()] = True
        number = np.cumsum(present, dtype=np.int32) - np.int32(1)
        connectivity = np.empty((len(elements), 8), np.int32)
        for part in _parts(len(elements)):
            connectivity[part] = number[corners(part)]
        keys = np.flatnonzero(present)
    else:
        keys, connectivity = np.unique(corners(slice(None)), return_inverse=True)
    nodes = np.stack(np.unravel_index(keys, size), axis=-1)
    return nodes, connectivity.reshape(-1, 8)


def _parts(count, size=1 << 18):
    """Slices of an axis, so that what is worked out of them stays small."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def element_components(connectivity, node_count):
    """Number of parts that share no node, and the part of every element, shape (elements,)."""
    count = len(connectivity)
    element = np.repeat(np.arange(count), 8)
    parts, labels = join(element, count + connectivity.ravel(), count + node_count)
    return parts, labels[:count]


def _group_into_cells(elements, connectivity, *, split):
    """Coarse elements: the fine ones of a cell that hang together. Returns parent (ne,), cells (nc, 3)."""
    cells = elements // 2
    size = cells.max(axis=0) + 1
    key = np.ravel_multi_index(cells.T, size)
    _, cell = np.unique(key, return_inverse=True)
    if split:
        # a node seen from one cell is a different item from the same node seen from the next cell
        pair = np.repeat(cell, 8).astype(np.int64) * (connectivity.max() + 1) + connectivity.ravel()
        _, pair = np.unique(pair, return_inverse=True)
        count = len(elements)
        _, label = join(np.repeat(np.arange(count), 8), count + pair, count + pair.max() + 1)
        # parents numbered by cell, so that neighbours in space stay neighbours in memory
        _, parent = np.unique(cell.astype(np.int64) * (label.max() + 1) + label[:count], return_inverse=True)
    else:
        parent = cell
    coarse = np.zeros((parent.max() + 1, 3), dtype=np.int64)
    coarse[parent] = cells
    return parent, coarse


def _local_nodes(parent, octant, connectivity, count):
    """Rows of 27 nodes: a first row per coarse element, more rows where split copies share a position."""
    rows = np.full((count, 27), -1, dtype=np.int32)
    for part in _parts(len(parent)):
        rows[parent[part, None], _CORNER_POSITION[octant[part]]] = connectivity[part]
    owner = np.arange(count)
    clashes = []
    for part in _parts(len(parent)):
        position = _CORNER_POSITION[octant[part]]
        element, corner = np.nonzero(rows[parent[part, None], position] != connectivity[part])
        places = (parent[part][element], position[element, corner], connectivity[part][element, corner])
        clashes.append(np.stack(places))
    entries = np.unique(np.concatenate(clashes, axis=1), axis=1)
    if not entries.size:
        return rows, owner
    place = entries[0] * 27 + entries[1]
    # the n-th further node at the same position of the same coarse element goes into its n-th further row
    depth = np.arange(len(place)) - np.searchsorted(place, place)
    keys, extra = np.unique(np.stack([entries[0], depth]), axis=1, return_inverse=True)
    further = np.full((keys.shape[1], 27), -1, dtype=np.int32)
    further[extra.ravel(), entries[1]] = entries[2]
    return np.concatenate([rows, further]), np.concatenate([owner, keys[0]])


def _joined_corners(node, element, position, nodes, elements):
    """Labels of the corners of coarse elements, shape (8 elements,), equal where they are one coarse node.

    A corner of a coarse element is joined with a corner of another at the same vertex when both act on one
    fine node. `node`, `element` and `position` list which fine node lies where in which coarse element.
    """

    def acts(part):
        """Corners that act on the nodes of a part: (corner of all elements, node and vertex)."""
        item, corner = np.nonzero(_TOUCHES[position[part]])
        pair = element[part][item] * 8 + corner
        return pair, node[part][item].astype(np.int64) * 8 + _VERTEX_BITS[position[part][item], corner]

    corners = 8 * elements
    leader = np.empty(8 * nodes, dtype=np.int32)
    for part in _parts(len(node)):
        pair, key = acts(part)
        leader[key] = pair
    # one link for every corner joins nearly all; few are left for a second round
    link = np.arange(corners, dtype=np.int32)
    for part in _parts(len(node)):
        pair, key = acts(part)
        link[pair] = leader[key]
    count, label = join(np.arange(corners, dtype=np.int32), link, corners)
    left = []
    for part in _parts(len(node)):
        pair, key = acts(part)
        ends = np.stack([label[pair], label[leader[key]]])
        left.append(np.unique(ends[:, ends[0] != ends[1]], axis=1))
    first, second = np.concatenate(left, axis=1)
    return join(first, second, count)[1][label]


def coarsen(elements, connectivity, fixed, *, first):
    """The next coarser level of a set of elements.

    Args:
      elements: cell coordinates, shape (ne, 3).
      connectivity: shape (ne, 8).
      fixed: prescribed degrees of freedom, shape (nn, 3).
      first: whether these are the voxels. There all eight children of a cell share its midpoint, so that no
        cell needs splitting; and the operator of the next level is rediscretised, so that a plane of held
        nodes has to be held there too. Galerkin operators know the held nodes by themselves.

    Returns:
      Coarse cells (nc, 3), coarse connectivity (nc, 8), coarse node coordinates (mc, 3), coarse fixed
      (mc, 3), parent (ne,), octant (ne,), rows (nr, 27) of node numbers or -1 with each node once,
      owner (nr,): the coarse element of every row.
    """
    parent, cells = _group_into_cells(elements, connectivity, split=not first)
    octant = (elements - 2 * cells[parent]) @ np.array([4, 2, 1])
    rows, owner = _local_nodes(parent, octant, connectivity, len(cells))

    row, position = (index.astype(np.int32) for index in np.nonzero(rows >= 0))
    node = rows[row, position].astype(np.int32)
    label = _joined_corners(node, owner[row].astype(np.int32), position, len(fixed), len(cells))
    vertices = (cells[:, None] + CORNERS).reshape(-1, 3)
    # copies of a node that a periodic body has on opposite faces count as one, at the place of the first
    vertices = vertices[np.unique(label, return_index=True)[1]][label]
    size = vertices.max(axis=0) + 1
    order = np.ravel_multi_index(vertices.T, size).astype(np.int64) * (label.max() + 1) + label
    _, index, coarse_connectivity = np.unique(order, return_index=True, return_inverse=True)
    coarse_connectivity = coarse_connectivity.reshape(-1, 8)
    coarse_nodes = vertices[index]

    # every node belongs to one row only: the last one written
    chosen = np.empty(len(fixed), dtype=np.int32)
    chosen[node] = np.arange(len(node))
    keep = chosen[node] == np.arange(len(node))
    row, position, node = row[keep], position[keep], node[keep]
    unique_rows = np.full_like(rows, -1)
    unique_rows[row, position] = node

    # a coarse degree of freedom is held when most (voxels) or all (Galerkin levels) of what it moves is held
    moved = np.zeros(len(coarse_nodes))
    held = np.zeros((len(coarse_nodes), 3))
    some = np.flatnonzero(fixed[node].any(axis=1))
    for corner in range(8):
        weight = INTERPOLATION[position, corner]
        target = coarse_connectivity[owner[row], corner]
        moved += np.bincount(target, weight, len(moved))
        for axis in range(3):
            share = weight[some] * fixed[node[some], axis]
            held[:, axis] += np.bincount(target[some], share, len(moved))
    share = 0.5 if first else 1 - 1e-6
    coarse_fixed = held >= share * np.maximum(moved, 1e-30)[:, None]
    return cells, coarse_connectivity, coarse_nodes, coarse_fixed, parent, octant, unique_rows, owner


def blocked(values, block, fill):
    """An array with its first axis cut into blocks, padded with `fill`: shape (blocks, block, ...)."""
    count = -(-len(values) // block)
    padded = np.full((count * block, *values.shape[1:]), fill, dtype=values.dtype)
    padded[: len(values)] = values
    return padded.reshape(count, block, *values.shape[1:])


def _block_size(count, block):
    """Blocks of nearly equal size, at most `block` elements each."""
    return -(-count // -(-count // block))


def _level(connectivity, nodes, fixed, factor, transfer):
    # a coarsest grid below others is never swept: its rows, which make a dense matrix, need no spare but one
    swept = factor == 1 or transfer is not None
    rows = padded_rows(len(nodes)) if swept else len(nodes) + 1
    free = np.zeros((3, rows), bool)
    free[:, : len(nodes)] = ~fixed.T
    coordinates = np.zeros((3, rows), np.float32)
    coordinates[:, : len(nodes)] = nodes.T * factor
    flat = connectivity.reshape(-1, 8)
    return Level(
        connectivity=jnp.asarray(connectivity),
        run=jnp.asarray(runs(flat)),
        reach=jnp.asarray(reach(flat)),
        free=jnp.asarray(free),
        coordinates=jnp.asarray(coordinates),
        transfer=transfer,
    )


def build_levels(elements, nodes, connectivity, fixed, *, block, coarsest_nodes, deepest=None):
    """All levels of the hierarchy, finest first.

    Args:
      elements: voxel coordinates, shape (ne, 3).
      nodes: node coordinates, shape (nn, 3).
      connectivity: shape (ne, 8).
      fixed: prescribed degrees of freedom, shape (nn, 3).
      block: elements per block of the operator.
      coarsest_nodes: coarsening stops at this number of nodes; the coarsest level is solved directly.
      deepest: coarsen at most this often; None for no bound. A periodic body, whose connectivity wraps
        around, can be coarsened as long as its box has an even number of cells along every axis.

    Returns:
      A tuple of `Level`.
    """
    levels = []
    factor = 1
    while True:
        size = _block_size(len(elements), block)
        here = blocked(connectivity.astype(np.int32), size, len(nodes))
        if len(nodes) <= coarsest_nodes or elements.max() == 0 or len(levels) == deepest:
            levels.append(_level(here, nodes, fixed, factor, None))
            return tuple(levels)
        cells, coarse_connectivity, coarse_nodes, coarse_fixed, parent, octant, rows, owner = coarsen(
            elements, connectivity, fixed, first=not levels
        )
        row_size = _block_size(len(rows), max(block // 2, 1))
        rows = np.where(rows < 0, len(nodes), rows).astype(np.int32)
        padded = here.shape[0] * here.shape[1]
        transfer = Transfer(
            parent=jnp.asarray(np.pad(parent, (0, padded - len(parent))), jnp.int32),
            octant=jnp.asarray(np.pad(octant, (0, padded - len(octant))), jnp.int32),
            connectivity=jnp.asarray(
                blocked(coarse_connectivity[owner].astype(np.int32), row_size, len(coarse_nodes))
            ),
            held=jnp.asarray(np.flatnonzero(fixed[connectivity].any(axis=(1, 2))), jnp.int32),
            slots=jnp.asarray(blocked(rows, row_size, len(nodes))),
            in_order=jnp.asarray(len(cells), jnp.int32),
            reach=jnp.asarray(reach(coarse_connectivity)),
        )
        levels.append(_level(here, nodes, fixed, factor, transfer))
        elements, connectivity, nodes, fixed = cells, coarse_connectivity, coarse_nodes, coarse_fixed
        factor *= 2
