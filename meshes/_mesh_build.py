"""Meshes made from simpler ones: boxes, voxels, elements of second order, faces of the surface."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._elements import ELEMENTS
from ._mesh import UnstructuredMesh, make_mesh

# The six tetrahedra around the diagonal from corner 0 to corner 6 (Kuhn 1960); neighbours fit.
_TETRAHEDRA_OF_CUBE = np.array(
    [[0, 1, 2, 6], [0, 2, 3, 6], [0, 3, 7, 6], [0, 7, 4, 6], [0, 4, 5, 6], [0, 5, 1, 6]]
)


def make_box_mesh(counts: ArrayLike, size_mm: ArrayLike, kind: str = "hex8") -> UnstructuredMesh:
    """A box of equal cubes, each one element or cut into six tetrahedra.

    Args:
      counts: cubes along x, y, z, one number or three.
      size_mm: edges of the box, mm, one number or three; a corner is at the origin.
      kind: "hex8", "hex20", "tet4" or "tet10".

    Returns:
      Mesh with the node sets "x-", "x+", "y-", "y+", "z-", "z+" and face sets of the same names.

    Raises:
      ValueError: a count below 1, an edge that is not positive, an unknown kind.
    """
    number = np.broadcast_to(np.asarray(counts, int).ravel(), (3,))
    size = np.broadcast_to(np.asarray(size_mm, float).ravel(), (3,))
    if (number < 1).any():
        raise ValueError(f"`counts` must be 1 or more along each axis; got {number.tolist()}.")
    if not (np.isfinite(size) & (size > 0)).all():
        raise ValueError(f"`size_mm` must be positive; got {size.tolist()}.")
    if kind not in ELEMENTS:
        raise ValueError(f"`kind` must be one of {', '.join(ELEMENTS)}; got {kind!r}.")
    lattice = np.argwhere(np.ones(number + 1, bool))
    first = np.argwhere(np.ones(number, bool))
    corner = first[:, None] + ((ELEMENTS["hex8"].nodes + 1) // 2).astype(int)
    cubes = np.asarray(np.ravel_multi_index(tuple(np.moveaxis(corner, 2, 0)), tuple(number + 1)))
    cells: dict[str, Any] = {"hex8": cubes}
    if kind.startswith("tet"):
        cells = {"tet4": cubes[:, _TETRAHEDRA_OF_CUBE].reshape(-1, 4)}
    mesh = make_mesh(lattice * size / number, cells)
    return with_box_sets(to_quadratic(mesh) if kind in ("hex20", "tet10") else mesh)


def with_box_sets(mesh: UnstructuredMesh, *, within_mm: float | None = None) -> UnstructuredMesh:
    """The mesh with sets of the nodes and faces on the six planes of its bounding box.

    Args:
      mesh: the mesh.
      within_mm: how far from the plane a node may lie; a millionth of the box if left out.

    Returns:
      Mesh with node and face sets "x-", "x+", "y-", "y+", "z-", "z+" beside those it had; empty ones too.
    """
    points = np.asarray(mesh.points)
    low, high = points.min(axis=0), points.max(axis=0)
    reach = 1e-6 * float((high - low).max()) if within_mm is None else float(within_mm)
    surface = boundary_faces(mesh)
    nodes, faces = dict(mesh.node_sets), dict(mesh.face_sets)
    for axis, letter in enumerate("xyz"):
        for sign, plane in (("-", low[axis]), ("+", high[axis])):
            on_plane = np.abs(points[:, axis] - plane) <= reach
            nodes[letter + sign] = np.flatnonzero(on_plane)
            kept = {kind: part[on_plane[part].all(axis=1)] for kind, part in surface.items()}
            faces[letter + sign] = {kind: part for kind, part in kept.items() if len(part)}
    return make_mesh(
        points,
        mesh.cells,
        node_sets=nodes,
        element_sets=mesh.element_sets,
        face_sets=faces,
        fields=mesh.fields,
    )


def boundary_faces(mesh: UnstructuredMesh) -> dict[str, np.ndarray]:
    """Faces that one element only has, normals outward.

    Returns:
      Face type to nodes, shape (m, k).
    """
    found: dict[str, list[np.ndarray]] = {}
    for name, nodes in mesh.cells.items():
        element = ELEMENTS[name]
        found.setdefault(element.face, []).append(np.asarray(nodes)[:, np.array(element.faces)])
    result = {}
    for kind, parts in found.items():
        faces = np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])
        _, first, times = np.unique(np.sort(faces, axis=1), axis=0, return_index=True, return_counts=True)
        result[kind] = faces[np.sort(first[times == 1])]
    return result


def to_quadratic(mesh: UnstructuredMesh) -> UnstructuredMesh:
    """The mesh with a node in the middle of each straight edge: tet4 becomes tet10, hex8 becomes hex20.

    Sets of nodes take the middles of edges whose two ends they hold; sets and fields of elements and sets of
    faces keep their meaning.

    Raises:
      ValueError: the mesh has elements of second order already.
    """
    second = [name for name in mesh.cells if ELEMENTS[name].order == 2]
    if second:
        raise ValueError(f"`mesh` must be of first order; it has elements of type {', '.join(second)}.")
    points = np.asarray(mesh.points)
    pairs = [
        np.sort(np.asarray(nodes)[:, np.array(ELEMENTS[name].edges)], axis=2)
        for name, nodes in mesh.cells.items()
    ]
    every, inverse = np.unique(
        np.concatenate([pair.reshape(-1, 2) for pair in pairs]), axis=0, return_inverse=True
    )
    inverse = inverse.ravel()
    cells, start = {}, 0
    for (name, nodes), pair in zip(mesh.cells.items(), pairs, strict=True):
        size = pair.shape[0] * pair.shape[1]
        middle = len(points) + inverse[start : start + size].reshape(pair.shape[:2])
        cells[{"tet4": "tet10", "hex8": "hex20"}[name]] = np.concatenate([nodes, middle], axis=1)
        start += size
    sets = {}
    for name, members in mesh.node_sets.items():
        inside = np.zeros(len(points), bool)
        inside[members] = True
        sets[name] = np.concatenate([members, len(points) + np.flatnonzero(inside[every].all(axis=1))])
    faces = {
        name: {
            {"tri3": "tri6", "quad4": "quad8"}[kind]: _with_middles(part, every, len(points))
            for kind, part in parts.items()
        }
        for name, parts in mesh.face_sets.items()
    }
    return make_mesh(
        np.concatenate([points, points[every].mean(axis=1)]),
        cells,
        node_sets=sets,
        element_sets=mesh.element_sets,
        face_sets=faces,
        fields=mesh.fields,
    )


def _with_middles(faces, edges, count):
    pairs = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=2), axis=2)
    # the edges are in lexical order, so that their numbers in base `count` increase
    middle = np.searchsorted(edges @ [count, 1], pairs @ [count, 1])
    return np.concatenate([faces, count + middle], axis=1)
