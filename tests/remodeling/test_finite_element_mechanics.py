"""The stimulus from finite elements: closed forms, homeostasis, no checkerboards, mesh, exact derivatives."""

import functools
from dataclasses import fields, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fem
import remodeling as r
from tests.checkerboard import alternating_share

MONTH = 365.25 / 12


def modulus_of(density):
    """MPa; linear in density with an offset, enough for a mechanical test."""
    return 50.0 + 3230.0 * density


def trabecular_field(shape, voxel_mm, seed=0):
    """A smooth random density in g/cm3 as a function of place, so that meshes of one body can be compared."""
    generator = np.random.default_rng(seed)
    waves, phases = generator.normal(size=(20, 3)) / 8.0, generator.uniform(0, 2 * np.pi, 20)
    place = (np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in shape), indexing="ij"), -1)) * voxel_mm
    return 0.13 * np.exp(0.25 * np.sqrt(2 / 20) * np.cos(place @ waves.T + phases).sum(-1))


def block(shape, voxel_mm, density, **choices):
    """Mechanics, density vector and labels of a body: trabecular core, dense wall on the four sides."""
    density = density.copy()
    mask = np.ones(shape, bool)
    core = np.zeros(shape, bool)
    wall = round(3.0 / voxel_mm)
    core[wall:-wall, wall:-wall] = True
    density[~core] = 0.6
    plan = fem.make_plan(mask, voxel_mm, fem.load_case("axial", strain=-0.01))
    mechanics = r.make_finite_element_mechanics(plan, modulus_of(density[mask]), mask, **choices)
    return mechanics, jnp.asarray(density[mask]), jnp.asarray(1 - core[mask].astype(np.int32))


@functools.cache
def course_of(months, *doses):
    man = r.make_person(testosterone_ng_dl=200.0, estradiol_pg_ml=15.0, axis="secondary")
    protocol = r.make_protocol(doses, duration_days=months * MONTH)
    return r.hormone_course(man, protocol, steps=months, step_days=MONTH)


OPTIONS = r.make_options(compartments=2, solve_every=6, report_every=12)


def test_a_homogeneous_bar_under_constant_force_follows_its_closed_form():
    """sigma constant: U = sigma^2 / (2 E), so ln psi changes by -(n + m) ln(f / f0) - 2.74 ln(alpha /
    alpha0).
    """
    shape = (3, 3, 4)
    plan = fem.make_plan(np.ones(shape, bool), 2.0, fem.load_case("uniaxial", strain=-0.01))
    mechanics = r.make_finite_element_mechanics(plan, np.full(36, 500.0), np.ones(shape, bool), rtol=1e-10)
    p, levels = r.default_parameters(), r.make_hormone_levels()
    start = r.steady_state(jnp.full(36, 0.15), levels, p)
    reference, memory, _ = jax.jit(type(mechanics).begin)(mechanics, start, jnp.ones(36))
    grown = replace(
        start, bone_fraction=start.bone_fraction * 1.1, mineral_deficit=start.mineral_deficit * 0.8
    )
    memory, record = jax.jit(type(mechanics).update)(mechanics, reference, memory, grown)
    z = mechanics.log_stimulus(reference, memory, grown.bone_fraction, jnp.zeros(()))
    ash = r.ash_fraction(1 - grown.mineral_deficit / grown.bone_fraction) / r.ash_fraction(
        1 - start.mineral_deficit / start.bone_fraction
    )
    expected = -(2.58 + 3.08) * np.log(1.1) - 2.74 * np.log(np.asarray(ash))
    np.testing.assert_allclose(z, expected, rtol=2e-5)
    np.testing.assert_allclose(
        record.force_n / reference.force_n, 1.1**2.58 * float(ash[0]) ** 2.74, rtol=1e-8
    )


def test_the_filter_solves_its_equation_and_keeps_the_sum(rng):
    """(1 - l^2 Laplacian) y = x, zero flux; cosines are eigenvectors: y = x / (1 + l^2 (2 - 2 cos k)) on a
    bar.
    """
    mask = np.zeros((16, 1, 1), bool)
    mask[:] = True
    table = jnp.asarray(r.neighbour_table(mask))
    length = 1.7
    iterations = r.filter_iterations(length)
    k = np.pi * 3 / 16
    x = jnp.asarray(2.0 + np.cos(k * (np.arange(16) + 0.5)))
    expected = 2.0 + (np.asarray(x) - 2.0) / (1 + length**2 * (2 - 2 * np.cos(k)))
    np.testing.assert_allclose(
        r.helmholtz_filter(x, table, jnp.asarray(length), iterations=iterations), expected, rtol=1e-9
    )
    mask = rng.random((6, 6, 6)) < 0.5
    table = jnp.asarray(r.neighbour_table(mask))
    a, b = jnp.asarray(rng.random((2, mask.sum())))

    def apply(v):
        return r.helmholtz_filter(v, table, jnp.asarray(length), iterations=iterations)

    np.testing.assert_allclose(apply(a).sum(), a.sum(), rtol=1e-9)
    np.testing.assert_allclose(b @ apply(a), a @ apply(b), rtol=1e-9)
    assert float(apply(jnp.zeros_like(a).at[3].set(1.0)).min()) > -1e-12
    np.testing.assert_array_equal(r.helmholtz_filter(a, table, jnp.asarray(0.0), iterations=1), a)


@pytest.mark.slow
def test_no_checkerboards_where_the_classical_stimulus_makes_them():
    """Ten years, strong adaptation, uniform set point: m > n with the filter stays smooth, U/f without it
    does not.
    """
    shape, p = (8, 8, 8), r.make_parameters(overload_balance=0.6, disuse_balance=0.6)
    mechanics, density, labels = block(shape, 3.0, trabecular_field(shape, 3.0), set_point="uniform")
    classical = replace(
        mechanics, stimulus_exponent=jnp.asarray(1.0), filter_length_mm=jnp.asarray(0.0), filter_iterations=1
    )
    index = {}
    for name, strategy in (("filtered", mechanics), ("classical", classical)):
        trajectory, _ = r.simulate_checked(
            density, strategy, course_of(120), p, compartments=labels, options=OPTIONS
        )
        change = np.asarray(trajectory.bone_fraction[-1] / trajectory.bone_fraction[0] - 1).reshape(shape)
        inside = change[1:-1, 1:-1]
        index[name] = alternating_share(inside.ravel(), np.ones(inside.shape, bool))
    assert index["filtered"] < 0.03
    assert index["classical"] > 3 * index["filtered"]


def small_problem():
    shape = (4, 4, 4)
    generator = np.random.default_rng(3)
    density = 0.15 * np.exp(0.3 * generator.normal(size=shape))
    density[0] = 0.7
    mask = np.ones(shape, bool)
    plan = fem.make_plan(mask, 3.0, fem.load_case("axial", strain=-0.01))
    mechanics = r.make_finite_element_mechanics(plan, modulus_of(density[mask]), mask, rtol=1e-11)
    base = r.make_hormone_levels(testosterone_ng_dl=300.0, estradiol_pg_ml=14.0, igf1_ng_ml=120.0)
    ramp = np.linspace(0.5, 1.0, 6)
    course = r.make_hormone_course(
        base, steps=6, step_days=MONTH, testosterone_ng_dl=300 + 200 * ramp, estradiol_pg_ml=14 + 15 * ramp,
        igf1_ng_ml=120 + 90 * ramp, progestogen=60 * ramp, thyroid_index=0.1 * ramp, insulin_index=0.2 * ramp,
    )  # fmt: skip
    labels = jnp.asarray((density[mask] > 0.5).astype(np.int32))
    options = r.make_options(compartments=2, solve_every=2, report_every=6)
    load = jnp.linspace(0.95, 0.8, 6)

    def final(p, density, mechanics, load):
        """Mean squared density after six months; the initial map sets both bone and modulus."""
        mechanics = replace(mechanics, baseline_modulus=modulus_of(density))
        trajectory, info = r.simulate(
            density, mechanics, course, p, compartments=labels, load_factor=load, options=options
        )
        return jnp.mean(trajectory.density[-1] ** 2), info.converged

    return final, jnp.asarray(density[mask]), mechanics, load


def test_gradient_through_the_solves_equals_finite_differences(rng):
    """d(mean squared density) / d(every parameter, initial density map) = central differences to 1e-4."""
    final, density, mechanics, load = small_problem()
    p = r.make_parameters(
        modeling=0.3,
        set_point_reset=0.2,
        formation_lazy_width=0.1,
        age_imbalance=0.01,
        estradiol_mechanics=0.2,
        igf1_mineralization=0.3,
        testosterone_women=0.3,
        intracrine_estradiol=0.015,
        testosterone_resorption=0.1,
        disuse_resorption=0.7,
    )
    run = jax.jit(final)
    (_, converged), gradient = jax.jit(
        jax.value_and_grad(final, argnums=(0, 1, 2, 3), has_aux=True, allow_int=True)
    )(p, density, mechanics, load)
    assert bool(converged)
    for field in fields(p):
        value = getattr(p, field.name)
        h = 1e-3 * value
        up, down = (replace(p, **{field.name: value + s * h}) for s in (1, -1))
        numeric = (run(up, density, mechanics, load)[0] - run(down, density, mechanics, load)[0]) / (2 * h)
        np.testing.assert_allclose(
            getattr(gradient[0], field.name) * value,
            numeric * value,
            rtol=1e-4,
            atol=1e-10,
            err_msg=field.name,
        )
    for number, direction in enumerate([*np.eye(64)[[5, 22, 41]], rng.normal(size=64), rng.normal(size=64)]):
        h = 1e-5
        e = jnp.asarray(direction)
        numeric = (
            run(p, density + h * e, mechanics, load)[0] - run(p, density - h * e, mechanics, load)[0]
        ) / (2 * h)
        np.testing.assert_allclose(gradient[1] @ e, numeric, rtol=1e-4, err_msg=f"direction {number}")
    for name in ("filter_length_mm", "stimulus_exponent", "fraction_exponent", "ash_exponent"):
        value = getattr(mechanics, name)
        h = 1e-3 * value
        up, down = (replace(mechanics, **{name: value + s * h}) for s in (1, -1))
        numeric = (run(p, density, up, load)[0] - run(p, density, down, load)[0]) / (2 * h)
        np.testing.assert_allclose(getattr(gradient[2], name), numeric, rtol=1e-4, err_msg=name)
        # Not zero: the map above was differentiated through the solves, not beside them.
        assert abs(numeric * value) > 1e-6


def test_a_solve_that_fails_is_an_error():
    """One iteration cannot converge: NotConvergedError says which solve and what to do."""
    shape = (4, 4, 4)
    mechanics, density, labels = block(shape, 3.0, trabecular_field(shape, 3.0), max_iterations=1, rtol=1e-9)
    with pytest.raises(fem.NotConvergedError, match="max_iterations"):
        r.simulate_checked(
            density, mechanics, course_of(12), r.default_parameters(), compartments=labels, options=OPTIONS
        )


def test_constant_elements_keep_their_modulus():
    """Caps are elements of the plan that are not bone: only bone elements change."""
    bone = np.ones((3, 3, 4), bool)
    mask = np.ones((3, 3, 6), bool)
    bone_on_plan = np.zeros_like(mask)
    bone_on_plan[:, :, 1:5] = bone
    plan = fem.make_plan(mask, 2.0, fem.load_case("axial", strain=-0.01))
    modulus = np.where(bone_on_plan[mask], 500.0, 2500.0)
    mechanics = r.make_finite_element_mechanics(plan, modulus, bone_on_plan)
    p, levels = r.default_parameters(), r.make_hormone_levels()
    start = r.steady_state(jnp.full(36, 0.2), levels, p)
    new = mechanics.modulus(replace(start, bone_fraction=start.bone_fraction * 1.2), start, jnp.ones(36))
    np.testing.assert_array_equal(new[~bone_on_plan[mask]], 2500.0)
    assert float(new[bone_on_plan[mask]].min()) > 700.0


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ({"stimulus_exponent": 2.0}, "`stimulus_exponent`"),
        ({"filter_length_mm": -1.0}, "`filter_length_mm`"),
        ({"set_point": "global"}, "`set_point`"),
    ],
)
def test_wrong_mechanics_are_refused(choices, text):
    """m > n_E is required (Harrigan and Hamilton 1992); errors name the argument."""
    with pytest.raises(ValueError, match=text):
        block((3, 3, 3), 3.0, trabecular_field((3, 3, 3), 3.0), **choices)
