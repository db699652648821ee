"""The compiled solver against the same mathematics in plain JAX: one answer, one gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fem
import meshes
from fem import _multigrid, _native, _operator, _solve, _visits

ROUNDING = {jnp.float32: 2e-5, jnp.float64: 1e-12}
BUILT = _native.compiled_solver() is not None
pytestmark = pytest.mark.skipif(not BUILT, reason="the compiled solver is not built here")


def plain(monkeypatch):
    """Switch the compiled library off for what is traced from here on."""
    monkeypatch.setattr(_native, "compiled_solver", lambda: None)


def porous(n=20, seed=3):
    """Trabecular cube with a modulus that varies by a factor of 100."""
    mask = meshes.make_trabecular_cube(n, bv_tv=0.25, seed=seed)
    rng = np.random.default_rng(seed)
    return mask, 10.0 ** rng.uniform(2, 4, int(mask.sum()))


def make(mask, load="axial"):
    return fem.make_plan(mask, 0.1, fem.load_case(load, strain=-0.01), coarsest_nodes=60)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (40, 30, 20), (1, 1, 9), (2, 200, 2)])
def test_the_product_is_that_of_plain_jax(shape, dtype, rng):
    """K u, element by element, whatever the number of chunks."""
    mask = rng.random(shape) < 0.7
    mask[..., 0] = mask[..., -1] = True
    mask = meshes.largest_component(mask)
    elements = np.argwhere(mask)
    from fem._hierarchy import unique_nodes

    nodes, connectivity = unique_nodes(elements)
    vector = _operator.to_padded(jnp.asarray(rng.standard_normal((len(nodes), 3)), dtype))
    coefficient = jnp.asarray(rng.uniform(1, 100, (1, len(elements))), dtype)
    unit = _operator.unit_stiffness(fem.isotropic(0.3), dtype)
    visited = [jnp.asarray(array(connectivity)) for array in (_visits.runs, _visits.reach)]
    connectivity = jnp.asarray(connectivity[None], jnp.int32)
    expected = _operator.apply_scaled(coefficient, vector, connectivity, unit)
    found = jax.jit(_native.product)(coefficient, vector, (connectivity, *visited), unit)
    np.testing.assert_allclose(found, expected, atol=ROUNDING[dtype] * float(jnp.abs(expected).max()))


@pytest.mark.parametrize("load", ["axial", "uniaxial"])
def test_the_cycle_is_that_of_plain_jax(load, rng, monkeypatch):
    """M^-1 r of the K-cycle agrees to single precision."""
    mask, modulus = porous(32)
    plan = make(mask, load)
    assert len(plan.levels) >= 4
    values, inverse = jax.jit(_multigrid.build_values)(jnp.asarray(modulus), plan)
    right = jnp.asarray(rng.standard_normal(plan.levels[0].free.shape), jnp.float32) * plan.levels[0].free
    # along rigid motions without energy the cycle has no answer to agree on; a solve leaves them out
    modes = _multigrid.free_modes(plan, plan.levels[0], jnp.float32) if plan.free_motions else None
    right = _solve.without(modes, right)
    found = jax.jit(_multigrid.precondition)(plan, values, inverse, right)
    plain(monkeypatch)
    expected = jax.jit(lambda *arguments: _multigrid.precondition(*arguments))(plan, values, inverse, right)
    found, expected = _solve.without(modes, found), _solve.without(modes, expected)
    scale = float(jnp.abs(expected).max())
    np.testing.assert_allclose(found / scale, expected / scale, atol=2e-5)


@pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(jnp.float32, id="float32", marks=pytest.mark.slow),
        pytest.param(jnp.float64, id="float64"),
    ],
)
@pytest.mark.parametrize("load", ["axial", "uniaxial"])
def test_displacement_and_iterations_are_those_of_plain_jax(load, dtype, monkeypatch):
    """The same iteration, up to rounding."""
    mask, modulus = porous()
    plan, modulus = make(mask, load), jnp.asarray(modulus, dtype)
    # plain JAX sums in the precision of the vectors: a stop near rounding comes when it comes
    rtol = 1e-4 if dtype == jnp.float32 else 1e-9
    found, info = jax.jit(lambda m, p: fem.solve(m, p, rtol=rtol))(modulus, plan)
    plain(monkeypatch)
    expected, expected_info = jax.jit(lambda m, p: fem.solve(m, p, rtol=rtol))(modulus, plan)
    assert bool(info.converged)
    assert abs(int(info.iterations) - int(expected_info.iterations)) <= 1
    # two answers within the tolerance of the stop differ by no more than that times the condition
    scale = float(jnp.abs(expected).max())
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e3 * rtol)
    np.testing.assert_allclose(info.reaction_n, expected_info.reaction_n, rtol=10 * rtol)


def test_gradients_are_those_of_plain_jax(monkeypatch):
    """d/dE of the squared displacement, reverse, and the same along a direction, forward."""
    mask, modulus = porous(16)
    plan, modulus = make(mask), jnp.asarray(modulus)

    def derivatives():
        def scalar(m):
            return jnp.sum(fem.solve(m, plan, rtol=1e-10)[0] ** 2)

        along = jax.jit(lambda m: jax.jvp(scalar, (m,), (jnp.cos(jnp.arange(m.size)) * m,)))
        return jax.jit(jax.grad(scalar))(modulus), *along(modulus)

    compiled = derivatives()
    plain(monkeypatch)
    for found, expected in zip(compiled, derivatives(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8 * float(jnp.abs(expected).max()))


def test_a_solve_repeats_bit_by_bit():
    """Sums are formed in an order that does not depend on which thread comes first."""
    mask, modulus = porous(48)
    plan, modulus = make(mask), jnp.asarray(modulus)
    program = jax.jit(lambda m, p: fem.solve(m, p)[0])
    first = np.asarray(program(modulus, plan))
    for _ in range(4):
        assert np.array_equal(first, np.asarray(program(modulus, plan)))


@pytest.mark.slow
def test_solves_are_mapped_one_by_one():
    """vmap over moduli gives what single solves give."""
    mask, modulus = porous(16)
    plan = make(mask)
    batch = jnp.stack([jnp.asarray(modulus), 2 * jnp.asarray(modulus)])
    together = jax.jit(jax.vmap(lambda m: fem.solve(m, plan)[1].reaction_n))(batch)
    single = [float(fem.solve(m, plan)[1].reaction_n) for m in batch]
    np.testing.assert_allclose(together, single, rtol=1e-9)


@pytest.mark.parametrize("size", [1, 7, 150])
def test_the_dense_inverse_is_numpys(size, rng):
    """A^-1 of a symmetric positive definite matrix."""
    root = rng.standard_normal((size, size))
    matrix = root @ root.T + 0.1 * np.eye(size)
    found = np.asarray(jax.jit(_native.inverse)(jnp.asarray(matrix)))
    np.testing.assert_allclose(found, np.linalg.inv(matrix), atol=1e-5 * np.abs(np.linalg.inv(matrix)).max())


def test_an_indefinite_matrix_has_no_inverse():
    """As with a Cholesky factorization of JAX, the answer is not a number."""
    assert np.isnan(np.asarray(_native.inverse(jnp.diag(jnp.asarray([1.0, -1.0]))))).all()


def test_the_product_of_a_solve_has_plain_derivatives(rng):
    """K u is linear in the moduli and in u: tangent and Taylor remainder."""
    mask, modulus = porous(16)
    plan, modulus = make(mask), jnp.asarray(modulus)
    vector = jnp.asarray(rng.standard_normal(plan.levels[0].free.shape)) * plan.levels[0].free

    def energy(m, v):
        return jnp.vdot(v, _solve.stiffness_product(m, plan, v)) / 2

    by_modulus, by_vector = jax.grad(energy, argnums=(0, 1))(modulus, vector)
    np.testing.assert_allclose(jnp.vdot(by_modulus, modulus), energy(modulus, vector), rtol=1e-12)
    np.testing.assert_allclose(jnp.vdot(by_vector, vector), 2 * energy(modulus, vector), rtol=1e-12)
