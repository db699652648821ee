"""Smoothed aggregation: block products, the hierarchy of PyAMG in JAX, convergence and derivatives."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sparse

import fem
from fem import Held, Jacobi, make_aggregation, make_mesh_plan, solve_mesh, solve_mesh_checked
from fem._assembly import assemble_stiffness, corner_interpolation
from fem._block_rows import make_block_rows
from meshes import ELEMENTS, make_box_mesh, make_mesh

try:
    import pyamg  # noqa: F401

    HAS_PYAMG = True
except ModuleNotFoundError:
    HAS_PYAMG = False

needs_pyamg = pytest.mark.skipif(not HAS_PYAMG, reason="PyAMG is not installed (extra `unstructured`)")


def case(kind, count, contrast=1.0):
    """A bent unit cube between two platens, moduli random over a contrast."""
    box = make_box_mesh(count, 1.0, kind)
    bump = np.prod(np.sin(np.pi * box.points), axis=1)[:, None]
    mesh = make_mesh(box.points + 0.06 * bump * [1.0, -0.7, 0.5], box.cells, node_sets=box.node_sets)
    plan = make_mesh_plan(mesh, [Held("z-", 0.0, 0.0, 0.0), Held("z+", z=-0.01)])
    exponent = np.random.default_rng(count).random(plan.element_count)
    return plan, jnp.asarray(1000.0 * contrast**exponent)


def test_slices_of_block_rows_multiply_as_the_matrix(rng):
    """A v of rows with 0 to 40 blocks of 3 x 6."""
    lengths = rng.integers(0, 41, 50)
    lengths[:5] = 0
    pointers = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.concatenate([rng.choice(60, length, replace=False) for length in lengths])
    data = rng.standard_normal((len(columns), 3, 6))
    matrix = sparse.bsr_array((data, columns, pointers), shape=(150, 360))
    vector = rng.standard_normal((60, 6))
    found = make_block_rows(matrix, np.float64) @ jnp.asarray(vector.T)
    assert np.allclose(found.T.ravel(), matrix @ vector.ravel(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ELEMENTS)
def test_the_assembled_stiffness_is_the_product(kind, rng):
    """A u = K u on free components, u zero where held; the blocks of Jacobi are those of A."""
    plan, modulus = case(kind, 2, contrast=100.0)
    matrix = assemble_stiffness(modulus, plan)
    free = np.asarray(plan.free)
    vector = np.where(free, rng.standard_normal(free.shape), 0.0)
    product = np.where(free, fem.mesh_nodal_forces(jnp.asarray(vector), modulus, plan), 0.0)
    assert np.allclose(matrix @ vector.ravel(), product.ravel(), rtol=0, atol=1e-9)
    count = len(free)
    blocks = matrix.toarray().reshape(count, 3, count, 3)[np.arange(count), :, np.arange(count)]
    inverse = Jacobi().approximate_inverse(fem._mesh_operator.point_moduli(modulus, plan), plan)
    scaled = inverse(jnp.asarray(np.einsum("nij,nj->ni", blocks, vector), jnp.float32))
    assert np.allclose(scaled, vector, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["tet10", "hex20"])
def test_corners_carry_linear_fields_to_the_middles(kind):
    """P x_corner = x on free nodes whose edge has no held end."""
    box = make_box_mesh(3, 1.0, kind)
    plan = make_mesh_plan(box, [Held("z-", 0.0, 0.0, 0.0)])
    prolong, corners = corner_interpolation(plan)
    assert len(corners) == 64
    away = box.points[:, 2] > 1 / 3 + 1e-9
    found = (prolong @ box.points[corners].ravel()).reshape(-1, 3)
    assert np.allclose(found[away], box.points[away], rtol=0, atol=1e-14)
    assert corner_interpolation(case("hex8", 2)[0]) is None


@needs_pyamg
@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        ("hex8", (8, 16)),
        pytest.param("tet4", (8, 16), marks=pytest.mark.slow),
        pytest.param("tet10", (4, 8), marks=pytest.mark.slow),
    ],
)
def test_iterations_hardly_grow_with_the_mesh(kind, counts):
    """Convergence factor rtol^(1/n) below 0.4 with moduli over three decades; at h / 2 at most 4 more."""
    iterations = []
    for count in counts:
        plan, modulus = case(kind, count, contrast=1000.0)
        hierarchy = make_aggregation(modulus, plan)
        assert len(hierarchy.levels) >= 1
        _, info = solve_mesh_checked(modulus, plan, preconditioner=hierarchy, rtol=1e-8)
        iterations.append(int(info.iterations))
    assert 1e-8 ** (1 / iterations[-1]) < 0.4, iterations
    assert iterations[1] - iterations[0] <= 4, iterations


@needs_pyamg
def test_the_cycle_is_symmetric_and_positive(rng):
    """v . M u = u . M v, u . M u > 0, to single precision; zero where held"""
    plan, modulus = case("tet10", 4, contrast=100.0)
    cycle = jax.jit(make_aggregation(modulus, plan).approximate_inverse(None, plan))
    u, v = (
        jnp.where(plan.free, jnp.asarray(rng.standard_normal(plan.points.shape), jnp.float32), 0)
        for _ in range(2)
    )
    forward, backward = float(jnp.vdot(v, cycle(u))), float(jnp.vdot(u, cycle(v)))
    size = float(jnp.sqrt(jnp.vdot(u, cycle(u)) * jnp.vdot(v, cycle(v))))
    assert float(jnp.vdot(u, cycle(u))) > 0
    assert abs(forward - backward) < 1e-5 * size


@needs_pyamg
def test_the_answer_does_not_depend_on_the_preconditioner():
    """Aggregation, an aggregation for other moduli, and Jacobi give one displacement and one gradient."""
    plan, modulus = case("hex8", 6, contrast=100.0)
    preconditioners = [make_aggregation(modulus, plan), make_aggregation(1.0 + 0 * modulus, plan), Jacobi()]

    def goal(values, preconditioner):
        displacement, info = solve_mesh(values, plan, preconditioner=preconditioner, rtol=1e-11)
        return jnp.sum(displacement**2), info

    gradients, counts = [], []
    for preconditioner in preconditioners:
        (_, info), gradient = jax.jit(jax.value_and_grad(goal, has_aux=True))(modulus, preconditioner)
        assert bool(info.converged)
        gradients.append(gradient)
        counts.append(int(info.iterations))
    for gradient in gradients[:2]:
        assert np.allclose(gradient, gradients[2], rtol=0, atol=1e-8 * np.abs(gradients[2]).max())
    assert counts[0] < counts[1] < counts[2]


def test_without_pyamg_a_sentence_says_what_to_do(monkeypatch):
    """The extra to install, and the preconditioner that needs none."""
    monkeypatch.setitem(sys.modules, "pyamg", None)
    plan, modulus = case("hex8", 2)
    with pytest.raises(ModuleNotFoundError, match=r"osteon\[unstructured\].*fem.Jacobi\(\)"):
        make_aggregation(modulus, plan)


@needs_pyamg
def test_a_mesh_small_enough_for_the_direct_solve_alone():
    """27 nodes are not coarsened: one or two iterations; and the hierarchy of another mesh is refused."""
    plan, modulus = case("hex8", 2, contrast=100.0)
    hierarchy = make_aggregation(modulus, plan)
    assert hierarchy.levels == ()
    _, info = solve_mesh_checked(modulus, plan, preconditioner=hierarchy, rtol=1e-8)
    assert int(info.iterations) <= 3
    other, values = case("hex8", 3)
    with pytest.raises(ValueError, match="hierarchy of a mesh of 27 nodes, but the plan has 64"):
        solve_mesh_checked(values, other, preconditioner=hierarchy)


@needs_pyamg
def test_a_degree_below_one_is_refused():
    """A smoother of degree 0 does nothing."""
    plan, modulus = case("hex8", 2)
    with pytest.raises(ValueError, match="`degree` must be 1 or more"):
        make_aggregation(modulus, plan, degree=0)
