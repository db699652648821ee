"""Treatment starts from the bone that years of deficiency left."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r

MONTH = 365.25 / 12
CYCLING = r.make_hormone_levels(estradiol_pg_ml=100.0, testosterone_ng_dl=30.0)
POSTMENOPAUSE = r.make_hormone_levels(estradiol_pg_ml=6.0, testosterone_ng_dl=25.0)
OPTIONS = r.make_options(report_every=6, solve_every=6)


def past(density, years=5.0, before=CYCLING, now=POSTMENOPAUSE, **keywords):
    course = r.make_history(before, now, years=years, **keywords)
    return r.start_from_history(jnp.asarray(density), course, r.default_parameters(), female=1.0)


def test_the_end_of_the_history_is_the_measured_density():
    """mu_max (f - D) = measured in every voxel that remodels, to 1e-12 g/cm3; the start had more."""
    density = np.linspace(0.05, 1.0, 60)
    history = past(density, onset_years=1.0)
    assert float(history.activity.sum()) == 60
    np.testing.assert_allclose(history.density_error, 0.0, atol=1e-12)
    assert (np.asarray(history.start_fraction) > np.asarray(history.state.bone_fraction)).all()
    assert (np.asarray(history.log_stimulus) > 0).all()


def test_a_history_of_the_same_hormones_is_the_steady_state():
    """Nothing changed before: the state of `baseline_state`, and no stimulus."""
    density = jnp.linspace(0.05, 1.0, 20)
    history = past(density, before=POSTMENOPAUSE)
    state, _ = r.baseline_state(density, POSTMENOPAUSE, r.default_parameters())
    for ours, theirs in zip(jax.tree.leaves(history.state), jax.tree.leaves(state), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    np.testing.assert_allclose(history.log_stimulus, 0.0, atol=1e-9)


def test_the_run_goes_on_where_the_history_stopped():
    """5 years and then 3 untreated = 8 years of history, voxel by voxel, to 1e-4 (steps differ)."""
    p = r.default_parameters()
    density = jnp.array([0.1, 0.3, 0.9])
    history = past(density, years=5.0, steps=120)
    course = r.make_hormone_course(POSTMENOPAUSE, steps=72, step_days=MONTH / 2)
    trajectory, _ = r.simulate_checked(
        density, r.make_surrogate(), course, p, history=history, female=1.0, options=OPTIONS
    )
    longer = r.make_history(CYCLING, POSTMENOPAUSE, years=8.0, steps=192)
    again = r.start_from_history(trajectory.density[-1], longer, p, female=1.0)
    np.testing.assert_allclose(again.start_fraction, history.start_fraction, rtol=1e-4)
    np.testing.assert_allclose(
        again.log_stimulus, trajectory.log_stimulus[-1] + history.log_stimulus, atol=1e-3
    )
    assert (np.asarray(trajectory.density[-1]) < np.asarray(density)).all()


def test_markers_count_from_the_present_bone():
    """The first step of the untreated is 100 % of both markers, not the turnover of the years before."""
    density = jnp.array([0.1, 0.3, 0.9])
    history = past(density)
    course = r.make_hormone_course(POSTMENOPAUSE, steps=6, step_days=1.0)
    trajectory, _ = r.simulate_checked(
        density, r.make_surrogate(), course, r.default_parameters(), history=history, female=1.0,
        options=r.make_options(report_every=6, solve_every=6),
    )  # fmt: skip
    np.testing.assert_allclose(trajectory.resorption_total[1], 100.0, atol=0.05)
    np.testing.assert_allclose(trajectory.formation_total[1], 100.0, atol=0.05)


def test_voxels_that_no_history_ends_at_are_held():
    """Void, marrow and bone without room keep their density exactly."""
    density = np.array([-0.05, 0.0, 0.2, 1.3])
    history = past(density)
    np.testing.assert_array_equal(history.activity, [0.0, 0.0, 1.0, 0.0])
    held = np.array([0, 1, 3])
    np.testing.assert_allclose(r.vbmd(history.state, jnp.asarray(1.2))[held], density[held], atol=1e-15)


def test_the_hormones_of_the_history_fall_as_said():
    """Sudden: the new level from the first step. With onset tau: before e^(-t/tau), as means over steps."""
    sudden = r.make_history(CYCLING, POSTMENOPAUSE, years=2.0, steps=24)
    np.testing.assert_allclose(sudden.levels.estradiol_pg_ml[1:], 6.0, rtol=1e-9)
    slow = r.make_history(CYCLING, POSTMENOPAUSE, years=2.0, onset_years=1.0, steps=24)
    first = 6.0 + 94.0 * 12 * (1 - np.exp(-1 / 12))
    np.testing.assert_allclose(slow.levels.estradiol_pg_ml[0], first, rtol=1e-9)
    np.testing.assert_allclose(slow.levels.estradiol_pg_ml.mean(), 6 + 94 * (1 - np.exp(-2)) / 2, rtol=1e-9)


def test_a_changed_load_in_the_past_leaves_its_stimulus():
    """Half the load for a year: fewer bone now, and a stimulus below the set point."""
    course = r.make_history(CYCLING, CYCLING, years=1.0, steps=24)
    density = jnp.array([0.1, 0.9])
    history = r.start_from_history(density, course, r.default_parameters(), load_factor=jnp.full(24, 0.5))
    np.testing.assert_allclose(history.density_error, 0.0, atol=1e-12)
    assert (np.asarray(history.log_stimulus) < -1.0).all()


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
    history = past([0.1, 0.9])
    course = r.make_hormone_course(POSTMENOPAUSE, steps=6, step_days=MONTH)
    run = [r.make_surrogate(), course, r.default_parameters()]
    with pytest.raises(ValueError, match="`history` must end"):
        r.simulate_checked(jnp.array([0.2, 0.9]), *run, history=history, options=OPTIONS)
    with pytest.raises(ValueError, match="`history` needs the 3 voxels"):
        r.simulate_checked(jnp.array([0.2, 0.9, 0.3]), *run, history=history, options=OPTIONS)
    with pytest.raises(ValueError, match="`female`"):
        r.simulate_checked(jnp.array([0.2, 0.9]), *run, female=0.5, options=OPTIONS)
