"""The 0-D simulation: nothing moves untreated, treatment acts as in men, derivatives are exact."""

import functools
import re
from dataclasses import fields, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r

MONTH = 365.25 / 12
OPTIONS = r.make_options(compartments=2, report_every=6, solve_every=3)
FRACTION = jnp.array([0.12, 0.85])
LABELS = jnp.array([0, 1])


def vbmd_of(levels, p, fraction=FRACTION):
    return r.vbmd(r.steady_state(fraction, levels, p), p.mineral_maximum)


@functools.cache
def course_on_testosterone(months=24, weekly_mg=100.0):
    man = r.make_person(testosterone_ng_dl=200.0, estradiol_pg_ml=15.0, axis="secondary")
    doses = [r.Dose("testosterone-cypionate", weekly_mg, every_days=7.0)] if weekly_mg else []
    protocol = r.make_protocol(doses, duration_days=months * MONTH)
    return r.hormone_course(man, protocol, steps=months, step_days=MONTH)


def full_course(steps=12, scale=1.0):
    """A course that moves every hormone, so that every parameter matters."""
    base = r.make_hormone_levels(testosterone_ng_dl=300.0, estradiol_pg_ml=14.0, igf1_ng_ml=120.0)
    ramp = np.linspace(0.3, 1.0, steps) * scale
    return r.make_hormone_course(
        base,
        steps=steps,
        step_days=MONTH,
        testosterone_ng_dl=300.0 + 200.0 * ramp,
        estradiol_pg_ml=14.0 + 15.0 * ramp,
        igf1_ng_ml=120.0 + 90.0 * ramp,
        progestogen=60.0 * ramp,
        thyroid_index=0.1 * ramp,
        insulin_index=0.2 * ramp,
        drug_resorption=-0.2 * ramp,
        drug_balance=0.05 * ramp,
        drug_modeling=0.1 * ramp,
    )


def test_nothing_changed_nothing_moves():
    """40 years of habitual load and untreated hormones: below 1e-6 % in every pool of every voxel."""
    p = r.default_parameters()
    course = course_on_testosterone(months=480, weekly_mg=0.0)
    density = vbmd_of(course.baseline, p, jnp.linspace(0.03, 0.94, 30))
    trajectory, _ = r.simulate_checked(density, r.make_surrogate(), course, p, options=OPTIONS)
    assert trajectory.density.shape == (81, 30)
    np.testing.assert_allclose(trajectory.density, np.broadcast_to(density, (81, 30)), rtol=1e-8)
    np.testing.assert_allclose(trajectory.resorption_index, 100.0, rtol=1e-8)
    np.testing.assert_allclose(trajectory.formation_index, 100.0, rtol=1e-8)


def test_testosterone_gain_is_concave_and_larger_where_turnover_is():
    """Hypogonadal man on 100 mg/week: yearly gain shrinks, over half of 24 months in the first 12;
    trabecular leads.
    """
    p = r.default_parameters()
    course = course_on_testosterone()
    trajectory, _ = r.simulate_checked(
        vbmd_of(course.baseline, p), r.make_surrogate(), course, p, compartments=LABELS, options=OPTIONS
    )
    gain = np.asarray(trajectory.density_mean / trajectory.density_mean[0] - 1) * 100
    trabecular, cortical = gain[:, 0], gain[:, 1]
    assert trabecular[12] > 0.5 * trabecular[24] > 0
    half_years = np.diff(trabecular[[0, 6, 12, 18, 24]])
    assert (np.diff(half_years) < 0).all()
    assert trabecular[24] > 3 * cortical[24] > 0
    # Resorption falls at once; formation follows months later.
    assert float(trajectory.resorption_total[3]) < 85.0
    assert float(trajectory.formation_total[3]) > float(trajectory.formation_total[24])


def test_unloading_in_space_loses_six_to_twelve_percent():
    """Load 20 % for 215 days: trabecular -6 to -12 % (Vemparala 2025: -9.8 %)."""
    p = r.default_parameters()
    base = r.make_hormone_levels()
    course = r.make_hormone_course(base, steps=24, step_days=215.0 / 24)
    trajectory, _ = r.simulate_checked(
        vbmd_of(base, p), r.make_surrogate(), course, p, load_factor=np.full(24, 0.2),
        options=r.make_options(substeps=1, report_every=6),
    )  # fmt: skip
    loss = 100 * float(trajectory.density[-1, 0] / trajectory.density[0, 0] - 1)
    assert -12.0 < loss < -6.0


def test_a_changed_load_ends_at_its_closed_form_equilibrium():
    """z = 0 again: f = f0 lambda^(2/q) for the load factor lambda, whatever the path (q = 3)."""
    p = r.make_parameters(overload_balance=1.0, disuse_balance=1.0)
    base = r.make_hormone_levels()
    course = r.make_hormone_course(base, steps=600, step_days=60.0)
    for factor in (1.1, 0.9):
        trajectory, _ = r.simulate_checked(
            vbmd_of(base, p, jnp.array([0.1, 0.2])),
            r.make_surrogate(),
            course,
            p,
            load_factor=np.full(600, factor),
            options=r.make_options(substeps=2, report_every=600, solve_every=600),
        )
        ratio = trajectory.bone_fraction[-1] / trajectory.bone_fraction[0]
        np.testing.assert_allclose(ratio, factor ** (2 / 3), rtol=1e-5)


def test_time_steps_do_not_matter():
    """24 months with 2 and with 16 bone steps a month differ by less than 1 % of the gain."""
    p = r.default_parameters()
    course = course_on_testosterone()
    gains = []
    for substeps in (2, 16):
        trajectory, _ = r.simulate_checked(
            vbmd_of(course.baseline, p),
            r.make_surrogate(),
            course,
            p,
            options=r.make_options(substeps=substeps),
        )
        gains.append(np.asarray(trajectory.density[-1] / trajectory.density[0] - 1))
    np.testing.assert_allclose(gains[0], gains[1], rtol=1e-2)


def test_the_set_point_can_follow_the_bone():
    """With a reset rate the unloaded bone forgets its set point: the loss is smaller."""
    base = r.make_hormone_levels()
    course = r.make_hormone_course(base, steps=120, step_days=MONTH)
    losses = []
    for rate in (0.0, 2.0):
        p = r.make_parameters(set_point_reset=rate)
        trajectory, _ = r.simulate_checked(
            vbmd_of(base, p), r.make_surrogate(), course, p, load_factor=np.full(120, 0.7), options=OPTIONS
        )
        losses.append(float(trajectory.density[-1, 0] / trajectory.density[0, 0] - 1))
    assert losses[0] < losses[1] < 0


def test_derivatives_equal_finite_differences():
    """d(final trabecular density) / d(parameter): reverse mode = central difference to 1e-5, every
    parameter.
    """
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
    )
    course = full_course()
    density = vbmd_of(course.baseline, p)
    load = jnp.linspace(1.0, 0.8, 12)
    options = r.make_options(compartments=2, report_every=6)

    def final(p, density, load):
        trajectory, _ = r.simulate(
            density,
            r.make_surrogate(),
            course,
            p,
            compartments=LABELS,
            load_factor=load,
            female=0.4,
            options=options,
        )
        return trajectory.density_mean[-1, 0]

    evaluate = jax.jit(jax.value_and_grad(final, argnums=(0, 1, 2)))
    gradient = evaluate(p, density, load)[1]

    def difference(*ends):
        """Of the values at two points."""
        (up, _), (down, _) = (evaluate(*end) for end in ends)
        return float(up - down)

    for field in fields(p):
        value = getattr(p, field.name)
        h = 1e-4 * value
        up, down = (replace(p, **{field.name: value + s * h}) for s in (1, -1))
        numeric = difference((up, density, load), (down, density, load)) / (2 * h)
        np.testing.assert_allclose(
            getattr(gradient[0], field.name),
            numeric,
            rtol=1e-5,
            atol=1e-8 / abs(float(value)),
            err_msg=field.name,
        )
    h = 1e-5
    up, down = density.at[0].add(h), density.at[0].add(-h)
    numeric = difference((p, up, load), (p, down, load)) / (2 * h)
    np.testing.assert_allclose(gradient[1][0], numeric, rtol=1e-5)
    up, down = load.at[3].add(h), load.at[3].add(-h)
    numeric = difference((p, density, up), (p, density, down)) / (2 * h)
    np.testing.assert_allclose(gradient[2][3], numeric, rtol=1e-5)


@pytest.mark.slow
def test_checkpointing_does_not_change_the_gradient():
    """The same derivative with and without recomputation."""
    p = r.default_parameters()
    course = full_course()
    density = vbmd_of(course.baseline, p)
    gradients = []
    for checkpoint in (True, False):
        options = r.make_options(checkpoint=checkpoint)

        def final(rate, options=options):
            q = type(p)(**{**vars(p), "resorption_rate": rate})
            return r.simulate(density, r.make_surrogate(), course, q, options=options)[0].density[-1].sum()

        gradients.append(jax.jit(jax.grad(final))(p.resorption_rate))
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-12)


def test_one_trace_serves_changed_values():
    """A second run with other numbers compiles nothing."""
    traces = []

    def counted(density, course, p):
        traces.append(1)
        return r.simulate(density, r.make_surrogate(), course, p, options=OPTIONS)[0].density[-1]

    run = jax.jit(counted)
    p = r.default_parameters()
    for weekly in (100.0, 60.0):
        course = course_on_testosterone(weekly_mg=weekly)
        run(
            vbmd_of(course.baseline, p) * 1.01,
            course,
            r.make_parameters(resorption_rate=3e-5 + weekly * 1e-8),
        )
    assert len(traces) == 1


@pytest.mark.slow
def test_simulation_and_gradient_lower_for_cuda():
    """No callbacks and no CPU-only calls in the whole chain: dose -> hormones -> bone, and its gradient."""
    dtype = jnp.float32
    p = r.default_parameters(dtype=dtype)
    man = r.make_person(testosterone_ng_dl=200.0, estradiol_pg_ml=15.0, axis="secondary", dtype=dtype)
    protocol = r.make_protocol(
        [r.Dose("testosterone-cypionate", 100.0, every_days=7.0)], duration_days=6 * MONTH, dtype=dtype
    )

    def loss(p, density, protocol):
        course = r.hormone_course(man, protocol, steps=6, step_days=MONTH)
        surrogate = r.make_surrogate(dtype=dtype)
        return r.simulate(density, surrogate, course, p, options=r.make_options(report_every=3))[
            0
        ].density.sum()

    density = jnp.array([0.13, 1.0], dtype)
    exported = jax.export.export(jax.jit(jax.value_and_grad(loss)), platforms=["cuda"])(p, density, protocol)
    assert exported.platforms == ("cuda",)
    assert len(exported.mlir_module_serialized) > 0


@pytest.mark.slow
def test_float32_follows_float64():
    """24 months in single precision: gain within 1e-3 of the gain."""
    gains = []
    for dtype in (jnp.float32, jnp.float64):
        p = r.default_parameters(dtype=dtype)
        man = r.make_person(testosterone_ng_dl=200.0, estradiol_pg_ml=15.0, axis="secondary", dtype=dtype)
        protocol = r.make_protocol(
            [r.Dose("testosterone-cypionate", 100.0, every_days=7.0)], duration_days=24 * MONTH, dtype=dtype
        )
        course = r.hormone_course(man, protocol, steps=24, step_days=MONTH)
        density = jnp.array([0.13, 1.0], dtype)
        trajectory, _ = r.simulate_checked(density, r.make_surrogate(dtype=dtype), course, p, options=OPTIONS)
        assert trajectory.density.dtype == jnp.dtype(dtype)
        gains.append(np.asarray(trajectory.density[-1] / trajectory.density[0] - 1, float))
    np.testing.assert_allclose(gains[0], gains[1], rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"density": jnp.array([jnp.nan, 1.0])}, "`initial_density` must be finite"),
        ({"steps": 7}, "`course`"),
        ({"compartments": jnp.array([0, 5])}, "`compartments`"),
        ({"load_factor": np.zeros(6)}, "`load_factor`"),
        ({"step_days": 90.0}, "`options.substeps`"),
    ],
)
def test_wrong_arguments_are_named(change, text):
    """One sentence that names the argument."""
    base = r.make_hormone_levels()
    course = r.make_hormone_course(
        base, steps=change.get("steps", 6), step_days=change.get("step_days", 30.0)
    )
    with pytest.raises(ValueError, match=re.escape(text)):
        r.simulate_checked(
            change.get("density", jnp.array([0.2, 0.9])),
            r.make_surrogate(),
            course,
            r.default_parameters(),
            compartments=change.get("compartments"),
            load_factor=change.get("load_factor"),
            options=OPTIONS,
        )


def test_reports_must_divide_into_solves():
    """5 is not a multiple of 3."""
    with pytest.raises(ValueError, match="report_every"):
        r.make_options(report_every=5, solve_every=3)
