"""The inference tools of `calibration`, for the table of `kernels`."""

import jax
import jax.numpy as jnp

import calibration
from tests.inference_problems import gain_residuals, saturating_gain
from tests.kernel_body import Kernel


def _parameters(dtype):
    return {"gain": jnp.asarray(6.0, dtype), "rate": jnp.asarray(0.1, dtype)}


def _problem(dtype):
    times = jnp.linspace(1.0, 24.0, 7, dtype=dtype)
    data = {"times": times, "observed": 6.5 * (1 - jnp.exp(-0.12 * times)), "sd": jnp.asarray(0.2, dtype)}
    spread = jax.tree.map(lambda _: jnp.asarray(0.5, dtype), _parameters(dtype))
    return _parameters(dtype), data, calibration.LogNormalPrior(_parameters(dtype), spread)


def _laplace(curvature):
    def run(parameters, data, prior):
        found, _ = calibration.laplace_traced(gain_residuals, parameters, data, prior, curvature=curvature)
        return found.covariance, found.log_sd, found.correlation, found.shrinkage

    return run


def _approximation(covariance):
    sd = jnp.sqrt(jnp.diag(covariance))
    return calibration.Laplace(
        parameters=_parameters(covariance.dtype),
        covariance=covariance,
        log_sd=sd,
        correlation=covariance / jnp.outer(sd, sd),
        shrinkage=1 - sd**2,
        names=("gain", "rate"),
    )


def _covariance(dtype):
    return (jnp.array([[0.04, 0.01], [0.01, 0.09]], dtype),)


def _predictions(covariance):
    times = jnp.array([12.0, 36.0], covariance.dtype)
    return calibration.prediction_intervals(saturating_gain, _approximation(covariance), times)


INFERENCE = [
    Kernel("calibration.laplace_traced[GaussNewton]", _laplace(calibration.GaussNewton()), _problem),
    Kernel("calibration.laplace_traced[ExactHessian]", _laplace(calibration.ExactHessian()), _problem),
    Kernel(
        "calibration.parameter_intervals",
        lambda covariance: calibration.parameter_intervals(_approximation(covariance)),
        _covariance,
    ),
    Kernel("calibration.prediction_intervals", _predictions, _covariance),
    Kernel(
        "calibration.laplace_draws",
        lambda covariance: calibration.laplace_draws(_approximation(covariance), jax.random.key(0), 3),
        _covariance,
    ),
    Kernel(
        "calibration.profile_traced",
        lambda parameters, data, prior: calibration.profile_traced(
            gain_residuals, parameters, 1, 1.0, data, prior, points=3, steps=5
        ),
        _problem,
        differentiable=False,
    ),
    Kernel(
        "calibration.split_r_hat",
        calibration.split_r_hat,
        lambda dtype: (jax.random.normal(jax.random.key(0), (2, 10, 3), dtype),),
    ),
]
