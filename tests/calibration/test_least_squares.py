"""Levenberg-Marquardt against closed forms and against `fit`."""

import jax.numpy as jnp
import numpy as np
import pytest

import calibration
import fem
from tests.inference_problems import (
    GAIN_TRUTH,
    exact_gain_data,
    gain_residuals,
    linear_problem,
    linear_residuals,
)

START = {"gain": 2.0, "rate": 0.5}


def test_a_linear_problem_gives_the_closed_form_mode():
    """C (A^T ln y / s^2 + ln m / t^2), in a step or two."""
    problem = linear_problem()
    found, info = calibration.least_squares(
        linear_residuals, {"a": 1.0, "b": np.ones(2)}, data=problem.data, prior=problem.prior
    )
    logs = np.log(np.r_[found["a"], found["b"]])
    np.testing.assert_allclose(logs, problem.log_mode, atol=1e-10)
    assert info.converged
    assert info.evaluations < 12


def test_both_methods_find_the_same_mode_of_noisy_data(rng):
    """`fit` and MINPACK on a model that does not fit exactly, with a prior."""
    clean = exact_gain_data()
    data = clean | {"observed": clean["observed"] + 0.2 * rng.normal(size=12)}
    prior = calibration.make_prior(START, 0.7)
    one, quasi_newton = calibration.fit(gain_residuals, START, data=data, prior=prior)
    two, info = calibration.least_squares_checked(gain_residuals, START, data=data, prior=prior)
    assert quasi_newton.converged
    np.testing.assert_allclose(info.loss, quasi_newton.loss, rtol=1e-8)
    for name in START:
        np.testing.assert_allclose(one[name], two[name], rtol=1e-5)


def test_too_few_evaluations_are_an_error_in_the_checked_form():
    """Three evaluations cannot get there."""
    options = {"data": exact_gain_data(), "max_evaluations": 3}
    _, info = calibration.least_squares(gain_residuals, START, **options)
    assert not info.converged
    with pytest.raises(
        fem.NotConvergedError, match=r"stopped after 3 evaluations .* raise `max_evaluations`"
    ):
        calibration.least_squares_checked(gain_residuals, START, **options)


def test_changed_data_do_not_trace_again():
    """Residuals and Jacobian are one program each."""
    traces = []

    def residuals(parameters, data):
        traces.append(1)
        return gain_residuals(parameters, data)

    calibration.least_squares(residuals, START, data=exact_gain_data(0.2))
    first = len(traces)
    found, _ = calibration.least_squares(residuals, {"gain": 3.0, "rate": 0.3}, data=exact_gain_data(0.3))
    assert len(traces) == first
    np.testing.assert_allclose(found["gain"], GAIN_TRUTH["gain"], rtol=1e-8)


def test_wrong_arguments_are_named():
    """Fewer residuals than parameters, a start that is not finite, a count."""
    with pytest.raises(ValueError, match=r"as many values as parameters \(2\), came 1; give a prior"):
        calibration.least_squares(lambda p, d: p["gain"] * p["rate"] - d, START, data=np.ones(1))
    with pytest.raises(ValueError, match="`residuals` is not finite at `start` in 1 of 2 entries"):
        calibration.least_squares(lambda p, d: jnp.log(p - d), 1.0, data=np.array([0.5, 2.0]))
    with pytest.raises(ValueError, match="`max_evaluations` must be at least 1"):
        calibration.least_squares(gain_residuals, START, data=exact_gain_data(), max_evaluations=0)
    with pytest.raises(TypeError, match="`residuals` must be a function"):
        calibration.least_squares(None, START)  # pyright: ignore[reportArgumentType]
