"""The table of elements: each one is its nodes, the monomials of its shape functions and its faces.

Shape functions are the combinations of the monomials that are one at one node and zero at the others, so
that a new element is a new row of data. Nodes follow VTK's order, which is meshio's: corners first, then
middles of edges.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from ._quadrature import quadrature


@dataclass(frozen=True, eq=False)
class Element:
    """One type of element on its reference shape; host, float64."""

    name: str
    "name in a mesh: tet4, tet10, hex8, hex20; faces tri3, tri6, quad4, quad8"
    meshio_name: str
    "name of the same element in meshio and VTK's order of its nodes"
    shape: str
    "reference shape, a key of the quadrature rules"
    order: int
    "1 with straight edges, 2 with a node in the middle of each edge"
    corners: int
    "number of corners, the first nodes"
    nodes: np.ndarray
    "positions of the nodes on the reference shape, (k, dimension)"
    exponents: np.ndarray
    "exponents of the k monomials that the shape functions are made of, (k, dimension)"
    edges: tuple[tuple[int, int], ...]
    "corners of the edges, in the order of the nodes in their middles"
    degree: int
    "degree of the quadrature that the stiffness is integrated with"
    faces: tuple[tuple[int, ...], ...] = ()
    "local nodes of the faces, counter-clockwise seen from outside, in the order of the face's own nodes"
    face: str = ""
    "name of the element of the faces"

    @cached_property
    def quadrature(self) -> tuple[np.ndarray, np.ndarray]:
        """Points (q, dimension) and weights (q,) of the stiffness."""
        return quadrature(self.shape, self.degree)

    @cached_property
    def _coefficients(self) -> np.ndarray:
        return np.linalg.inv(_powers(self.nodes, self.exponents))

    def shapes_at(self, points: np.ndarray) -> np.ndarray:
        """Shape functions (..., k) at points (..., dimension) of the reference shape."""
        return _powers(np.asarray(points, float), self.exponents) @ self._coefficients

    def gradients_at(self, points: np.ndarray) -> np.ndarray:
        """Derivatives (..., k, dimension) of the shape functions by the reference coordinates."""
        points = np.asarray(points, float)
        columns = []
        for axis in range(points.shape[-1]):
            factor = self.exponents[:, axis]
            lowered = self.exponents.copy()
            lowered[:, axis] = np.maximum(factor - 1, 0)
            columns.append((factor * _powers(points, lowered)) @ self._coefficients)
        return np.stack(columns, axis=-1)


def _powers(points, exponents):
    return np.prod(points[..., None, :] ** exponents, axis=-1)


def _simplex_corners(dimension):
    return np.vstack([np.zeros(dimension), np.eye(dimension)])


def _cube_corners(dimension):
    square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    if dimension == 2:
        return square
    return np.vstack([np.column_stack([square, np.full(4, z)]) for z in (-1.0, 1.0)])


def _total_degree(dimension, order):
    return np.array([e for e in product(range(order + 1), repeat=dimension) if sum(e) <= order])


def _serendipity(dimension, order):
    """Monomials whose degree without the linear factors is at most `order` (Arnold and Awanou 2011)."""
    powers = product(range(order + 1), repeat=dimension)
    return np.array([e for e in powers if sum(p for p in e if p > 1) <= order])


def _element(name, meshio_name, shape, order, edges, degree, faces=(), face=""):
    simplex = shape in ("triangle", "tetrahedron")
    dimension = 2 if shape in ("triangle", "quadrilateral") else 3
    corners = _simplex_corners(dimension) if simplex else _cube_corners(dimension)
    middles = [corners[list(edge)].mean(axis=0) for edge in edges]
    nodes = np.vstack([corners, middles]) if order == 2 else corners
    exponents = (_total_degree if simplex else _serendipity)(dimension, order)
    if order == 2:
        middle_of = {frozenset(edge): len(corners) + k for k, edge in enumerate(edges)}
        faces = tuple(
            (*f, *(middle_of[frozenset((a, b))] for a, b in zip(f, f[1:] + f[:1], strict=True)))
            for f in faces
        )
    return Element(
        name, meshio_name, shape, order, len(corners), nodes, exponents, edges, degree, faces, face
    )


_TRIANGLE_EDGES = ((0, 1), (1, 2), (2, 0))
_SQUARE_EDGES = ((0, 1), (1, 2), (2, 3), (3, 0))
_TETRAHEDRON_EDGES = ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3))
_CUBE_EDGES = (
    *((0, 1), (1, 2), (2, 3), (3, 0)),
    *((4, 5), (5, 6), (6, 7), (7, 4)),
    *((0, 4), (1, 5), (2, 6), (3, 7)),
)
_TETRAHEDRON_FACES = ((0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3))
_CUBE_FACES = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))

# Degrees: exact stiffness of elements with straight edges and a constant modulus. The four points of tet10
# are also what optimal order needs when the modulus varies (2 k - 2 for elements of order k, Ciarlet 1978).
ELEMENTS = {
    element.name: element
    for element in (
        _element("tet4", "tetra", "tetrahedron", 1, _TETRAHEDRON_EDGES, 1, _TETRAHEDRON_FACES, "tri3"),
        _element("tet10", "tetra10", "tetrahedron", 2, _TETRAHEDRON_EDGES, 2, _TETRAHEDRON_FACES, "tri6"),
        _element("hex8", "hexahedron", "hexahedron", 1, _CUBE_EDGES, 3, _CUBE_FACES, "quad4"),
        _element("hex20", "hexahedron20", "hexahedron", 2, _CUBE_EDGES, 5, _CUBE_FACES, "quad8"),
    )
}
"""Elements of volume by name: tet4, tet10, hex8, hex20."""

FACE_ELEMENTS = {
    element.name: element
    for element in (
        _element("tri3", "triangle", "triangle", 1, _TRIANGLE_EDGES, 2),
        _element("tri6", "triangle6", "triangle", 2, _TRIANGLE_EDGES, 4),
        _element("quad4", "quad", "quadrilateral", 1, _SQUARE_EDGES, 3),
        _element("quad8", "quad8", "quadrilateral", 2, _SQUARE_EDGES, 5),
    )
}
"""Elements of the faces by name: tri3, tri6, quad4, quad8."""
