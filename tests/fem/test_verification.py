"""Closed forms and conservation laws through whole solves: checks 2, 3, 5, 6, 8, 9, 10 of the verification.

Check 1 is in test_hex8.py, check 4 in test_manufactured.py, real bone in test_microct.py.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fem import (
    element_fields,
    face_forces,
    isotropic,
    load_case,
    make_plan,
    nodal_forces,
    solve,
    solve_checked,
    stiffness_matrix,
    strength_pistoia,
    transversely_isotropic,
)

MATERIALS = {"isotropic": isotropic(), "vertebral": transversely_isotropic()}
every_material = pytest.mark.parametrize("material", MATERIALS.values(), ids=MATERIALS)
every_case = pytest.mark.parametrize("case", ["axial", "uniaxial", "clamped-bottom", "confined"])
TIGHT = 1e-12


def porous_body(rng, n=6):
    """A cube of n^3 voxels with scattered single voids and moduli over a factor of a hundred."""
    mask = rng.random((n, n, n)) > 0.08
    mask[:, :, [0, -1]] = True
    mask[0] = mask[-1] = True
    modulus = np.exp(rng.uniform(np.log(100.0), np.log(1e4), mask.shape))
    return mask, modulus


def force(mask, modulus, case, *, size=0.5, material=None, strain=-0.01, rtol=1e-11, coarsest_nodes=400):
    """Force of the top platen, N, of a grid of moduli."""
    plan = make_plan(
        mask, size, load_case(case, strain=strain), material=material, coarsest_nodes=coarsest_nodes
    )
    _, info = solve_checked(jnp.asarray(modulus[mask]), plan, rtol=rtol)
    return float(info.force_top_n)


@every_material
def test_a_linear_displacement_leaves_no_force_inside_a_uniform_body(material, rng):
    """patch test: (K u)_a = 0 at inner nodes for u = G x"""
    plan = make_plan(np.ones((4, 5, 3), bool), 0.7, load_case("axial", strain=-0.01), material=material)
    nodes = np.asarray(plan.nodes)
    displacement = jnp.asarray(nodes * 0.7 @ rng.normal(size=(3, 3)))
    inner = ((nodes > 0) & (nodes < np.array(plan.shape))).all(axis=1)
    forces = nodal_forces(displacement, jnp.full(plan.elements.shape[0], 50.0), plan)
    assert inner.sum() == 3 * 4 * 2
    assert float(jnp.abs(forces[inner]).max()) <= 1e-10 * float(jnp.abs(forces).max())


@every_material
def test_six_linear_displacements_of_a_cube_give_the_stiffness_back(material):
    """C e = (1 / V) sum_a f_a x_a^T for the six unit strains, pure shear among them"""
    size, count = 0.5, (4, 4, 4)
    plan = make_plan(np.ones(count, bool), size, load_case("axial", strain=-0.01), material=material)
    position = np.asarray(plan.nodes) * size
    pairs = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    measured = np.zeros((6, 6))
    for column, (a, b) in enumerate(pairs):
        gradient = np.zeros((3, 3))
        gradient[a, b] = gradient[b, a] = 1.0 if a == b else 0.5
        forces = nodal_forces(jnp.asarray(position @ gradient), jnp.full(64, 7.0), plan)
        stress = np.asarray(forces).T @ position / (np.prod(count) * size**3)
        measured[:, column] = [stress[c, d] for c, d in pairs]
    assert np.allclose(measured, 7.0 * stiffness_matrix(material), atol=1e-9)


@every_material
def test_frictionless_compression_of_a_cube_is_uniaxial(material):
    """F = E A e, u_x = -v e x about the axis"""
    mask = np.ones((5, 4, 6), bool)
    plan = make_plan(mask, 0.5, load_case("uniaxial", strain=-0.01), material=material)
    displacement, info = solve_checked(jnp.full(120, 300.0), plan, rtol=TIGHT)
    assert float(info.force_top_n) == pytest.approx(-300.0 * 5 * 4 * 0.25 * 0.01, rel=1e-9)
    nodes = np.asarray(plan.nodes)
    expected = np.stack(
        [
            material.poisson * 0.01 * 0.5 * (nodes[:, 0] - 2.5),
            material.poisson * 0.01 * 0.5 * (nodes[:, 1] - 2.0),
            -0.01 * 0.5 * nodes[:, 2],
        ],
        axis=1,
    )
    assert np.allclose(displacement, expected, rtol=0, atol=1e-11)


@every_material
def test_confined_compression_of_a_cube_measures_the_oedometric_modulus(material):
    """F = C_zz A e; isotropic C_zz = E (1 - v) / ((1 + v)(1 - 2 v))"""
    measured = force(np.ones((5, 4, 6), bool), np.full((5, 4, 6), 300.0), "confined", material=material)
    assert measured == pytest.approx(-300.0 * stiffness_matrix(material)[2, 2] * 5 * 0.01, rel=1e-9)
    if material.name == "isotropic":
        assert stiffness_matrix(material)[2, 2] == pytest.approx(0.7 / (1.3 * 0.4), rel=1e-12)


def test_layers_along_the_load_carry_the_voigt_mean(rng):
    """F = mean(E) A e at v = 0"""
    modulus = np.broadcast_to(rng.uniform(10, 1000, 6)[:, None, None], (6, 5, 7))
    measured = force(np.ones((6, 5, 7), bool), modulus, "uniaxial", material=isotropic(0.0))
    assert measured == pytest.approx(-modulus.mean() * 6 * 5 * 0.25 * 0.01, rel=1e-8)


def test_layers_across_the_load_carry_the_reuss_mean(rng):
    """F = A e / mean(1 / E) at v = 0"""
    modulus = np.broadcast_to(rng.uniform(10, 1000, 7), (6, 5, 7))
    measured = force(np.ones((6, 5, 7), bool), modulus, "uniaxial", material=isotropic(0.0))
    assert measured == pytest.approx(-6 * 5 * 0.25 * 0.01 / np.mean(1 / modulus), rel=1e-8)


@every_case
def test_a_solve_is_in_balance_and_keeps_its_energy(case, rng):
    """platen forces sum to zero; F d = 2 sum SED V; (K u) = 0 at free nodes; Betti f1.u2 = f2.u1"""
    mask, modulus = porous_body(rng)
    plan = make_plan(mask, 0.5, load_case(case, strain=-0.01))
    modulus = jnp.asarray(modulus[mask])
    rest = jnp.zeros(plan.nodes.shape)
    displacement, info = solve_checked(modulus, plan, rtol=TIGHT, nodal_force=rest)
    bottom, top = face_forces(displacement, modulus, plan)
    assert float(bottom[2] + top[2]) == pytest.approx(0.0, abs=1e-8 * abs(float(top[2])))
    if case != "confined":
        assert float(jnp.abs(bottom + top).max()) <= 1e-8 * abs(float(top[2]))
    energy = jnp.sum(element_fields(displacement, modulus, plan).sed_mean) * 0.5**3
    work = float(info.force_top_n) * (-0.01 * 6 * 0.5)
    assert work == pytest.approx(2.0 * float(energy), rel=1e-8)

    forces = rng.normal(size=(2, *plan.nodes.shape)) * float(jnp.abs(top[2])) / 1000
    # a force without resultant in the plane: the frictionless case cannot hold one
    x, y = (np.asarray(plan.nodes) - np.asarray(plan.nodes).mean(axis=0))[:, :2].T
    motions = np.array(
        [np.outer(1 + 0 * x, [1, 0, 0]), np.outer(1 + 0 * x, [0, 1, 0]), np.zeros((x.size, 3))]
    )
    motions[2, :, :2] = np.stack([-y, x], axis=1)
    basis = np.linalg.qr(motions.reshape(3, -1).T)[0]
    forces = [f - (basis @ (basis.T @ f.ravel())).reshape(f.shape) for f in forces]
    first, second = (
        solve_checked(modulus, plan, rtol=TIGHT, nodal_force=jnp.asarray(f))[0] - displacement for f in forces
    )
    one, other = np.vdot(forces[0], second), np.vdot(forces[1], first)
    assert one == pytest.approx(other, abs=1e-8 * np.abs(np.vdot(forces[0], first)))


@pytest.mark.parametrize("case", ["axial", "uniaxial"])
def test_stiffness_scales_with_the_modulus_and_the_size(case, rng):
    """E x c gives F x c; size x s gives F x s^2 at the same strain, K x s"""
    mask, modulus = porous_body(rng)
    once = force(mask, modulus, case)
    assert force(mask, 7.5 * modulus, case) == pytest.approx(7.5 * once, rel=1e-8)
    assert force(mask, modulus, case, size=0.5 * 3) == pytest.approx(9.0 * once, rel=1e-8)
    assert force(mask, modulus, case, strain=0.02) == pytest.approx(-2.0 * once, rel=1e-8)


@pytest.mark.parametrize("case", ["axial", "uniaxial"])
def test_stiffness_does_not_see_how_the_image_lies(case, rng):
    """flips along x, y, z, a quarter turn about z and the exchange of x and y keep F"""
    mask, modulus = porous_body(rng)
    once = force(mask, modulus, case)
    views = [
        lambda a: a[::-1],
        lambda a: a[:, ::-1],
        lambda a: a[:, :, ::-1],
        lambda a: np.rot90(a, axes=(0, 1)),
        lambda a: a.transpose(1, 0, 2),
    ]
    for view in views:
        assert force(view(mask), view(modulus), case) == pytest.approx(once, rel=1e-8)


def hemisphere_mask(radius, shape, centre):
    x, y, z = (np.arange(n) + 0.5 - c for n, c in zip(shape, centre, strict=True))
    return x[:, None, None] ** 2 + y[:, None] ** 2 + z**2 > radius**2


@pytest.mark.slow
def test_a_dilute_spherical_void_softens_the_uniaxial_modulus_as_eshelby_says():
    """E* / E = 1 - 2.0045 p at v = 0.3; half a cube with half a void on its plane of symmetry"""
    shape = (76, 76, 38)
    mask = hemisphere_mask(10.0, shape, (38, 38, 0))
    porosity = 1.0 - mask.mean()
    apparent = force(mask, np.ones(shape), "uniaxial", size=1.0, rtol=1e-8, coarsest_nodes=200) / (
        76 * 76 * -0.01
    )
    assert porosity < 0.0101
    assert (1.0 - apparent) / porosity == pytest.approx(2.0045, rel=0.03)


def test_a_dilute_array_of_voids_softens_the_oedometric_modulus_as_eshelby_says():
    """M* / M = 1 - (K 2.625 + 4/3 G 1.909) / M p at v = 0.3; an octant between walls of symmetry"""
    shape = (38, 38, 38)
    mask = hemisphere_mask(10.0, shape, (0, 0, 0))
    porosity = 1.0 - mask.mean()
    apparent = force(mask, np.ones(shape), "confined", size=1.0, rtol=1e-8, coarsest_nodes=200) / (
        38 * 38 * -0.01
    )
    bulk, shear = 1.0 / (3 * 0.4), 1.0 / 2.6
    whole = bulk + 4 / 3 * shear
    slope = (bulk * 2.625 + 4 / 3 * shear * 1.909) / whole
    assert porosity < 0.0101
    assert (1.0 - apparent / whole) / porosity == pytest.approx(slope, rel=0.03)


RESULTS = ("force", "energy", "strength")


def results(modulus, plan):
    """Force of the platen (N), sum of squared SED (1e-6 MPa^2) and Pistoia strength (N), shape (3,)."""
    displacement, _ = solve(modulus, plan, rtol=TIGHT)
    force_n = face_forces(displacement, modulus, plan)[1][2]
    fields = element_fields(displacement, modulus, plan)
    energy = 1e6 * jnp.sum(fields.sed_mean**2)
    return jnp.stack([force_n, energy, strength_pistoia(fields, modulus, force_n)])


@jax.jit
def results_and_gradient(modulus, plan, weights):
    value, pull = jax.vjp(lambda m: results(m, plan), modulus)
    return value, pull(weights)[0]


@every_case
def test_gradients_through_a_solve_pass_the_taylor_test(case, rng):
    """|J(m + h d) - J(m) - h g.d| falls as h^2"""
    mask, modulus = porous_body(rng)
    plan = make_plan(mask, 0.5, load_case(case, strain=-0.01))
    start = jnp.asarray(modulus[mask])
    along = start * jnp.asarray(rng.uniform(-1.0, 1.0, start.shape))
    # steps so small that no two elements change place at the quantile of the strength
    steps = np.array([8e-4, 4e-4, 2e-4])
    weights = jnp.eye(3)
    base = results_and_gradient(start, plan, weights[0])[0]
    ahead = np.array([results_and_gradient(start + h * along, plan, weights[0])[0] - base for h in steps])
    for number, name in enumerate(RESULTS):
        slope = float(jnp.vdot(results_and_gradient(start, plan, weights[number])[1], along))
        remainder = np.abs(ahead[:, number] - steps * slope)
        rates = np.diff(np.log(remainder)) / np.diff(np.log(steps))
        assert np.all((rates > 1.9) & (rates < 2.1)), (name, rates, remainder)
