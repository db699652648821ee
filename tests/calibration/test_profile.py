"""Profile likelihoods against closed forms, and intervals without an end."""

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

Z_95 = 1.959963984540054


@pytest.mark.parametrize("name", ["a", "b[1]"])
def test_a_linear_problem_has_the_exact_profile_and_interval(name):
    """loss - loss(mode) = (ln p - ln mode)^2 / (2 C_ii); ends at mode exp(-+ z sqrt(C_ii))."""
    problem = linear_problem()
    found, info = calibration.profile(
        linear_residuals,
        problem.mode,
        name,
        data=problem.data,
        prior=problem.prior,
        reach=0.9,
        points=4,
        gradient_tolerance=1e-9,
    )
    index = ("a", "b[0]", "b[1]").index(name)
    variance = problem.covariance[index, index]
    distance = np.linspace(-0.9, 0.9, 9)
    mode = problem.log_mode[index]
    np.testing.assert_allclose(np.log(found.values), mode + distance, atol=1e-12)
    np.testing.assert_allclose(found.loss - found.loss[4], distance**2 / (2 * variance), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(np.log(found.lower), mode - Z_95 * np.sqrt(variance), atol=1e-6)
    np.testing.assert_allclose(np.log(found.upper), mode + Z_95 * np.sqrt(variance), atol=1e-6)
    # the others follow their conditional mean, C_ji / C_ii
    follows = np.outer(distance, problem.covariance[index] / variance)
    logs = np.log(np.column_stack([found.parameters["a"], found.parameters["b"]]))
    np.testing.assert_allclose(logs, problem.log_mode + follows, atol=1e-5)
    assert info.settled.all()
    assert not info.open_below
    assert not info.open_above
    assert abs(info.improvement) < 1e-9


def test_a_curved_valley_gives_the_end_found_by_bisection():
    """gain given rate is a linear least-squares problem, so the profile of the rate has a closed form."""
    data = exact_gain_data(0.5)
    found, info = calibration.profile(gain_residuals, GAIN_TRUTH, "rate", data=data, reach=0.8, points=16)

    def excess(log_rate):
        shape = saturating_gain({"gain": 1.0, "rate": np.exp(log_rate)}, data["times"])
        gain = shape @ data["observed"] / (shape @ shape)
        return np.sum(((gain * shape - data["observed"]) / 0.5) ** 2) - Z_95**2

    for end, sign in ((found.lower, -1), (found.upper, 1)):
        inside, outside = np.log(GAIN_TRUTH["rate"]), np.log(GAIN_TRUTH["rate"]) + sign * 0.8
        for _ in range(40):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if excess(middle) < 0 else (inside, middle)
        np.testing.assert_allclose(np.log(end), inside, atol=2e-4)
    assert info.settled.all()
    # Not symmetric in ln p: this is what the profile sees and Laplace does not.
    asymmetry = np.log(found.upper / GAIN_TRUTH["rate"]) / np.log(GAIN_TRUTH["rate"] / found.lower)
    assert abs(asymmetry - 1) > 0.01


def test_a_flat_direction_leaves_the_interval_open_on_both_sides():
    """Along p q = 6 the loss does not rise."""
    found, info = calibration.profile(
        product_residuals, PRODUCT_MODE, "p", data=PRODUCT_DATA, points=3, gradient_tolerance=1e-5
    )
    assert info.open_below
    assert info.open_above
    assert found.lower == 0
    assert found.upper == jnp.inf
    np.testing.assert_allclose(found.loss, 0, atol=1e-8)
    np.testing.assert_allclose(found.parameters["p"] * found.parameters["q"], 6.0, rtol=1e-5)


def test_one_parameter_alone_needs_no_refit_and_may_be_open_on_one_side():
    """2 D = 25 (exp(-p) - exp(-2))^2: reaches z^2 below the mode, stays under 25 exp(-4) = 0.46 above."""
    mode = 2.0

    def residuals(parameters, scale):
        return scale * (jnp.exp(-parameters) - np.exp(-mode))

    found, info = calibration.profile(
        residuals, jnp.asarray(mode), "parameter", data=jnp.full(1, 5.0), reach=3.0, points=40
    )
    end = -np.log(np.exp(-mode) + Z_95 / 5)
    np.testing.assert_allclose(found.lower, end, rtol=1e-3)
    assert info.open_above
    assert not info.open_below


def test_a_better_minimum_along_the_profile_is_reported():
    """From the higher well of 2 (x^2 - 1)^2 + 0.045 (x + 1)^2, at 8 x (x - 1) = -0.09, the lower is seen."""

    def residuals(parameters, tilt):
        x = jnp.log(parameters)
        return jnp.stack([2 * (x**2 - 1), tilt * (x + 1)])

    x = (1 + np.sqrt(1 - 0.045)) / 2
    found, info = calibration.profile(residuals, np.exp(x), "parameter", data=0.3, reach=2.0, points=40)
    at_high = 0.5 * ((2 * (x**2 - 1)) ** 2 + (0.3 * (x + 1)) ** 2)
    np.testing.assert_allclose(found.loss[40], at_high, rtol=1e-10)
    np.testing.assert_allclose(info.improvement, at_high, rtol=1e-2)


def test_every_parameter_and_data_set_is_one_program():
    """Name, reach and data do not trace again."""
    traces = []

    def residuals(parameters, data):
        traces.append(1)
        return gain_residuals(parameters, data)

    options = {"points": 2, "steps": 2, "optimiser": calibration.Adam()}
    calibration.profile(residuals, GAIN_TRUTH, "gain", data=exact_gain_data(0.2), **options)
    first = len(traces)
    calibration.profile(residuals, GAIN_TRUTH, "rate", data=exact_gain_data(0.3), reach=0.5, **options)
    assert len(traces) == first


def test_wrong_arguments_are_named():
    """Name, reach, counts, level."""
    arguments = (gain_residuals, GAIN_TRUTH)
    options = {"data": exact_gain_data()}
    with pytest.raises(ValueError, match="`name` must be one of gain, rate; came lag"):
        calibration.profile(*arguments, "lag", **options)
    with pytest.raises(ValueError, match="`reach` must be positive, came 0"):
        calibration.profile(*arguments, "gain", reach=0, **options)
    with pytest.raises(ValueError, match="`points` must be at least 2, came 1"):
        calibration.profile(*arguments, "gain", points=1, **options)
    with pytest.raises(ValueError, match="`level` must lie between 0 and 1"):
        calibration.profile(*arguments, "gain", level=1.5, **options)
    with pytest.raises(ValueError, match="`parameters` must be positive"):
        calibration.profile(gain_residuals, GAIN_TRUTH | {"gain": 0.0}, "gain", **options)


def test_profiles_of_all_parameters_run_in_one_vmap():
    """profile_traced over the index gives what it gives one by one, for the linear problem's exact ends."""
    problem = linear_problem()

    def one(index):
        return calibration.profile_traced(
            linear_residuals, problem.mode, index, 1.2, problem.data, problem.prior, points=3
        )[0]

    found = jax.jit(jax.vmap(one))(jnp.arange(3))
    half = Z_95 * np.sqrt(np.diag(problem.covariance))
    np.testing.assert_allclose(np.log(found.lower), problem.log_mode - half, atol=1e-5)
    np.testing.assert_allclose(np.log(found.upper), problem.log_mode + half, atol=1e-5)
