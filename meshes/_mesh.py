"""Unstructured meshes: points, elements of volume, named sets and fields of elements."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from ._elements import ELEMENTS, FACE_ELEMENTS


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class UnstructuredMesh:
    """A mesh of volume elements; make one with `make_mesh` or `read_mesh`.

    Elements are numbered type after type in the order of `cells`, which is alphabetical.
    """

    points: Any
    "positions of the nodes, mm, shape (nn, 3)"
    cells: dict[str, Any]
    "nodes of the elements by type (hex20, hex8, tet10, tet4), integers, shape (n, k) each, VTK's order"
    node_sets: dict[str, Any]
    "indices of nodes by name, increasing, shape (m,) each"
    element_sets: dict[str, Any]
    "indices of elements by name, increasing, shape (m,) each"
    face_sets: dict[str, dict[str, Any]]
    "nodes of faces by name and type (quad4, quad8, tri3, tri6), shape (m, k) each"
    fields: dict[str, Any]
    "fields of the elements by name, shape (ne,) or (ne, components)"


def make_mesh(
    points: ArrayLike,
    cells: Mapping[str, ArrayLike],
    *,
    node_sets: Mapping[str, ArrayLike] | None = None,
    element_sets: Mapping[str, ArrayLike] | None = None,
    face_sets: Mapping[str, Mapping[str, ArrayLike]] | None = None,
    fields: Mapping[str, ArrayLike] | None = None,
) -> UnstructuredMesh:
    """Checked mesh on the host.

    Args:
      points: mm, shape (nn, 3).
      cells: element type to nodes, shape (n, k); types "tet4", "tet10", "hex8", "hex20".
      node_sets: name to node indices.
      element_sets: name to element indices (type after type, types in alphabetical order).
      face_sets: name to {"tri3" | "tri6" | "quad4" | "quad8": nodes (m, k)}.
      fields: name to values of the elements, shape (ne,) or (ne, components).

    Returns:
      UnstructuredMesh of NumPy arrays.

    Raises:
      ValueError: unknown type, no element, an index that no point or element has, a node twice in one
        element, a point that no element uses, coordinates that are not finite, a field of another length,
        or an inverted element (Jacobian not positive at a point of integration), named with its centre.
    """
    place = np.asarray(points, float)
    if place.ndim != 2 or place.shape[1] != 3:
        raise ValueError(f"`points` must have shape (nn, 3); got {place.shape}.")
    if not np.isfinite(place).all():
        first = int(np.flatnonzero(~np.isfinite(place).all(axis=1))[0])
        raise ValueError(f"`points` must be finite; the first that is not is {first}: {place[first]}.")
    checked = {name: _checked_cells(name, cells[name], len(place)) for name in sorted(cells)}
    checked = {name: nodes for name, nodes in checked.items() if len(nodes)}
    if not checked:
        raise ValueError("`cells` must hold at least one element; got none.")
    used = np.zeros(len(place), bool)
    for nodes in checked.values():
        used[nodes] = True
    if not used.all():
        raise ValueError(
            f"`points` holds {int((~used).sum())} points that no element uses, the first is "
            f"{int(np.flatnonzero(~used)[0])}; leave them out (read_mesh does)."
        )
    count = sum(map(len, checked.values()))
    mesh = UnstructuredMesh(
        points=place,
        cells=checked,
        node_sets={
            name: _checked_set(f"node_sets[{name!r}]", values, len(place), "node")
            for name, values in (node_sets or {}).items()
        },
        element_sets={
            name: _checked_set(f"element_sets[{name!r}]", values, count, "element")
            for name, values in (element_sets or {}).items()
        },
        face_sets={
            name: _checked_faces(name, faces, len(place)) for name, faces in (face_sets or {}).items()
        },
        fields={name: _checked_field(name, values, count) for name, values in (fields or {}).items()},
    )
    require_not_inverted(mesh)
    return mesh


def element_count(mesh: UnstructuredMesh) -> int:
    """Number of elements of all types."""
    return sum(len(nodes) for nodes in mesh.cells.values())


def element_type_of(mesh: UnstructuredMesh, index: int) -> str:
    """Type of the element with this index."""
    for name, nodes in mesh.cells.items():
        if index < len(nodes):
            return name
        index -= len(nodes)
    raise ValueError(f"`index` must be below the number of elements {element_count(mesh)}.")


def element_centres(mesh: UnstructuredMesh) -> np.ndarray:
    """Means of the corners of the elements, mm, shape (ne, 3)."""
    points = np.asarray(mesh.points)
    return np.concatenate(
        [points[nodes[:, : ELEMENTS[name].corners]].mean(axis=1) for name, nodes in mesh.cells.items()]
    )


def jacobians(mesh: UnstructuredMesh, name: str, at: ArrayLike | None = None) -> np.ndarray:
    """Derivatives of the position by the reference coordinates.

    Args:
      mesh: the mesh.
      name: type of element.
      at: points of the reference shape, (q, 3); those of the stiffness if left out.

    Returns:
      d x_j / d xi_i, mm, shape (n, q, 3, 3), indexed [element, point, i, j].
    """
    element = ELEMENTS[name]
    reference = element.quadrature[0] if at is None else np.asarray(at, float)
    corner = np.asarray(mesh.points)[np.asarray(mesh.cells[name])]
    return np.einsum("qki,ekj->eqij", element.gradients_at(reference), corner, optimize=True)


def require_not_inverted(mesh: UnstructuredMesh) -> None:
    """Nothing if the Jacobian is positive at every point of integration.

    Raises:
      ValueError: names the first inverted or flat element by index, type and centre, and how many there are.
    """
    worst = np.concatenate([np.linalg.det(jacobians(mesh, name)).min(axis=1) for name in mesh.cells])
    wrong = np.flatnonzero(~(worst > 0))
    if len(wrong):
        first = int(wrong[0])
        centre = np.round(element_centres(mesh)[first], 4).tolist()
        raise ValueError(
            f"`cells` holds {len(wrong)} inverted or flat elements of {len(worst)}; the first is element "
            f"{first} ({element_type_of(mesh, first)}) around {centre} mm with a Jacobian of "
            f"{worst[first]:.3g}. Check the order of its nodes (VTK's), or mesh that place again."
        )


def _checked_cells(name, nodes, count):
    if name not in ELEMENTS:
        raise ValueError(f"`cells` must have the types {', '.join(ELEMENTS)}; got {name!r}.")
    array = np.asarray(nodes)
    wanted = len(ELEMENTS[name].nodes)
    if array.ndim != 2 or array.shape[1] != wanted or array.dtype.kind not in "iu":
        raise ValueError(
            f"`cells[{name!r}]` must be integers of shape (n, {wanted}); got {array.dtype} {array.shape}."
        )
    _require_indices(f"cells[{name!r}]", array, count, "point")
    ordered = np.sort(array, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if twice.any():
        first = int(np.flatnonzero(twice)[0])
        raise ValueError(
            f"`cells[{name!r}]` holds {int(twice.sum())} elements with a node twice, the first is number "
            f"{first}: {array[first].tolist()}; collapsed elements are not supported."
        )
    return array.astype(np.int64)


def _require_indices(name, array, count, what):
    wrong = (array < 0) | (array >= count)
    if wrong.any():
        raise ValueError(
            f"`{name}` must hold indices below {count}, the number of {what}s; got {int(wrong.sum())} "
            f"others, the first is {array[wrong][0]}."
        )


def _checked_set(name, values, count, what):
    array = np.unique(np.asarray(values, dtype=np.int64)) if np.size(values) else np.zeros(0, np.int64)
    _require_indices(name, array, count, what)
    return array


def _checked_faces(name, faces, count):
    checked = {}
    for kind in sorted(faces):
        if kind not in FACE_ELEMENTS:
            raise ValueError(
                f"`face_sets[{name!r}]` must have the types {', '.join(FACE_ELEMENTS)}; got {kind!r}."
            )
        array = np.asarray(faces[kind])
        wanted = len(FACE_ELEMENTS[kind].nodes)
        if array.ndim != 2 or array.shape[1] != wanted:
            raise ValueError(
                f"`face_sets[{name!r}][{kind!r}]` must have shape (m, {wanted}); got {array.shape}."
            )
        _require_indices(f"face_sets[{name!r}][{kind!r}]", array, count, "point")
        checked[kind] = array.astype(np.int64)
    return checked


def _checked_field(name, values, count):
    array = np.asarray(values)
    if array.ndim < 1 or len(array) != count:
        raise ValueError(
            f"`fields[{name!r}]` must hold one value per element, {count}; got shape {array.shape}."
        )
    return array
