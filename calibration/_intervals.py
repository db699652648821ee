"""Intervals of parameters and predictions, and draws, from a Laplace approximation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.scipy.special import ndtri

from ._laplace import Laplace
from ._log_vector import log_vector, require_share


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Intervals:
    """Values with their uncertainty; pytrees of one structure, in the unit of the quantity."""

    value: Any
    """the quantity at the mode"""
    sd: Any
    """standard deviation: of ln p for parameters, of the quantity itself for predictions"""
    lower: Any
    """lower ends"""
    upper: Any
    """upper ends"""


def parameter_intervals(approximation: Laplace, *, level: float = 0.95) -> Intervals:
    """Central intervals of the parameters, mode exp(-+ z sd) with z the normal quantile of `level`.

    Args:
      approximation: as `laplace` returns it.
      level: posterior probability inside each interval, between 0 and 1.

    Returns:
      intervals, pytrees like the parameters; `sd` is that of ln p.

    Raises:
      ValueError: `level` is not between 0 and 1.
    """
    require_share("level", level)
    mode, restore = log_vector(approximation.parameters)
    half = ndtri(0.5 * (1 + level)) * approximation.log_sd
    return Intervals(
        value=approximation.parameters,
        sd=ravel_pytree(approximation.parameters)[1](approximation.log_sd),
        lower=restore(mode - half),
        upper=restore(mode + half),
    )


def prediction_intervals(
    prediction: Callable[[Any, Any], Any], approximation: Laplace, data: Any = None, *, level: float = 0.95
) -> Intervals:
    """Intervals of predictions that the uncertainty of the parameters alone makes (delta method).

    The prediction is taken as linear in ln p about the mode: sd^2 = g^T C g with g its derivatives, by
    forward mode (Davison 2003, Statistical Models, section 4.4). The error of a further measurement is not
    in it.

    Args:
      prediction: function (parameters, data) -> pytree of real arrays, pure.
      approximation: as `laplace` returns it.
      data: everything else `prediction` reads.
      level: probability inside each interval, between 0 and 1.

    Returns:
      intervals, pytrees like the prediction; `sd` in its unit.

    Raises:
      ValueError: `level` is not between 0 and 1.
    """
    require_share("level", level)
    mode, restore = log_vector(approximation.parameters)
    value, unflatten = ravel_pytree(prediction(restore(mode), data))
    slope = jax.jacfwd(lambda logs: ravel_pytree(prediction(restore(logs), data))[0])(mode)
    # Rounding must not make a variance negative where the prediction does not depend on a parameter.
    variance = jnp.maximum(jnp.einsum("ki,ij,kj->k", slope, approximation.covariance, slope), 0)
    varies = variance > 0
    sd = jnp.where(varies, jnp.sqrt(jnp.where(varies, variance, 1)), 0)
    half = ndtri(0.5 * (1 + level)) * sd
    return Intervals(
        value=unflatten(value), sd=unflatten(sd), lower=unflatten(value - half), upper=unflatten(value + half)
    )


def laplace_draws(approximation: Laplace, key: jax.Array, count: int) -> Any:
    """Draws from the approximation; parameters with a leading axis of length `count`."""
    mode, restore = log_vector(approximation.parameters)
    factor = jnp.linalg.cholesky(approximation.covariance)
    noise = jax.random.normal(key, (count, mode.size), mode.dtype)
    return jax.vmap(restore)(mode + noise @ factor.T)
