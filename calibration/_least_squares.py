"""Levenberg-Marquardt by MINPACK: a second method for the problems of `fit`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

import fem

from ._log_vector import all_residuals, log_vector, require_problem
from ._prior import LogNormalPrior


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LeastSquaresInfo:
    """Record of a Levenberg-Marquardt search; read `converged` before using the parameters."""

    converged: np.ndarray
    """bool: the largest derivative of the loss with respect to ln p met the tolerance"""
    evaluations: np.ndarray
    """evaluations of the residuals, integer"""
    loss: np.ndarray
    """1/2 sum r^2 + prior penalty at the returned parameters"""
    gradient_norm: np.ndarray
    """largest |d loss / d ln p| there"""
    message: str = field(metadata={"static": True})
    """why MINPACK stopped, in its words"""


def least_squares(
    residuals: Callable[[Any, Any], Any],
    start: Any,
    *,
    data: Any = None,
    prior: LogNormalPrior | None = None,
    max_evaluations: int = 200,
    gradient_tolerance: float = 1e-6,
) -> tuple[Any, LeastSquaresInfo]:
    """The minimum that `fit` looks for, by Levenberg-Marquardt in ln p on the host.

    MINPACK's lmder (More 1978) through `scipy.optimize.least_squares`, with the Jacobian of JAX by forward
    mode: cheap for few parameters and many residuals.

    Args:
      residuals: function (parameters, data) -> standardised residuals, as in `fit`.
      start: pytree of positive numbers or arrays where the search begins.
      data: as in `fit`.
      prior: as in `fit`; without one there must be at least as many residuals as parameters.
      max_evaluations: most evaluations of the residuals, at least 1.
      gradient_tolerance: converged when max |d loss / d ln p| <= gradient_tolerance (1 + loss).

    Returns:
      parameters: pytree like `start`.
      info: record of the search.

    Raises:
      ValueError: a start value is not positive, the prior has another structure, there are fewer residuals
        than parameters, or a residual is not finite at the start.
      TypeError: `residuals` cannot be called.
    """
    require_problem(residuals, "start", start, prior)
    if max_evaluations < 1:
        raise ValueError(f"`max_evaluations` must be at least 1, came {max_evaluations}")
    start = jax.tree.map(jnp.asarray, start)
    vector = np.asarray(log_vector(start)[0])
    value = partial(_stacked_compiled, residuals, start=start, data=data, prior=prior)
    jacobian = partial(_jacobian_compiled, residuals, start=start, data=data, prior=prior)
    first = np.asarray(value(vector))
    if not np.isfinite(first).all():
        raise ValueError(
            f"`residuals` is not finite at `start` in {int((~np.isfinite(first)).sum())} of {first.size} "
            "entries; begin where the model and all observations are finite"
        )
    if first.size < vector.size:
        raise ValueError(
            f"`residuals` must give at least as many values as parameters ({vector.size}), came {first.size}"
            "; give a prior or fit fewer parameters"
        )
    found = scipy.optimize.least_squares(
        lambda logs: np.asarray(value(logs)),
        vector,
        jac=lambda logs: np.asarray(jacobian(logs)),  # pyright: ignore[reportArgumentType]
        method="lm",
        max_nfev=max_evaluations,
        ftol=1e-14,
        xtol=1e-14,
        gtol=1e-14,
    )
    size = np.max(np.abs(found.jac.T @ found.fun))
    info = LeastSquaresInfo(
        converged=np.asarray(size <= gradient_tolerance * (1 + found.cost)),
        evaluations=np.asarray(found.nfev),
        loss=np.asarray(found.cost),
        gradient_norm=np.asarray(size),
        message=found.message,
    )
    return log_vector(start)[1](jnp.asarray(found.x, vector.dtype)), info


def least_squares_checked(
    residuals: Callable[[Any, Any], Any], start: Any, **options: Any
) -> tuple[Any, LeastSquaresInfo]:
    """`least_squares` that raises where it did not converge.

    Raises:
      fem.NotConvergedError: the gradient is above the tolerance; the text says what to try.
    """
    found, info = least_squares(residuals, start, **options)
    if not info.converged:
        raise fem.NotConvergedError(
            f"Levenberg-Marquardt stopped after {int(info.evaluations)} evaluations with a gradient of "
            f"{float(info.gradient_norm):.3g} ({info.message}); raise `max_evaluations`, start elsewhere, "
            "or compare with `fit`"
        )
    return found, info


def _stacked(residuals, logs, *, start, data, prior):
    """All residuals at a vector of ln p, shape (m,) or (m + n,) with a prior."""
    restore = log_vector(start)[1]
    stacked = all_residuals(residuals, logs, restore, data, prior)
    return stacked if prior is not None else stacked[: stacked.size - logs.size]


_stacked_compiled = jax.jit(_stacked, static_argnums=0)
_jacobian_compiled = jax.jit(jax.jacfwd(_stacked, argnums=1), static_argnums=0)
