"""Daily loading: resultants on the platen, the stimulus of several activities, one case as before."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fem
import remodeling as r

AXIAL = fem.load_case("axial", strain=-0.01)
BENDING = fem.load_case("bending-x", angle_rad=0.01)
SHAPE = (3, 4, 5)
PROGRAM = jax.jit(r.daily_energy, static_argnames=("rtol", "max_iterations"))


@cache
def body():
    """A block of uneven moduli: compression and bending are coupled."""
    modulus = np.exp(np.random.default_rng(5).uniform(np.log(200.0), np.log(2000.0), 60))
    return fem.make_plan(np.ones(SHAPE, bool), 2.0, AXIAL), jnp.asarray(modulus)


def day(cases, *, modulus=None, exponent=4.0, loads=(AXIAL, BENDING)):
    """Answer of a day."""
    plan, uneven = body()
    daily = r.make_daily_loading(plan, loads, cases, exponent=exponent)
    modulus = uneven if modulus is None else modulus
    return PROGRAM(modulus, plan, daily, rtol=1e-11, max_iterations=100)


def test_a_force_and_a_moment_given_together_are_the_resultants_on_the_platen():
    """2 W = F a_1 + M a_2 with Q a = (F, M); force alone leaves the platen unturned"""
    plan, modulus = body()
    answer = day([r.DailyCase("flexion", {"axial": -300.0, "bending-x": 900.0}, 1.0)])
    unit = np.asarray(answer.displacement) / np.array([-0.01 * 10.0, 0.01])[:, None, None]
    stiffness = np.asarray(fem.mutual_energy(jnp.asarray(unit), modulus, plan))
    sizes = np.linalg.solve(stiffness, [-300.0, 900.0])
    combined = jnp.asarray(np.tensordot(sizes, unit, 1))
    forces = np.asarray(fem.nodal_forces(combined, modulus, plan))
    top = np.asarray(plan.top)
    arm = ((np.asarray(plan.nodes) - np.asarray(plan.nodes).mean(axis=0)) * 2.0)[:, 1]
    assert forces[top, 2].sum() == pytest.approx(-300.0, rel=1e-8)
    # the moment conjugate to the angle between the platens is the mean of those at both ends
    ends = (forces[:, 2] * arm * np.where(top, 1, -1))[top | np.asarray(plan.bottom)].sum() / 2
    assert ends == pytest.approx(900.0, rel=1e-8)
    assert float(jnp.sum(answer.energy)) * 8.0 * 2 == pytest.approx(sizes @ [-300.0, 900.0], rel=1e-8)
    alone = day([r.DailyCase("standing", {"axial": -300.0}, 1.0)])
    expected = (300.0 / stiffness[0, 0]) ** 2 * fem.element_fields(
        jnp.asarray(unit[0]), modulus, plan
    ).sed_mean
    np.testing.assert_allclose(alone.energy, expected, rtol=1e-8)


@pytest.mark.parametrize("exponent", [2.0, 4.0])
def test_the_day_is_the_power_mean_of_its_activities(exponent):
    """U = (sum n U_c^(m/2) / sum n)^(2/m); m = 2 is the mean weighted by cycles"""
    cases = [
        r.DailyCase("standing", {"axial": -300.0}, 3000.0),
        r.DailyCase("flexion", {"axial": -400.0, "bending-x": 700.0}, 500.0),
        r.DailyCase("extension", {"axial": -400.0, "bending-x": -700.0}, 500.0),
    ]
    whole = day(cases, exponent=exponent).energy
    single = np.stack([day([case], exponent=exponent).energy for case in cases])
    share = np.array([0.75, 0.125, 0.125])
    expected = (share @ single ** (exponent / 2)) ** (2 / exponent)
    np.testing.assert_allclose(whole, expected, rtol=1e-8)


def test_flexion_and_extension_alike_load_both_sides_alike():
    """U(y) = U(-y) in a uniform block under equal moments of both signs; one moment alone is lopsided"""
    uniform = jnp.full(60, 800.0)
    cases = [
        r.DailyCase("flexion", {"axial": -400.0, "bending-x": 700.0}, 1.0),
        r.DailyCase("extension", {"axial": -400.0, "bending-x": -700.0}, 1.0),
    ]
    energy = np.asarray(day(cases, modulus=uniform).energy).reshape(SHAPE)
    np.testing.assert_allclose(energy, energy[:, ::-1], rtol=1e-8)
    alone = np.asarray(day(cases[:1], modulus=uniform).energy).reshape(SHAPE)
    assert np.abs(alone / alone[:, ::-1] - 1).max() > 0.5


def test_bone_softer_by_a_factor_stores_more_by_it_at_the_same_forces():
    """U(c E) = U(E) / c"""
    case = [r.DailyCase("flexion", {"axial": -300.0, "bending-x": 900.0}, 1.0)]
    np.testing.assert_allclose(day(case, modulus=0.4 * body()[1]).energy, day(case).energy / 0.4, rtol=1e-8)


def test_activities_apart_make_the_day_and_do_the_work_of_their_forces():
    """U_day from U_c of activity_energies is that of daily_energy; 2 int U_c = F . a_c"""
    plan, modulus = body()
    cases = [
        r.DailyCase("standing", {"axial": -300.0}, 3000.0),
        r.DailyCase("flexion", {"axial": -400.0, "bending-x": 700.0}, 500.0),
    ]
    daily = r.make_daily_loading(plan, (AXIAL, BENDING), cases)
    whole = day(cases)
    apart = jax.jit(r.activity_energies)(whole.displacement, modulus, plan, daily)
    np.testing.assert_allclose(r.energy_of_day(apart.energy, daily), whole.energy, rtol=1e-12)
    work = np.sum(np.asarray(daily.forces) * np.asarray(apart.sizes), axis=1)
    np.testing.assert_allclose(2 * 8.0 * np.asarray(apart.energy).sum(axis=1), work, rtol=1e-8)
    assert float(apart.sizes[0, 1]) == 0.0


def mechanics(daily):
    plan, modulus = body()
    return r.make_finite_element_mechanics(
        plan, np.asarray(modulus), np.ones(SHAPE, bool), rtol=1e-10, daily=daily
    )


def test_one_activity_at_the_habitual_force_is_what_one_load_case_was():
    """ln(psi / set point) and its change are those without daily loading, whose force is that of the start"""
    plain = mechanics(None)
    p, levels = r.default_parameters(), r.make_hormone_levels()
    start = r.steady_state(jnp.linspace(0.1, 0.3, 60), levels, p)
    grown = replace(start, bone_fraction=start.bone_fraction * jnp.linspace(0.8, 1.1, 60))

    def course(mechanics):
        reference, memory, record = mechanics.begin(start, jnp.ones(60))
        memory, _ = mechanics.update(reference, memory, grown)
        return mechanics.log_stimulus(reference, memory, grown.bone_fraction, jnp.zeros(())), record

    z, record = jax.jit(course)(plain)
    case = r.DailyCase("standing", {"axial": -float(record.force_n)}, 1.0)
    daily, again = jax.jit(course)(mechanics(r.make_daily_loading(body()[0], [AXIAL], [case])))
    np.testing.assert_allclose(daily, z, atol=1e-7)
    np.testing.assert_allclose(again.force_n, record.force_n, rtol=1e-8)
    # the set point is local: any other force is the habitual one as well
    heavier = replace(case, forces={"axial": -3 * float(record.force_n)})
    daily, _ = jax.jit(course)(mechanics(r.make_daily_loading(body()[0], [AXIAL], [heavier])))
    np.testing.assert_allclose(daily, z, atol=1e-7)


def test_remainder_of_the_gradient_of_a_day_falls_with_the_square_of_the_step(rng):
    """J = sum w U: |J(E + s d) - J(E) - s dJ.d| ~ s^2"""
    plan, modulus = body()
    daily = r.make_daily_loading(
        plan, (AXIAL, BENDING), [
            r.DailyCase("standing", {"axial": -300.0}, 2.0),
            r.DailyCase("flexion", {"axial": -400.0, "bending-x": 700.0}, 1.0),
        ],
    )  # fmt: skip
    weight = jnp.asarray(rng.standard_normal(60))

    @jax.jit
    @jax.value_and_grad
    def value(modulus):
        return jnp.vdot(weight, r.daily_energy(modulus, plan, daily, rtol=1e-12, max_iterations=100).energy)

    along = modulus * jnp.asarray(rng.uniform(-1, 1, 60))
    base, gradient = value(modulus)
    slope = float(jnp.vdot(gradient, along))
    steps = np.array([0.02, 0.01, 0.005])
    remainder = [abs(float(value(modulus + s * along)[0] - base) - s * slope) for s in steps]
    rates = np.diff(np.log(remainder)) / np.diff(np.log(steps))
    assert np.all((rates > 1.9) & (rates < 2.1)), rates


def test_two_years_of_daily_loading_at_rest_change_nothing():
    """habitual forces and hormones: no drift of density"""
    plan, _ = body()
    daily = r.make_daily_loading(
        plan, (AXIAL, BENDING), [
            r.DailyCase("standing", {"axial": -300.0}, 2.0),
            r.DailyCase("flexion", {"axial": -400.0, "bending-x": 700.0}, 1.0),
        ],
    )  # fmt: skip
    levels = r.make_hormone_levels()
    course = r.make_hormone_course(levels, steps=12, step_days=60.0)
    density = jnp.linspace(0.1, 0.3, 60)
    options = r.make_options(solve_every=6, report_every=12)
    trajectory, info = r.simulate_checked(
        density, mechanics(daily), course, r.default_parameters(), options=options
    )
    assert bool(np.all(info.converged))
    np.testing.assert_allclose(trajectory.density[-1], trajectory.density[0], rtol=1e-8)


def test_a_plan_that_is_not_loaded_along_z_needs_a_daily_loading():
    """its habitual force along z would be zero"""
    plan = fem.with_load(body()[0], BENDING)
    with pytest.raises(ValueError, match="along z, or `daily` be given, got 'bending-x'"):
        r.make_finite_element_mechanics(plan, np.full(60, 500.0), np.ones(SHAPE, bool))


@pytest.mark.parametrize(
    ("loads", "cases", "message"),
    [
        ((), [], "one entry or more each, got 0 and 0"),
        ((AXIAL, AXIAL), [r.DailyCase("a", {"axial": -1.0}, 1.0)], "must differ by name"),
        ((AXIAL,), [r.DailyCase("a", {"bending-x": 1.0}, 1.0)], "must name some of axial, got bending-x"),
        ((AXIAL,), [r.DailyCase("a", {"axial": 0.0}, 1.0)], "finite and not all zero"),
        ((AXIAL,), [r.DailyCase("a", {"axial": -1.0}, 0.0)], "`cycles` of the case 'a' must be positive"),
        (
            (fem.load_case("uniaxial", strain=-0.01),),
            [r.DailyCase("a", {"uniaxial": -1.0}, 1.0)],
            "same components as the plan's load case 'axial'",
        ),
    ],
)
def test_a_day_that_makes_no_sense_is_refused(loads, cases, message):
    """ValueError names what is wrong"""
    with pytest.raises(ValueError, match=message):
        r.make_daily_loading(body()[0], loads, cases)
