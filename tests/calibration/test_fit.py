"""Fits against problems whose answer is known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import calibration

TIMES = jnp.linspace(0.0, 24.0, 13)
TRUTH = {"gain": 7.0, "rate": 0.12}
OPTIMISERS = [
    pytest.param(calibration.LBFGS(), 60, id="LBFGS"),
    pytest.param(calibration.BacktrackingLBFGS(), 60, id="BacktrackingLBFGS"),
    pytest.param(calibration.Adam(learning_rate=0.05), 1500, id="Adam"),
]


def saturating_gain(parameters, times):
    """Percent gain that saturates: g (1 - exp(-k t))."""
    return parameters["gain"] * (1 - jnp.exp(-parameters["rate"] * times))


def gain_residuals(parameters, data):
    """(model - observation) / 0.1 percent."""
    return (saturating_gain(parameters, data["times"]) - data["observed"]) / 0.1


@pytest.fixture
def exact_data():
    """Observations without error."""
    return {"times": TIMES, "observed": saturating_gain(TRUTH, TIMES)}


@pytest.mark.parametrize(("optimiser", "steps"), OPTIMISERS)
def test_known_parameters_are_recovered_from_exact_data(exact_data, optimiser, steps):
    """Without error and prior the minimum is the truth and the loss zero."""
    start = {"gain": 2.0, "rate": 0.5}
    found, info = calibration.fit(
        gain_residuals, start, data=exact_data, steps=steps, optimiser=optimiser, gradient_tolerance=1e-4
    )
    assert info.converged
    assert info.loss < 1e-8
    for name, value in TRUTH.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5)


@pytest.mark.parametrize(("optimiser", "steps"), OPTIMISERS)
def test_a_linear_gaussian_problem_gives_the_closed_form_posterior_mode(optimiser, steps):
    """Observing ln p with sd s: mode = (ln y / s^2 + ln m / t^2) / (1 / s^2 + 1 / t^2)."""

    def residuals(parameters, data):
        return (jnp.log(parameters) - jnp.log(data)) / 0.2

    observed, median, spread = jnp.array([3.0, 0.5]), np.array([1.0, 1.0]), np.array([0.3, 0.6])
    prior = calibration.make_prior(median, spread)
    found, info = calibration.fit(
        residuals,
        np.array([1.5, 1.5]),
        data=observed,
        prior=prior,
        steps=steps,
        optimiser=optimiser,
        gradient_tolerance=1e-5,
    )
    weight_data, weight_prior = 1 / 0.2**2, 1 / spread**2
    mode = weight_data * np.log(observed) / (weight_data + weight_prior)
    assert info.converged
    np.testing.assert_allclose(np.log(found), mode, atol=1e-5)
    penalty = calibration.prior_penalty(jnp.log(found), prior)
    np.testing.assert_allclose(info.loss, info.data_loss + penalty, rtol=1e-12)


def test_an_infinite_spread_leaves_a_parameter_free(exact_data):
    """log_sd = inf contributes nothing, whatever the median."""
    prior = calibration.make_prior({"gain": 100.0, "rate": 9.0}, {"gain": np.inf, "rate": np.inf})
    found, info = calibration.fit(gain_residuals, {"gain": 2.0, "rate": 0.5}, data=exact_data, prior=prior)
    assert info.converged
    np.testing.assert_allclose(found["gain"], TRUTH["gain"], rtol=1e-5)


def test_a_prior_decides_what_the_data_cannot(exact_data):
    """Only the product p q is seen: the ridge is flat, the prior picks its point on it."""

    def residuals(parameters, data):
        return (parameters["p"] * parameters["q"] - data) / 0.01

    prior = calibration.make_prior({"p": 2.0, "q": 2.0}, 0.5)
    found, info = calibration.fit(residuals, {"p": 1.0, "q": 9.0}, data=jnp.array([6.0]), prior=prior)
    assert info.converged
    np.testing.assert_allclose(found["p"], found["q"], rtol=1e-5)
    np.testing.assert_allclose(found["p"] * found["q"], 6.0, rtol=1e-3)


def test_the_history_starts_at_the_start_and_ends_at_the_answer(exact_data):
    """loss_history[0] is the loss at `start`; the answer is the lowest point of a line search."""
    start = {"gain": 2.0, "rate": 0.5}
    _, info = calibration.fit(gain_residuals, start, data=exact_data, steps=50)
    at_start = 0.5 * jnp.sum(gain_residuals(start, exact_data) ** 2)
    np.testing.assert_allclose(info.loss_history[0], at_start, rtol=1e-12)
    assert info.loss_history.shape == (50,)
    assert info.loss <= jnp.min(info.loss_history)
    assert 2 < info.iterations < 50


def test_too_few_steps_are_reported_as_not_converged(exact_data):
    """Two steps of Adam cannot get there, and the record says so."""
    _, info = calibration.fit(
        gain_residuals,
        {"gain": 0.5, "rate": 3.0},
        data=exact_data,
        steps=2,
        optimiser=calibration.Adam(),
    )
    assert not info.converged
    assert not info.stalled
    assert info.gradient_norm > 1


def test_new_data_of_the_same_shapes_do_not_compile_again(exact_data):
    """One trace for every data set and start."""
    traces = []

    def residuals(parameters, data):
        traces.append(1)
        return gain_residuals(parameters, data)

    calibration.fit(residuals, {"gain": 2.0, "rate": 0.5}, data=exact_data, steps=20)
    first = len(traces)
    other = exact_data | {"observed": exact_data["observed"] * 1.5}
    found, _ = calibration.fit(residuals, {"gain": 3.0, "rate": 0.3}, data=other, steps=20)
    assert len(traces) == first
    np.testing.assert_allclose(found["gain"], 1.5 * TRUTH["gain"], rtol=1e-4)


def test_a_batch_of_fits_is_one_vmap(exact_data):
    """vmap over data sets recovers each truth."""
    gains = jnp.array([3.0, 7.0, 12.0])
    batch = {
        "times": TIMES,
        "observed": jax.vmap(lambda g: saturating_gain(TRUTH | {"gain": g}, TIMES))(gains),
    }
    start = {"gain": jnp.array(5.0), "rate": jnp.array(0.2)}

    def one(observed):
        return calibration.fit_traced(gain_residuals, start, {"times": TIMES, "observed": observed}, steps=40)

    found, info = jax.jit(jax.vmap(one))(batch["observed"])
    assert info.converged.all()
    np.testing.assert_allclose(found["gain"], gains, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"start": {"gain": -1.0, "rate": 0.5}},
            r"`start` must be positive and finite: \['gain'\] is -1.0 \(1 such",
        ),
        (
            {"start": {"gain": np.array([1.0, 0.0, np.nan]), "rate": 0.5}},
            r"\['gain'\]\[1\] is 0.0 \(2 such values",
        ),
        ({"steps": 0}, "`steps` must be at least 1, came 0"),
        ({"prior": "other"}, "must be a pytree like `start`"),
    ],
)
def test_bad_arguments_are_named(exact_data, change, message):
    """The error names the argument, the place and the number of bad values."""
    arguments = {"start": {"gain": 2.0, "rate": 0.5}, "data": exact_data} | change
    if "prior" in change:
        arguments["prior"] = calibration.make_prior({"gain": 1.0}, 0.3)
    with pytest.raises(ValueError, match=message):
        calibration.fit(gain_residuals, **arguments)


def test_a_start_without_a_finite_loss_is_refused():
    """A model that is not finite where the search begins cannot be fitted."""
    with pytest.raises(ValueError, match="begin where the model"):
        calibration.fit(lambda p, d: jnp.log(d - p), 2.0, data=jnp.array([1.0]), steps=3)
    with pytest.raises(TypeError, match="`residuals` must be a function"):
        calibration.fit(3, 2.0)


@pytest.mark.parametrize(("spread", "shape"), [(0.0, "`log_sd` must be positive"), (-1.0, "`log_sd`")])
def test_a_prior_without_spread_is_refused(spread, shape):
    """A spread of zero would fix the parameter: leave it out of the fit instead."""
    with pytest.raises(ValueError, match=shape):
        calibration.make_prior({"gain": 1.0}, spread)
