"""Properties of every element of the table: shape functions, quadrature, faces."""

from itertools import product
from math import factorial

import jax
import numpy as np
import pytest

from meshes import (
    ELEMENTS,
    FACE_ELEMENTS,
    boundary_faces,
    element_count,
    jacobians,
    make_box_mesh,
    make_mesh,
    quadrature,
    to_quadratic,
)

EVERY = {**ELEMENTS, **FACE_ELEMENTS}
every_element = pytest.mark.parametrize("element", EVERY.values(), ids=EVERY.keys())
every_kind = pytest.mark.parametrize("kind", ELEMENTS)


def points_inside(element, rng, count=20):
    """Random points of the reference shape."""
    points = rng.random((count, element.nodes.shape[1]))
    if element.shape in ("triangle", "tetrahedron"):
        return points / (1.0 + points.sum(axis=1, keepdims=True))
    return 2.0 * points - 1.0


@every_element
def test_shape_functions_are_one_at_their_node_and_zero_at_the_others(element):
    """N_a(x_b) = delta_ab"""
    assert np.allclose(element.shapes_at(element.nodes), np.eye(len(element.nodes)), rtol=0, atol=1e-13)


@every_element
def test_shape_functions_sum_to_one_everywhere(element, rng):
    """sum_a N_a = 1, sum_a grad N_a = 0"""
    points = points_inside(element, rng)
    assert np.allclose(element.shapes_at(points).sum(axis=-1), 1.0, rtol=0, atol=1e-13)
    assert np.allclose(element.gradients_at(points).sum(axis=-2), 0.0, rtol=0, atol=1e-12)


@every_element
def test_every_polynomial_of_the_order_is_reproduced(element, rng):
    """sum_a N_a p(x_a) = p for all monomials p of total degree up to the order"""
    points = points_inside(element, rng)
    shapes = element.shapes_at(points)
    for powers in product(range(element.order + 1), repeat=points.shape[1]):
        if sum(powers) <= element.order:
            values = np.prod(element.nodes**powers, axis=1)
            assert np.allclose(shapes @ values, np.prod(points**powers, axis=1), rtol=0, atol=1e-13)


@every_element
def test_gradients_are_the_derivatives_of_the_shape_functions(element, rng):
    """(N(x + d) - N(x - d)) / 2 d, exact for quadratics up to rounding and O(d^2) for the cubic terms"""
    points, step = points_inside(element, rng), 1e-5
    gradients = element.gradients_at(points)
    for axis, shift in enumerate(step * np.eye(points.shape[1])):
        difference = (element.shapes_at(points + shift) - element.shapes_at(points - shift)) / (2 * step)
        assert np.allclose(gradients[..., axis], difference, rtol=0, atol=1e-8)


@pytest.mark.parametrize("degree", range(9))
@pytest.mark.parametrize("shape", ["triangle", "quadrilateral", "tetrahedron", "hexahedron"])
def test_quadrature_is_exact_for_its_degree(shape, degree):
    """Simplex: int x^a y^b z^c = a! b! c! / (a + b + c + d)!; cube: product of (1 + (-1)^a) / (a + 1)"""
    points, weights = quadrature(shape, degree)
    dimension = points.shape[1]
    assert (weights > 0).all()
    simplex = shape in ("triangle", "tetrahedron")
    for powers in product(range(degree + 1), repeat=dimension):
        if simplex:
            if sum(powers) > degree:
                continue
            exact = np.prod([factorial(p) for p in powers]) / factorial(sum(powers) + dimension)
        else:
            exact = np.prod([(1 + (-1) ** p) / (p + 1) for p in powers])
        assert np.isclose(weights @ np.prod(points**powers, axis=1), exact, rtol=0, atol=1e-14 * 8)


def test_a_rule_of_lower_degree_is_not_exact():
    """The test above can fail: one point does not integrate x^2 over the tetrahedron."""
    points, weights = quadrature("tetrahedron", 1)
    assert not np.isclose(weights @ points[:, 0] ** 2, 2 / factorial(5), rtol=1e-3)


@pytest.mark.parametrize(("shape", "degree"), [("pyramid", 2), ("triangle", -1), ("triangle", 1.5)])
def test_a_rule_that_does_not_exist_is_refused(shape, degree):
    """Unknown shape, negative or broken degree."""
    with pytest.raises(ValueError, match=r"`(shape|degree)`"):
        quadrature(shape, degree)


@every_kind
def test_volume_of_a_box_is_the_product_of_its_edges(kind):
    """sum_e sum_q w_q det J = a b c"""
    mesh = make_box_mesh((2, 3, 4), (1.0, 2.0, 3.0), kind)
    volume = np.linalg.det(jacobians(mesh, kind)) @ ELEMENTS[kind].quadrature[1]
    assert volume.sum() == pytest.approx(6.0, rel=1e-13)


@every_kind
def test_faces_of_the_surface_point_outward_and_close_it(kind):
    """int n dA = 0 and int x . n dA = 3 V (divergence theorem)"""
    mesh = make_box_mesh((2, 1, 3), (1.0, 2.0, 3.0), kind)
    mesh = make_mesh(mesh.points + 0.1 * np.sin(mesh.points[:, ::-1]), mesh.cells)
    volume = (np.linalg.det(jacobians(mesh, kind)) @ ELEMENTS[kind].quadrature[1]).sum()
    ((face, nodes),) = boundary_faces(mesh).items()
    element = FACE_ELEMENTS[face]
    at, weights = quadrature(element.shape, 6)
    corner = mesh.points[nodes]
    tangent = np.einsum("qki,mkc->mqic", element.gradients_at(at), corner)
    normal = np.cross(tangent[:, :, 0], tangent[:, :, 1]) * weights[:, None]
    place = np.einsum("qk,mkc->mqc", element.shapes_at(at), corner)
    assert np.allclose(normal.sum(axis=(0, 1)), 0.0, rtol=0, atol=1e-12)
    # the volume of elements with bent faces is integrated to the degree of the stiffness only
    assert (place * normal).sum() == pytest.approx(3 * volume, rel=1e-12 if kind != "hex20" else 1e-9)


def test_the_middles_of_edges_keep_sets_and_numbering():
    """Each node of "z+" of the second-order box lies on z = 3, none is left out."""
    mesh = to_quadratic(make_box_mesh((2, 1, 2), (1.0, 2.0, 3.0), "tet4"))
    on_top = np.flatnonzero(mesh.points[:, 2] == 3.0)
    assert np.array_equal(mesh.node_sets["z+"], on_top)
    assert set(np.unique(mesh.face_sets["z+"]["tri6"])) == set(on_top.tolist())
    assert element_count(mesh) == 24
    with pytest.raises(ValueError, match="`mesh` must be of first order"):
        to_quadratic(mesh)


def test_a_mesh_is_a_pytree_of_its_arrays():
    """Flattened and put together again: the same types, sets and numbering."""
    mesh = make_box_mesh((1, 1, 2), 1.0, "hex20")
    again = jax.tree.map(lambda array: 2 * array, mesh)
    assert np.array_equal(again.points, 2 * mesh.points)
    assert list(again.cells) == list(mesh.cells)
    assert np.array_equal(again.face_sets["z+"]["quad8"], 2 * mesh.face_sets["z+"]["quad8"])


def box(**changes):
    """Arguments of make_mesh for one cube, with changes."""
    mesh = make_box_mesh(1, 1.0)
    return {"points": mesh.points, "cells": dict(mesh.cells), **changes}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"points": np.zeros((8, 2))}, "`points` must have shape"),
        ({"points": np.full((8, 3), np.nan)}, "`points` must be finite"),
        ({"cells": {"wedge6": np.zeros((1, 6), int)}}, "got 'wedge6'"),
        ({"cells": {}}, "at least one element"),
        ({"cells": {"hex8": np.zeros((1, 4), int)}}, r"shape \(n, 8\)"),
        ({"cells": {"hex8": np.arange(1, 9)[None]}}, "indices below 8"),
        ({"cells": {"hex8": np.array([[0, 0, 1, 2, 3, 4, 5, 6]])}}, "a node twice"),
        ({"cells": {"tet4": np.array([[0, 1, 2, 5]])}}, "points that no element uses"),
        ({"node_sets": {"a": [9]}}, r"node_sets\['a'\]` must hold indices below 8"),
        ({"element_sets": {"a": [1]}}, r"element_sets\['a'\]` must hold indices below 1"),
        ({"face_sets": {"a": {"line": [[0, 1]]}}}, "got 'line'"),
        ({"face_sets": {"a": {"tri3": [[0, 1]]}}}, r"shape \(m, 3\)"),
        ({"fields": {"a": [1.0, 2.0]}}, "one value per element"),
    ],
)
def test_a_wrong_mesh_is_refused_with_a_sentence(changes, words):
    """Each check of make_mesh names its argument."""
    with pytest.raises(ValueError, match=words):
        make_mesh(**box(**changes))


@every_kind
def test_an_inverted_element_is_named(kind):
    """Element 3 of the box, mirrored, is refused by index, type and centre."""
    mesh = make_box_mesh((1, 1, 6), (1.0, 1.0, 6.0), kind)
    nodes = mesh.cells[kind].copy()
    mirror = [1, 0, 2, 3] if kind.startswith("tet") else [1, 0, 3, 2, 5, 4, 7, 6]
    if ELEMENTS[kind].order == 2:
        edges = [frozenset(edge) for edge in ELEMENTS[kind].edges]
        mirror = mirror + [len(mirror) + edges.index(frozenset(mirror[i] for i in edge)) for edge in edges]
    nodes[3] = nodes[3, mirror]
    with pytest.raises(ValueError, match=rf"holds 1 inverted.*element 3 \({kind}\) around \[") as caught:
        make_mesh(mesh.points, {kind: nodes})
    centre = mesh.points[nodes[3, : ELEMENTS[kind].corners]].mean(axis=0)
    assert str(np.round(centre, 4).tolist()) in str(caught.value)
