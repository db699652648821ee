"""Treatment starts from the bone that years of deficiency left."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fem
import remodeling as r

MONTH = 365.25 / 12
CYCLING = r.make_hormone_levels(estradiol_pg_ml=100.0, testosterone_ng_dl=30.0)
POSTMENOPAUSE = r.make_hormone_levels(estradiol_pg_ml=6.0, testosterone_ng_dl=25.0)
OPTIONS = r.make_options(report_every=36, solve_every=36)
STEPS = 96
START = jax.jit(
    lambda density, course, load: r.start_from_history(
        density, course, r.default_parameters(), female=1.0, load_factor=load
    )
)
"""One program for every history of this file: four voxels, 96 steps."""


def past(density, years=5.0, before=CYCLING, now=POSTMENOPAUSE, load=1.0, **keywords):
    course = r.make_history(before, now, years=years, steps=STEPS, **keywords)
    return START(jnp.asarray(density), course, jnp.full(STEPS, load))


def test_the_end_of_the_history_is_the_measured_density():
    """mu_max (f - D) = measured in every voxel that remodels, to 1e-12 g/cm3; the start had more."""
    for density in ([0.05, 0.1, 0.2, 0.4], [0.6, 0.8, 0.95, 1.0]):
        history = past(density, onset_years=1.0)
        assert float(history.activity.sum()) == 4
        np.testing.assert_allclose(history.density_error, 0.0, atol=1e-12)
        assert (np.asarray(history.start_fraction) > np.asarray(history.state.bone_fraction)).all()
        assert (np.asarray(history.log_stimulus) > 0).all()


def test_a_history_of_the_same_hormones_is_the_steady_state():
    """Nothing changed before: the state of `baseline_state`, and no stimulus."""
    density = jnp.array([0.05, 0.2, 0.6, 1.0])
    history = past(density, before=POSTMENOPAUSE)
    state, _ = r.baseline_state(density, POSTMENOPAUSE, r.default_parameters())
    for ours, theirs in zip(jax.tree.leaves(history.state), jax.tree.leaves(state), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    np.testing.assert_allclose(history.log_stimulus, 0.0, atol=1e-9)


def test_the_run_goes_on_where_the_history_stopped():
    """5 years and then 3 untreated = 8 years of history, voxel by voxel (steps of 19 and 30 days: 1e-3). Both
    markers count from the present bone: 100 % in the first month, not the turnover of the years before.
    """
    density = jnp.array([0.1, 0.3, 0.6, 0.9])
    history = past(density, years=5.0)
    course = r.make_hormone_course(POSTMENOPAUSE, steps=36, step_days=MONTH)
    trajectory, _ = r.simulate_checked(
        density, r.make_surrogate(), course, r.default_parameters(), history=history, female=1.0,
        options=OPTIONS,
    )  # fmt: skip
    again = past(trajectory.density[-1], years=8.0)
    np.testing.assert_allclose(again.start_fraction, history.start_fraction, rtol=1e-3)
    np.testing.assert_allclose(trajectory.log_stimulus[0], history.log_stimulus, rtol=1e-12)
    np.testing.assert_allclose(again.log_stimulus, trajectory.log_stimulus[-1], atol=2e-3)
    assert (np.asarray(trajectory.density[-1]) < 0.995 * np.asarray(density)).all()
    np.testing.assert_allclose(trajectory.resorption_total[1], 100.0, atol=1.0)
    np.testing.assert_allclose(trajectory.formation_total[1], 100.0, atol=1.0)


@pytest.mark.slow
def test_long_steps_far_back_cost_little():
    """Ten years in 24 steps that grow to 1.7 years, against 240 equal ones: bone now to 2e-3."""
    density, p = jnp.array([0.1, 0.3, 0.6, 0.9]), r.default_parameters()
    even = r.make_history(CYCLING, POSTMENOPAUSE, years=10.0, steps=240)
    edges = np.expm1(np.linspace(np.log1p(10.0), 0.0, 25))
    graded = r.make_hormone_course(
        CYCLING, steps=24, step_days=1.0, estradiol_pg_ml=6.0, testosterone_ng_dl=25.0
    )
    graded = replace(graded, step_days=jnp.asarray(-365.25 * np.diff(edges)))
    fine = r.start_from_history(density, even, p, female=1.0)
    coarse = r.start_from_history(density, graded, p, female=1.0)
    np.testing.assert_allclose(coarse.start_fraction, fine.start_fraction, rtol=2e-3)
    np.testing.assert_allclose(coarse.state.bone_fraction, fine.state.bone_fraction, rtol=2e-3)
    np.testing.assert_allclose(coarse.log_stimulus, fine.log_stimulus, atol=6e-3)


def test_voxels_that_no_history_ends_at_are_held():
    """Void, marrow and bone without room keep their density exactly."""
    density = np.array([-0.05, 0.0, 0.2, 1.3])
    history = past(density)
    np.testing.assert_array_equal(history.activity, [0.0, 0.0, 1.0, 0.0])
    held = np.array([0, 1, 3])
    np.testing.assert_allclose(r.vbmd(history.state, jnp.asarray(1.2))[held], density[held], atol=1e-14)


def test_the_hormones_of_the_history_fall_as_said():
    """Sudden: the new level from the first step. With onset tau: before e^(-t/tau), as means over steps."""
    sudden = r.make_history(CYCLING, POSTMENOPAUSE, years=2.0, steps=24)
    np.testing.assert_allclose(sudden.levels.estradiol_pg_ml[1:], 6.0, rtol=1e-9)
    slow = r.make_history(CYCLING, POSTMENOPAUSE, years=2.0, onset_years=1.0, steps=24)
    first = 6.0 + 94.0 * 12 * (1 - np.exp(-1 / 12))
    np.testing.assert_allclose(slow.levels.estradiol_pg_ml[0], first, rtol=1e-9)
    np.testing.assert_allclose(slow.levels.estradiol_pg_ml.mean(), 6 + 94 * (1 - np.exp(-2)) / 2, rtol=1e-9)


def test_a_changed_load_in_the_past_leaves_its_stimulus():
    """Half the load until now: bone was lost, and the stimulus is still below the set point."""
    history = past([0.1, 0.3, 0.6, 0.9], years=1.0, before=CYCLING, now=CYCLING, load=0.5)
    np.testing.assert_allclose(history.density_error, 0.0, atol=1e-12)
    assert (np.asarray(history.start_fraction) > np.asarray(history.state.bone_fraction)).all()
    assert (np.asarray(history.log_stimulus) < -1.0).all()


@pytest.mark.slow
def test_derivatives_of_the_start_equal_finite_differences():
    """d(bone fraction + stimulus now) / d(density, years, onset, estradiol before, surface of compact bone):
    implicit derivative = central difference, to 1e-6.
    """
    compact = jnp.array([0.0, 1.0])

    @jax.jit
    def now(x):
        before = replace(CYCLING, estradiol_pg_ml=x["estradiol"])
        course = r.history_course(before, POSTMENOPAUSE, years=x["years"], onset_years=x["onset"], steps=24)
        p = replace(r.default_parameters(), compact_surface=x["surface"])
        density = x["density"] * jnp.array([0.1, 0.8])
        history = r.start_from_history(density, course, p, female=1.0, compact=compact)
        return jnp.sum(history.state.bone_fraction + history.log_stimulus)

    at = {"density": 1.0, "years": 2.0, "onset": 0.5, "estradiol": 60.0, "surface": 4.0}
    at = {name: jnp.asarray(value) for name, value in at.items()}
    gradient = jax.jit(jax.grad(now))(at)
    for name, value in at.items():
        h = 1e-4 * float(value)
        numeric = float(now({**at, name: value + h}) - now({**at, name: value - h})) / (2 * h)
        np.testing.assert_allclose(gradient[name], numeric, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("choices", "text"),
    [({"years": 0.0}, "`years`"), ({"years": 5.0, "onset_years": 6.0}, "`onset_years`"),
     ({"years": 40.0}, "`steps` must be at least 236")],
)  # fmt: skip
def test_wrong_histories_are_refused(choices, text):
    """One sentence that names the argument."""
    with pytest.raises(ValueError, match=text):
        r.make_history(CYCLING, POSTMENOPAUSE, **choices)


def test_a_history_of_other_bone_is_refused():
    """The end of the history must be the density that the run starts from; sex is 0 or 1."""
    history = past([0.1, 0.3, 0.6, 0.9])
    course = r.make_hormone_course(POSTMENOPAUSE, steps=36, step_days=MONTH)
    run = [r.make_surrogate(), course, r.default_parameters()]
    with pytest.raises(ValueError, match="`history` must end"):
        r.simulate_checked(jnp.array([0.2, 0.3, 0.6, 0.9]), *run, history=history, options=OPTIONS)
    with pytest.raises(ValueError, match="`history` needs the 3 voxels"):
        r.simulate_checked(jnp.array([0.2, 0.9, 0.3]), *run, history=history, options=OPTIONS)
    with pytest.raises(ValueError, match="`female`"):
        r.simulate_checked(jnp.array([0.2, 0.9]), *run, female=0.5, options=OPTIONS)


@pytest.mark.slow
def test_finite_elements_go_on_from_a_history():
    """A bar whose voxels lost bone for 5 years: the solves begin at the present bone and every voxel keeps
    the stimulus of its history; the untreated go on losing, by about what the surrogate says.
    """
    mask = np.ones((3, 3, 4), bool)
    plan = fem.make_plan(mask, 1.0, fem.load_case("axial", strain=-0.01), coarsest_nodes=30)
    mechanics = r.make_finite_element_mechanics(plan, np.full(36, 300.0), mask)
    density = jnp.full(36, 0.13)
    p = r.default_parameters()
    course = r.make_history(CYCLING, POSTMENOPAUSE, years=5.0)
    history = r.start_from_history(density, course, p, female=1.0)
    untreated = r.make_hormone_course(POSTMENOPAUSE, steps=12, step_days=MONTH)
    ends = []
    for strategy in (mechanics, r.make_surrogate()):
        trajectory, _ = r.simulate_checked(
            density,
            strategy,
            untreated,
            p,
            history=history,
            female=1.0,
            options=r.make_options(report_every=12),
        )
        np.testing.assert_allclose(trajectory.log_stimulus[0], history.log_stimulus, atol=1e-6)
        ends.append(float(trajectory.density_mean[-1, 0] / trajectory.density_mean[0, 0] - 1))
    assert ends[0] < -0.01
    np.testing.assert_allclose(ends[0], ends[1], rtol=0.1)
