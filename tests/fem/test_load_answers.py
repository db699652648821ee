"""Shear, bending, torsion, macroscopic strain and forces against closed forms; balance of all cases."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fem

MODULUS = 1000.0
POISSON = 0.3
SHEAR = MODULUS / (2 * (1 + POISSON))
STRAINS = (0.01, -0.02, 0.03, 0.004, -0.005, 0.006)
SIZES = {
    "strain": -0.01,
    "angle_rad": 0.02,
    "force_n": (3.0, 4.0, -12.0),
    "pressure_mpa": 0.5,
}
# one of those that differ by the axis or by what the body carries only; what they hold is in test_loads.py
CASES = [
    "axial",
    "shear-x",
    "symmetric-shear-yz",
    "bending-x",
    "uniaxial-bending-y",
    "torsion",
    "kinematic-uniform",
    "force",
    "pressure",
]
every_case = pytest.mark.parametrize("name", CASES)


def sized(name, factor=1.0):
    """The load case in the first kind of size that it takes."""
    case = fem.LOAD_CASES[name]
    size: Any = STRAINS if case.motion == "affine" else SIZES[case.sizes[0]]
    scaled: Any = factor * np.asarray(size)
    return fem.load_case(name, **{case.sizes[0]: scaled})


def solved(shape, load, *, size=1.0, material=None, modulus=MODULUS, rtol=1e-10):
    """Plan, moduli, displacement and record of a solid block."""
    plan = fem.make_plan(np.ones(shape, bool), size, load, material=material, coarsest_nodes=1000)
    moduli = jnp.full(int(np.prod(shape)), modulus)
    return plan, moduli, *fem.solve_checked(moduli, plan, rtol=rtol)


@cache
def porous():
    """A 4^3 cube with single voids, and moduli over a factor of a hundred."""
    rng = np.random.default_rng(3)
    mask = rng.random((4, 4, 4)) > 0.15
    mask[:, :, [0, -1]] = True
    mask[0] = mask[-1] = True
    return mask, jnp.asarray(np.exp(rng.uniform(np.log(100.0), np.log(1e4), int(mask.sum()))))


@every_case
def test_reactions_balance_the_work_is_twice_the_energy_and_a_new_size_needs_no_new_program(name):
    """sum f = 0, sum x cross f = 0 over held and loaded nodes; Q q = 2 W; u(c q) = c u(q) by one program"""
    mask, modulus = porous()
    plan = fem.make_plan(mask, 0.5, sized(name), coarsest_nodes=400)
    traces = []

    @jax.jit
    def run(modulus, plan):
        traces.append(1)
        displacement, info = fem.solve(modulus, plan, rtol=1e-11)
        energy = jnp.sum(fem.element_fields(displacement, modulus, plan).sed_mean) * 0.5**3
        return displacement, info, energy, fem.nodal_forces(displacement, modulus, plan)

    displacement, info, energy, forces = run(modulus, plan)
    assert bool(info.converged)
    assert float(info.force_mismatch) < 1e-8
    fixed = fem.constraints(plan.load, np.asarray(plan.nodes), plan.shape, 0.5).fixed
    applied = 0.0 if plan.applied is None else np.asarray(plan.applied)
    acting = np.where(fixed, forces, applied)
    place = np.asarray(plan.nodes) * 0.5
    assert np.abs(acting.sum(axis=0)).max() <= 1e-8 * np.abs(acting).sum()
    assert np.abs(np.cross(place, acting).sum(axis=0)).max() <= 1e-8 * np.abs(acting).sum() * 2.0
    work = float(jnp.vdot(info.generalised_force, info.generalised_displacement))
    if name.startswith(("kinematic", "symmetric")):
        work *= 8.0
    assert work == pytest.approx(2 * float(energy), rel=1e-8)

    factor = 0.4 if name == "pressure" else -2.5
    more, larger, *_ = run(modulus, fem.with_load(plan, sized(name, factor)))
    assert len(traces) == 1
    np.testing.assert_allclose(more, factor * displacement, atol=1e-8 * float(jnp.abs(more).max()))
    # the displacement along a force does not change its sign with the force
    grown = factor if plan.applied is None else abs(factor)
    np.testing.assert_allclose(
        larger.generalised_displacement, grown * info.generalised_displacement, rtol=1e-8
    )


@pytest.mark.parametrize("name", ["symmetric-shear-yz", "torsion", "kinematic-uniform", "periodic"])
def test_two_forces_do_the_same_work_on_each_others_displacements(name, rng):
    """Betti: f1 . u(f2) = f2 . u(f1) at the same prescribed displacements"""
    mask, modulus = porous()
    if name == "periodic":
        mask, modulus = np.ones((4, 4, 4), bool), jnp.asarray(rng.uniform(100.0, 1e4, 64))
        load = fem.load_case(name, strain=STRAINS)
    else:
        load = sized(name)
    plan = fem.make_plan(mask, 0.5, load, coarsest_nodes=400)
    run = jax.jit(lambda force: fem.solve(modulus, plan, rtol=1e-12, nodal_force=force)[0])
    forces = jnp.asarray(rng.standard_normal((2, *plan.nodes.shape)))
    # a periodic body is in balance under forces without resultant only
    forces = forces - forces.mean(axis=1, keepdims=True)
    still = run(jnp.zeros(plan.nodes.shape))
    first, second = (run(force) - still for force in forces)
    one, other = float(jnp.vdot(forces[0], second)), float(jnp.vdot(forces[1], first))
    assert one == pytest.approx(other, abs=1e-8 * float(jnp.vdot(forces[0], first)))


@pytest.mark.parametrize("plane", ["yz", "xz", "xy"])
@pytest.mark.parametrize(
    "material", [fem.isotropic(POISSON), fem.transversely_isotropic()], ids=lambda m: m.name
)
def test_symmetric_shear_of_a_block_is_pure_shear(plane, material):
    """mean stress tau = G gamma, u = gamma / 2 (x_b e_a + x_a e_b)"""
    load = fem.load_case(f"symmetric-shear-{plane}", strain=0.02)
    plan, _, displacement, info = solved((5, 4, 6), load, size=0.5, material=material)
    row = {"yz": 3, "xz": 4, "xy": 5}[plane]
    expected = MODULUS * fem.stiffness_matrix(material)[row, row] * 0.02
    assert float(info.generalised_force) == pytest.approx(expected, rel=1e-9)
    place = (np.asarray(plan.nodes) - np.array(plan.shape) / 2) * 0.5
    a, b = ("xyz".index(axis) for axis in plane)
    linear = np.zeros(place.shape)
    linear[:, a], linear[:, b] = 0.01 * place[:, b], 0.01 * place[:, a]
    np.testing.assert_allclose(displacement, linear, atol=1e-10)


def test_a_macroscopic_strain_of_a_uniform_block_gives_its_stress():
    """sigma = C epsilon in every element and as the mean over the box"""
    plan, modulus, displacement, info = solved((4, 5, 3), sized("kinematic-uniform"), size=0.3)
    stress = MODULUS * fem.stiffness_matrix(plan.material) @ np.array(STRAINS)
    np.testing.assert_allclose(info.generalised_force, stress, rtol=1e-9)
    fields = fem.element_fields(displacement, modulus, plan)
    np.testing.assert_allclose(fields.stress, np.broadcast_to(stress, (60, 6)), rtol=1e-8)


def test_the_mean_stress_is_the_volume_mean_of_the_elements():
    """(1 / V) sum_a f_a x_a^T = (1 / V) sum_e sigma_e h^3, for a body with pores"""
    mask, modulus = porous()
    plan = fem.make_plan(mask, 0.5, sized("kinematic-uniform"), coarsest_nodes=400)
    displacement, info = fem.solve_checked(modulus, plan, rtol=1e-6)
    stress = fem.element_fields(displacement, modulus, plan).stress.sum(axis=0) / mask.size
    np.testing.assert_allclose(info.generalised_force, stress, rtol=1e-10)


def compliance(name, width, length, size):
    """Angle over moment of a square prism, 1 / (N mm)."""
    case = fem.load_case(name, angle_rad=0.01)
    _, _, _, info = solved((width, width, length), case, size=size)
    assert abs(float(info.generalised_displacement) - 0.01) < 1e-15
    return 0.01 / float(info.generalised_force)


def test_pure_bending_between_smooth_platens_converges_to_beam_theory():
    """M = E I theta / L, I = a^4 / 12; the trilinear cube is too stiff by order h^2: a quarter at half h"""
    exact = MODULUS * 2.0**4 / 12 * 0.01 / 4.0
    errors = []
    for width in (3, 6):
        load = fem.load_case("uniaxial-bending-x", angle_rad=0.01)
        _, _, _, info = solved((width, width, 2 * width), load, size=2.0 / width)
        errors.append(float(info.generalised_force) / exact - 1)
        # the platens carry no net force
        assert abs(float(info.force_top_n)) < 1e-8 * exact
    assert 0 < errors[1] < 0.05
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)


def test_bending_about_x_and_y_is_the_same_turned_by_a_quarter():
    """M_x of a 4 x 6 section = M_y of a 6 x 4 section"""
    about_x = solved((4, 6, 5), fem.load_case("bending-x", angle_rad=0.01))[3]
    about_y = solved((6, 4, 5), fem.load_case("bending-y", angle_rad=0.01))[3]
    assert float(about_x.generalised_force) == pytest.approx(float(about_y.generalised_force), rel=1e-9)


@pytest.mark.slow
def test_bending_between_glued_platens_is_pure_bending_away_from_the_ends():
    """d(theta / M) / dL = 1 / (E I): what the glue adds is the same for two lengths"""
    slopes = []
    for width in (3, 6):
        size = 2.0 / width
        longer, shorter = (compliance("bending-x", width, n * width, size) for n in (3, 2))
        slopes.append((longer - shorter) / 2.0 * MODULUS * 2.0**4 / 12)
    errors = 1 - np.array(slopes)
    assert 0 < errors[1] < 0.05
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.2)


def test_torsion_of_a_square_prism_follows_saint_venant():
    """d(phi / T) / dL = 1 / (G 0.1406 a^4) (Timoshenko and Goodier 1970, section 109), order h^2"""
    slopes = []
    for width in (3, 6):
        size = 2.0 / width
        longer, shorter = (compliance("torsion", width, n * width, size) for n in (3, 2))
        slopes.append((longer - shorter) / 2.0 * SHEAR * 0.1406 * 2.0**4)
    errors = 1 - np.array(slopes)
    assert 0 < errors[1] < 0.05
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.2)


def test_shear_of_a_slender_prism_is_that_of_a_beam_with_shear():
    """d / F = L^3 / (12 E I) + L / (k G A) between glued ends, k = 10 (1 + v) / (12 + 11 v) (Cowper 1966)"""
    width, length = 6, 30
    _, _, _, info = solved((width, width, length), fem.load_case("shear-x", displacement_mm=0.1))
    factor = 10 * (1 + POISSON) / (12 + 11 * POISSON)
    expected = length**3 / (MODULUS * width**4) + length / (factor * SHEAR * width**2)
    # 6 voxels across are too stiff in bending by about 1 / (2 * 6^2) of shear locking per unit
    assert 0.1 / float(info.generalised_force) == pytest.approx(expected, rel=0.05)
    assert float(info.reaction_n) == pytest.approx(0.0, abs=1e-8 * float(info.generalised_force))


@pytest.mark.parametrize("name", ["force", "pressure"])
def test_a_pressed_bar_shortens_as_its_stiffness_says(name):
    """v = 0: d = F L / (E A), uniform stress; the reaction is the load"""
    load = (
        fem.load_case("force", force_n=(0.0, 0.0, -30.0))
        if name == "force"
        else fem.load_case("pressure", pressure_mpa=30.0 / (4 * 3 * 0.25))
    )
    plan, _, displacement, info = solved((4, 3, 8), load, size=0.5, material=fem.isotropic(0.0))
    shortening = 30.0 * 4.0 / (MODULUS * 3.0)
    assert float(info.generalised_force) == pytest.approx(30.0)
    assert float(info.generalised_displacement) == pytest.approx(shortening, rel=1e-9)
    assert float(info.reaction_n) == pytest.approx(-30.0, rel=1e-9)
    np.testing.assert_allclose(displacement[:, 2], -shortening * np.asarray(plan.nodes)[:, 2] / 8, atol=1e-11)


def test_a_force_and_the_displacement_it_causes_are_two_views_of_one_stiffness():
    """the reactions of the loaded face, laid on it as forces, give the displacement back"""
    mask, modulus = porous()
    moved = fem.make_plan(mask, 0.5, fem.load_case("clamped-bottom", strain=-0.01), coarsest_nodes=400)
    displacement, _ = fem.solve_checked(modulus, moved, rtol=1e-11)
    reactions = jnp.where(moved.top[:, None], fem.nodal_forces(displacement, modulus, moved), 0)
    loaded = fem.make_plan(mask, 0.5, fem.load_case("force", force_n=(0.0, 0.0, 1e-12)), coarsest_nodes=400)
    again, _ = fem.solve_checked(modulus, loaded, rtol=1e-11, nodal_force=reactions)
    np.testing.assert_allclose(again, displacement, atol=1e-8 * float(jnp.abs(displacement).max()))


def test_other_displacements_on_the_same_held_nodes_need_no_new_plan():
    """solve(axial plan, prescribed of torsion) = solve(torsion plan)"""
    mask, modulus = porous()
    axial = fem.make_plan(mask, 0.5, fem.load_case("axial", strain=-0.01), coarsest_nodes=400)
    torsion = fem.make_plan(mask, 0.5, fem.load_case("torsion", angle_rad=0.02), coarsest_nodes=400)
    expected, _ = fem.solve_checked(modulus, torsion, rtol=1e-10)
    twisted, _ = fem.solve_checked(modulus, axial, rtol=1e-10, prescribed=torsion.prescribed)
    np.testing.assert_allclose(twisted, expected, atol=1e-9 * float(jnp.abs(expected).max()))
    shared = fem.with_load(axial, fem.load_case("torsion", angle_rad=0.02))
    assert shared.levels is axial.levels
    np.testing.assert_array_equal(shared.prescribed, torsion.prescribed)
    _, info = fem.solve_checked(modulus, axial, rtol=1e-10, prescribed=3.0 * axial.prescribed)
    _, own = fem.solve_checked(modulus, axial, rtol=1e-10)
    assert float(info.generalised_force) == pytest.approx(3 * float(own.generalised_force), rel=1e-8)
    assert float(info.generalised_displacement) == pytest.approx(3 * float(own.generalised_displacement))


def test_symmetric_shear_of_two_parts_is_refused():
    """the part away from the sides could slide"""
    mask = np.ones((9, 9, 3), bool)
    mask[1:8, 1:8] = False
    mask[4, 4] = True
    with pytest.raises(ValueError, match="3 voxels, are not held"):
        fem.make_plan(mask, 1.0, fem.load_case("symmetric-shear-xy", strain=0.01))


def test_a_load_that_holds_other_components_needs_its_own_plan():
    """ValueError names both"""
    plan = fem.make_plan(np.ones((3, 3, 3), bool), 1.0, fem.load_case("axial", strain=-0.01))
    with pytest.raises(ValueError, match="as the plan's load case 'axial', got 'uniaxial'"):
        fem.with_load(plan, fem.load_case("uniaxial", strain=-0.01))


@pytest.mark.parametrize("name", ["kinematic-uniform", "pressure"])
def test_remainder_of_the_energy_gradient_falls_with_the_square_of_the_step(name, rng):
    """|W(E + s d) - W(E) - s dW.d| ~ s^2; at fixed force the energy falls with the modulus"""
    mask, modulus = porous()
    plan = fem.make_plan(mask, 0.5, sized(name), coarsest_nodes=400)
    along = modulus * jnp.asarray(rng.uniform(0, 1, len(modulus)))
    energy = jax.jit(jax.value_and_grad(lambda e: fem.strain_energy(e, plan, rtol=1e-12)[0]))
    value, gradient = energy(modulus)
    slope = float(jnp.vdot(gradient, along))
    assert (slope < 0) == (name == "pressure")
    steps = np.array([0.1, 0.05, 0.025])
    remainder = [abs(float(energy(modulus + s * along)[0] - value) - s * slope) for s in steps]
    rates = np.diff(np.log(remainder)) / np.diff(np.log(steps))
    assert np.all((rates > 1.9) & (rates < 2.1)), rates


@pytest.mark.parametrize("name", ["torsion", "periodic"])
def test_derivatives_of_a_displacement_by_moduli_and_by_what_is_prescribed(name, rng):
    """J(E, u_D) = <w, u> + |u|^2: Taylor remainder of order 2 in both; reverse = forward"""
    modulus = jnp.asarray(rng.uniform(500.0, 2000.0, 64))
    size: Any = {"strain": STRAINS} if name == "periodic" else {"angle_rad": 0.02}
    plan = fem.make_plan(np.ones((4, 4, 4), bool), 0.5, fem.load_case(name, **size))
    weight = jnp.asarray(rng.standard_normal(plan.nodes.shape))

    def value(modulus, prescribed):
        displacement, _ = fem.solve(modulus, plan, rtol=1e-12, prescribed=prescribed)
        return jnp.vdot(weight, displacement) + jnp.vdot(displacement, displacement)

    start = (modulus, plan.prescribed)
    along = (modulus * jnp.asarray(rng.uniform(-1, 1, 64)), 0.01 * weight)
    forward = jax.jit(lambda *at: jax.jvp(value, at, along))
    base, gradient = jax.jit(jax.value_and_grad(value, argnums=(0, 1)))(*start)
    slope = float(sum(jnp.vdot(g, a) for g, a in zip(gradient, along, strict=True)))
    assert float(forward(*start)[1]) == pytest.approx(slope, rel=1e-8)
    steps = np.array([0.1, 0.05, 0.025])
    ahead = [float(forward(*(s + h * a for s, a in zip(start, along, strict=True)))[0] - base) for h in steps]
    remainder = np.abs(np.array(ahead) - steps * slope)
    rates = np.diff(np.log(remainder)) / np.diff(np.log(steps))
    assert np.all((rates > 1.9) & (rates < 2.1)), rates
