"""The Laplace approximation against posteriors in closed form, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import calibration
from tests.inference_problems import (
    GAIN_TRUTH,
    PRODUCT_DATA,
    PRODUCT_MODE,
    exact_gain_data,
    gain_residuals,
    linear_problem,
    linear_residuals,
    product_residuals,
    saturating_gain,
)

CURVATURES = [calibration.GaussNewton(), calibration.ExactHessian()]
Z_95 = 1.959963984540054


@pytest.fixture(scope="module")
def linear():
    """The linear problem and its approximation at the exact mode."""
    problem = linear_problem()
    found, info = calibration.laplace(linear_residuals, problem.mode, data=problem.data, prior=problem.prior)
    return problem, found, info


@pytest.mark.parametrize("curvature", CURVATURES, ids=lambda c: type(c).__name__)
def test_a_linear_problem_gives_the_exact_posterior(curvature):
    """C = (A^T A / s^2 + diag(1 / t^2))^-1."""
    problem = linear_problem()
    found, info = calibration.laplace(
        linear_residuals, problem.mode, data=problem.data, prior=problem.prior, curvature=curvature
    )
    covariance = problem.covariance
    sd = np.sqrt(np.diag(covariance))
    assert found.names == ("a", "b[0]", "b[1]")
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-10)
    np.testing.assert_allclose(found.log_sd, sd, rtol=1e-10)
    np.testing.assert_allclose(found.correlation, covariance / np.outer(sd, sd), rtol=1e-10)
    np.testing.assert_allclose(found.shrinkage, 1 - (sd / problem.prior_log[1]) ** 2, rtol=1e-10)
    assert info.gradient_norm < 1e-10
    assert info.step_sd < 1e-10


def test_parameter_intervals_are_lognormal_quantiles(linear):
    """mode exp(-+ z sd); `sd` is that of ln p."""
    problem, found, _ = linear
    intervals = calibration.parameter_intervals(found)
    sd = np.sqrt(np.diag(problem.covariance))
    np.testing.assert_allclose(intervals.sd["b"], sd[1:], rtol=1e-10)
    np.testing.assert_allclose(intervals.lower["a"], np.exp(problem.log_mode[0] - Z_95 * sd[0]), rtol=1e-10)
    np.testing.assert_allclose(intervals.upper["b"], np.exp(problem.log_mode[1:] + Z_95 * sd[1:]), rtol=1e-10)


def test_a_linear_prediction_has_the_exact_interval(linear):
    """B ln p is normal with mean B ln mode and covariance B C B^T; a constant has no spread."""
    problem, found, _ = linear
    rows = np.array([[1.0, -1.0, 0.5], [0.0, 0.0, 2.0]])

    def prediction(parameters, data):
        logs = jnp.concatenate([jnp.log(parameters["a"])[None], jnp.log(parameters["b"])])
        return {"line": data @ logs, "constant": jnp.array(4.0)}

    intervals = calibration.prediction_intervals(prediction, found, rows, level=0.95)
    mean, sd = rows @ problem.log_mode, np.sqrt(np.diag(rows @ problem.covariance @ rows.T))
    np.testing.assert_allclose(intervals.value["line"], mean, rtol=1e-10)
    np.testing.assert_allclose(intervals.sd["line"], sd, rtol=1e-10)
    np.testing.assert_allclose(intervals.lower["line"], mean - Z_95 * sd, rtol=1e-10)
    np.testing.assert_allclose(intervals.upper["line"], mean + Z_95 * sd, rtol=1e-10)
    assert intervals.sd["constant"] == 0
    assert intervals.lower["constant"] == intervals.upper["constant"] == 4


def test_draws_have_the_moments_of_the_approximation(linear, key):
    """Mean and covariance of ln p over 20 000 draws, within five standard errors."""
    problem, found, _ = linear
    count = 20_000
    draws = calibration.laplace_draws(found, key, count)
    logs = np.log(np.column_stack([draws["a"], draws["b"]]))
    sd = np.sqrt(np.diag(problem.covariance))
    assert np.all(np.abs(logs.mean(axis=0) - problem.log_mode) < 5 * sd / np.sqrt(count))
    error = np.abs(np.cov(logs.T) - problem.covariance)
    assert np.all(error < 5 * np.sqrt(2 / count) * np.outer(sd, sd))


def test_gauss_newton_is_the_exact_hessian_where_the_fit_is_exact():
    """The residuals of exact data vanish, and with them what Gauss-Newton leaves out."""
    data = exact_gain_data()
    one, two = (
        calibration.laplace(gain_residuals, GAIN_TRUTH, data=data, curvature=curvature)[0]
        for curvature in CURVATURES
    )
    np.testing.assert_allclose(one.covariance, two.covariance, rtol=1e-9)
    np.testing.assert_array_equal(one.shrinkage, 1)


def test_a_flat_direction_is_refused_by_its_names():
    """With p q alone observed, ln p - ln q is free."""
    with pytest.raises(ValueError, match=r"singular Hessian .* 1 ln [pq] - 1 ln [pq]; give a prior"):
        calibration.laplace(product_residuals, PRODUCT_MODE, data=PRODUCT_DATA)


def test_a_parameter_without_effect_is_refused_by_its_name():
    """Its column of the Jacobian is zero."""
    with pytest.raises(ValueError, match=r"singular .* direction 1 ln idle; give a prior"):
        calibration.laplace(
            lambda p, d: gain_residuals(p, d), GAIN_TRUTH | {"idle": 1.0}, data=exact_gain_data()
        )


def test_an_indefinite_hessian_is_refused():
    """1/2 (x^2 - 1)^2 with x = ln p has its top at x = 0, where Gauss-Newton sees nothing either."""

    def double_well(parameters, data):
        return jnp.log(parameters) ** 2 - data

    with pytest.raises(ValueError, match=r"indefinite Hessian .* direction 1 ln parameter; the point is no"):
        calibration.laplace(double_well, 1.0, data=jnp.ones(1), curvature=calibration.ExactHessian())


def test_a_point_that_is_no_mode_is_refused():
    """A Newton step of many standard deviations."""
    with pytest.raises(ValueError, match="`parameters` is no mode: a Newton step from it is"):
        calibration.laplace(gain_residuals, {"gain": 5.0, "rate": 0.12}, data=exact_gain_data())


def test_a_hessian_that_is_not_finite_is_refused():
    """sqrt(0) has an infinite slope."""
    with pytest.raises(ValueError, match="Hessian that is not finite"):
        calibration.laplace(lambda p, d: jnp.sqrt(p - d), 1.0, data=jnp.ones(1))


def test_whole_numbers_are_numbers():
    """A mode given as an integer."""
    found, _ = calibration.laplace(lambda p, d: jnp.log(p / d) / 0.1, 2, data=jnp.full(1, 2.0))
    np.testing.assert_allclose(calibration.parameter_intervals(found).upper, 2 * np.exp(Z_95 * 0.1))


def test_wrong_arguments_are_named(linear):
    """The argument, what came, what is allowed."""
    _, found, _ = linear
    with pytest.raises(TypeError, match="`residuals` must be a function"):
        calibration.laplace(3, GAIN_TRUTH)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"`parameters` must be positive .*\['gain'\] is -1"):
        calibration.laplace(gain_residuals, GAIN_TRUTH | {"gain": -1.0}, data=exact_gain_data())
    with pytest.raises(ValueError, match="`level` must lie between 0 and 1, came 95"):
        calibration.parameter_intervals(found, level=95)
    with pytest.raises(ValueError, match=r"`level` must lie between 0 and 1, came 1\.0"):
        calibration.prediction_intervals(lambda p, d: p["a"], found, level=1.0)


def test_the_derivative_of_a_standard_deviation_is_the_difference_quotient():
    """d log_sd / d data and d prediction sd / d data against central differences."""
    data = exact_gain_data()
    observed = data["observed"] + 0.1 * jnp.cos(jnp.asarray(data["times"]))

    def spread(sd, times):
        found, _ = calibration.laplace_traced(
            gain_residuals, GAIN_TRUTH, {"times": times, "observed": observed, "sd": sd}
        )
        predicted = calibration.prediction_intervals(saturating_gain, found, jnp.array([36.0]))
        return found.log_sd.sum() + predicted.sd.sum()

    gradient = jax.jit(jax.grad(spread, argnums=(0, 1)))
    by_sd, by_times = gradient(0.2, data["times"])
    value, step, direction = jax.jit(spread), 1e-5, jnp.sin(jnp.arange(12.0))
    quotient = (value(0.2 + step, data["times"]) - value(0.2 - step, data["times"])) / (2 * step)
    np.testing.assert_allclose(by_sd, quotient, rtol=1e-7)
    ends = [value(0.2, data["times"] + sign * step * direction) for sign in (1, -1)]
    np.testing.assert_allclose(by_times @ direction, (ends[0] - ends[1]) / (2 * step), rtol=1e-6)


def test_changed_data_do_not_trace_again():
    """Data, parameters and priors are arguments of one program."""
    traces = []

    def residuals(parameters, data):
        traces.append(1)
        return gain_residuals(parameters, data)

    calibration.laplace(residuals, GAIN_TRUTH, data=exact_gain_data(0.2))
    first = len(traces)
    calibration.laplace(residuals, GAIN_TRUTH, data=exact_gain_data(0.3))
    assert len(traces) == first


def test_intervals_cover_the_truth_as_often_as_they_say(key):
    """Fits of 200 noisy data sets in one program: 95 % intervals hold the truth in 90 to 98 %."""
    clean = exact_gain_data(0.3)
    noise = 0.3 * jax.random.normal(key, (200, clean["times"].size))

    def holds(one):
        data = clean | {"observed": clean["observed"] + one}
        start = {"gain": jnp.array(6.0), "rate": jnp.array(0.15)}
        mode, fitted = calibration.fit_traced(gain_residuals, start, data, steps=25)
        found, info = calibration.laplace_traced(gain_residuals, mode, data)
        intervals = calibration.parameter_intervals(found)
        later = calibration.prediction_intervals(saturating_gain, found, jnp.array(36.0))
        inside = [
            (interval.lower[name] <= truth) & (truth <= interval.upper[name])
            for interval, name, truth in ((intervals, name, GAIN_TRUTH[name]) for name in GAIN_TRUTH)
        ]
        truth = saturating_gain(GAIN_TRUTH, 36.0)
        inside.append((later.lower <= truth) & (truth <= later.upper))
        return jnp.stack(inside), info.definite & (fitted.converged | fitted.stalled)

    inside, usable = jax.jit(jax.vmap(holds))(noise)
    assert usable.all()
    covered = inside.mean(axis=0)
    assert jnp.all((covered >= 0.90) & (covered <= 0.98)), covered
