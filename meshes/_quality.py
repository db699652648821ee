"""Quality of the elements of an unstructured mesh."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._elements import ELEMENTS
from ._mesh import UnstructuredMesh, element_centres, element_type_of, jacobians


@dataclass(frozen=True)
class MeshQuality:
    """Measures of every element, in the numbering of the mesh; host."""

    jacobian_min: np.ndarray
    "smallest Jacobian at the points of integration, per unit of reference volume, mm3, (ne,); <= 0: inverted"
    jacobian_ratio: np.ndarray
    "smallest over largest Jacobian at the points of integration and the corners, (ne,); 1 undistorted"
    scaled_jacobian: np.ndarray
    "smallest over the corners of the Jacobian of edges of unit length, (ne,); 1 ideal, <= 0 folded"
    mean_ratio: np.ndarray
    "smallest over the corners of 3 det(A)^(2/3) / |A|^2, A the map from the ideal corner, (ne,); 1 ideal"
    aspect: np.ndarray
    "longest over shortest straight edge, (ne,)"
    volume: np.ndarray
    "mm3, (ne,)"
    inverted: np.ndarray
    "indices of the elements whose Jacobian is not positive at some point of integration"
    report: tuple[str, ...]
    "what a person should know, one sentence each; the inverted elements by index, type and centre"


# edges that leave each corner, in an order that makes the determinant positive
_CORNER_EDGES = {
    "tetrahedron": ((0, 1, 2, 3), (1, 2, 0, 3), (2, 0, 1, 3), (3, 0, 2, 1)),
    "hexahedron": (
        *((0, 1, 3, 4), (1, 2, 0, 5), (2, 3, 1, 6), (3, 0, 2, 7)),
        *((4, 7, 5, 0), (5, 4, 6, 1), (6, 5, 7, 2), (7, 6, 4, 3)),
    ),
}
# Edges of a corner of the ideal element as rows: regular tetrahedron, cube.
_IDEAL = {
    "tetrahedron": np.array([[1, 0, 0], [0.5, np.sqrt(0.75), 0], [0.5, np.sqrt(1 / 12), np.sqrt(2 / 3)]]),
    "hexahedron": np.eye(3),
}


def mesh_quality(mesh: UnstructuredMesh, *, list_at_most: int = 10) -> MeshQuality:
    """Measures of all elements and a report; works on meshes that `make_mesh` would refuse.

    Corner measures take the straight edges between the corners, also of elements of second order.

    Args:
      mesh: the mesh.
      list_at_most: how many inverted elements the report names.

    Reference: scaled Jacobian and mean ratio, Knupp 2000, Int. J. Numer. Meth. Engng 48:1165; Liu and Joe
      1994, BIT 34:268.
    """
    parts = [_measures(mesh, name) for name in mesh.cells]
    values = [np.concatenate([part[k] for part in parts]) for k in range(6)]
    inverted = np.flatnonzero(~(values[0] > 0))
    report = _report(mesh, values, inverted, list_at_most)
    return MeshQuality(*values, inverted=inverted, report=report)


def _measures(mesh, name):
    element = ELEMENTS[name]
    at_points = np.linalg.det(jacobians(mesh, name))
    at_corners = np.linalg.det(jacobians(mesh, name, element.nodes[: element.corners]))
    every = np.concatenate([at_points, at_corners], axis=1)
    corner = np.asarray(mesh.points)[np.asarray(mesh.cells[name])[:, : element.corners]]
    table = np.array(_CORNER_EDGES[element.shape])
    edges = corner[:, table[:, 1:]] - corner[:, table[:, :1]]
    ideal = _IDEAL[element.shape]
    length = np.linalg.norm(edges, axis=-1)
    smallest = np.finfo(float).tiny
    volume = np.linalg.det(edges)
    scaled = volume / np.maximum(length.prod(axis=-1), smallest) / np.linalg.det(ideal)
    mapped = np.linalg.solve(np.broadcast_to(ideal, edges.shape), edges)
    determinant = np.linalg.det(mapped)
    size = np.maximum((mapped**2).sum(axis=(-1, -2)), smallest)
    ratio = 3.0 * np.sign(determinant) * np.abs(determinant) ** (2 / 3) / size
    a, b = np.array(element.edges).T
    straight = np.linalg.norm(corner[:, a] - corner[:, b], axis=-1)
    return (
        at_points.min(axis=1),
        every.min(axis=1) / np.maximum(every.max(axis=1), smallest),
        scaled.min(axis=1),
        ratio.min(axis=1),
        straight.max(axis=1) / np.maximum(straight.min(axis=1), smallest),
        at_points @ element.quadrature[1],
    )


def _report(mesh: Any, values, inverted, list_at_most):
    counts = ", ".join(f"{len(nodes)} {name}" for name, nodes in mesh.cells.items())
    lines = [f"{counts}; {len(mesh.points)} nodes; volume {values[5].sum():.6g} mm3"]
    for label, value, worst in (
        ("scaled Jacobian", values[2], np.min),
        ("mean ratio", values[3], np.min),
        ("edge ratio", values[4], np.max),
    ):
        lines.append(f"{label}: worst {worst(value):.3g}, median {np.median(value):.3g}")
    centres = element_centres(mesh)
    for index in inverted[:list_at_most].tolist():
        place = ", ".join(f"{x:.4g}" for x in centres[index])
        lines.append(
            f"inverted: element {index} ({element_type_of(mesh, index)}) around ({place}) mm, Jacobian "
            f"{values[0][index]:.3g}"
        )
    if len(inverted) > list_at_most:
        lines.append(f"and {len(inverted) - list_at_most} more inverted elements")
    return tuple(lines)
