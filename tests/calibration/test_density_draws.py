"""Draws of a posterior: how they are made, and courses of density under them as a table over density."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import calibration
import remodeling

STEPS = 24
density_draws = jax.jit(calibration.density_draws, static_argnames="steps_per_month")


@pytest.fixture(scope="module")
def posterior():
    return calibration.shipped_posterior()[0]


@pytest.fixture(scope="module")
def course():
    before = remodeling.make_hormone_levels(estradiol_pg_ml=10.0, testosterone_ng_dl=150.0)
    return remodeling.make_hormone_course(
        before, steps=STEPS, step_days=15.0, estradiol_pg_ml=30.0, testosterone_ng_dl=600.0
    )


@pytest.fixture(scope="module")
def history():
    young, now = (remodeling.make_hormone_levels(estradiol_pg_ml=e) for e in (90.0, 10.0))
    return remodeling.make_history(young, now, years=3.0, steps=20)


@pytest.fixture(scope="module")
def deviations(posterior):
    return calibration.posterior_deviations(posterior, jax.random.key(1), 3)


def bone():
    """Trabecular and compact voxels that are no knots."""
    density = np.concatenate([np.linspace(0.05, 0.35, 41), np.linspace(0.2, 0.9, 40)])
    return jnp.asarray(density), jnp.asarray(np.repeat([0.0, 1.0], [41, 40]))


def test_the_defaults_are_the_mode_of_the_shipped_posterior(posterior):
    """Every learned parameter within 0.1 %, which is rounding; what a run is about is what is drawn about."""
    defaults = remodeling.default_parameters()
    learned = set(posterior.names) - set(calibration.BETWEEN_TRIALS)
    assert learned == set(calibration.LEARNED)
    for name in learned:
        assert float(np.exp(posterior.log_values[name])) == pytest.approx(
            float(getattr(defaults, name)), rel=1e-3
        )
    assert (np.asarray(posterior.between_trials) > 0).all()


def test_the_shipped_posterior_is_of_the_shipped_trials():
    """The hash of the tables it was fitted to is that of the tables beside it."""
    _, provenance = calibration.shipped_posterior()
    assert provenance["trial_tables_sha256"] == calibration.trial_tables_hash()


def test_draws_have_the_covariance_of_the_posterior(posterior):
    """Means 0 and covariance in units of the standard deviations within five standard errors; row 0 is 0."""
    count = 4000
    drawn = calibration.posterior_deviations(posterior, jax.random.key(0), count)
    names = [name for name in posterior.names if name in drawn]
    assert set(posterior.names) - set(names) == set(calibration.BETWEEN_TRIALS)
    rows = np.stack([np.asarray(drawn[name]) for name in names], axis=1)
    assert (rows[0] == 0).all()
    kept = [posterior.names.index(name) for name in names]
    covariance = np.asarray(posterior.log_covariance)[np.ix_(kept, kept)]
    sd = np.sqrt(np.diag(covariance))
    assert rows[1:].mean(axis=0) / sd == pytest.approx(np.zeros(len(names)), abs=5 / np.sqrt(count))
    found = np.cov(rows[1:], rowvar=False)
    assert found / np.outer(sd, sd) == pytest.approx(covariance / np.outer(sd, sd), abs=5 / np.sqrt(count))


def test_held_parameters_stay_and_leave_the_others_as_they_were(posterior):
    """The same key gives the same numbers with and without `held`, but for the held one, which is 0."""
    key = jax.random.key(0)
    free = calibration.posterior_deviations(posterior, key, 5)
    held = calibration.posterior_deviations(posterior, key, 5, held=("resorption_rate",))
    moved = {name for name in free if (free[name] != held[name]).any()}
    assert moved == {"resorption_rate"}
    assert (held["resorption_rate"] == 0).all()


@pytest.mark.parametrize(
    "with_history", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["steady", "history"]
)
def test_the_table_is_the_simulation_of_every_voxel(deviations, course, history, with_history):
    """Interpolated change of draws = change of the voxels under the draw's parameters, within 0.02 % of it.

    Voxels between 12 knots of each kind; changes reach 10 %. The mean by weights of knots is that of the
    voxels to rounding.
    """
    parameters = remodeling.default_parameters()
    density, compact = bone()
    knots = calibration.make_density_knots(density, compact)
    ended = jax.jit(calibration.past_draws)
    past = ended(deviations, parameters, knots, 1.0, history) if with_history else None
    ratio = density_draws(deviations, parameters, knots, 1.0, course, past, steps_per_month=2)
    assert ratio.shape == (4, STEPS // 2 + 1, knots.density.size)
    found = 100 * np.asarray(calibration.interpolate_knots(ratio[:, -1], knots, density, compact))
    for draw in (0, 2):
        moved = {
            name: getattr(parameters, name) * float(jnp.exp(by[draw])) for name, by in deviations.items()
        }
        own = remodeling.make_parameters(**moved)
        start = (
            remodeling.start_from_history(density, history, own, female=1.0, compact=compact)
            if with_history
            else None
        )
        trajectory, _ = remodeling.simulate_checked(
            density,
            remodeling.make_surrogate(),
            course,
            own,
            female=1.0,
            compact=compact,
            history=start,
            options=remodeling.make_options(substeps=1, solve_every=2, report_every=2),
        )
        expected = 100 * np.asarray(trajectory.density[-1] / density)
        assert np.abs(expected - 100).max() > 1
        assert found[draw] == pytest.approx(expected, abs=0.02)
    weights = calibration.knot_weights(density / density.sum(), knots, density, compact)
    mean = np.asarray(ratio[:, -1] @ weights)
    assert mean == pytest.approx(found @ np.asarray(density / density.sum()) / 100, rel=1e-12)


def test_without_spread_no_draw_deviates(posterior, course):
    """A covariance of 1e-30: all draws are the run's own parameters."""
    certain = replace(posterior, log_covariance=1e-30 * jnp.eye(len(posterior.names)))
    drawn = calibration.posterior_deviations(certain, jax.random.key(0), 3)
    density, compact = bone()
    knots = calibration.make_density_knots(density, compact, count=3)
    ratio = np.asarray(
        density_draws(drawn, remodeling.default_parameters(), knots, 0.0, course, steps_per_month=2)
    )
    assert ratio[1:] == pytest.approx(np.broadcast_to(ratio[0], ratio[1:].shape), rel=1e-10)
    assert np.ptp(ratio[0, -1]) > 0.01


def test_derivatives_by_deviations_are_those_of_differences(course):
    """Forward mode against central differences, relative 1e-6."""
    density, compact = bone()
    knots = calibration.make_density_knots(density, compact, count=2)
    parameters = remodeling.default_parameters()

    @jax.jit
    def change(by):
        drawn = {"estradiol_resorption": by[None], "resorption_rate": -0.5 * by[None]}
        return calibration.density_draws(drawn, parameters, knots, 0.0, course, steps_per_month=2)[0, -1]

    at, step = jnp.asarray(0.2), 1e-4
    slope = jax.jvp(change, (at,), (jnp.ones_like(at),))[1]
    difference = (change(at + step) - change(at - step)) / (2 * step)
    assert np.asarray(slope) == pytest.approx(np.asarray(difference), rel=1e-6)


def test_beyond_the_knots_the_nearest_speaks():
    """Densities below, at and above the knots of their kind."""
    knots = calibration.make_density_knots([0.1, 0.4, 0.5, 0.8], [0, 0, 1, 1], count=2)
    values = jnp.asarray([1.0, 2.0, 3.0, 4.0, 9.0])
    density = jnp.asarray([0.0, 0.1, 0.2, 0.4, 0.7, 0.1, 0.8, 1.2])
    compact = jnp.asarray([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    found = calibration.interpolate_knots(values, knots, density, compact)
    assert np.asarray(found) == pytest.approx([1, 1, 1.5, 2, 2, 3, 4, 4])


@pytest.mark.parametrize(
    ("density", "compact", "count", "words"),
    [
        ([0.1, 0.2], [0.0], 3, "one length"),
        ([], [], 3, "one length"),
        ([0.1, np.nan], [0.0, 1.0], 3, "first at voxel 1"),
        ([0.1, 0.2], [0.0, 1.0], 1, "at least 2"),
    ],
)
def test_knots_of_nothing_are_refused(density, compact, count, words):
    """ValueError with what is wrong."""
    with pytest.raises(ValueError, match=words):
        calibration.make_density_knots(density, compact, count=count)
