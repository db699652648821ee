"""Laplace approximation: the posterior of a fit as a normal distribution of ln p about its mode."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._log_vector import all_residuals, floating, log_vector, parameter_names, prior_vectors, require_problem
from ._prior import LogNormalPrior

_FLAT_EPSILONS = 1e3
"""Smallest eigenvalue of the Hessian of unit diagonal that is told from zero, in rounding errors times n."""


@dataclass(frozen=True)
class GaussNewton:
    """Hessian J^T J of the residuals' Jacobian J: never indefinite, first derivatives only.

    Exact where the model is linear in ln p or fits exactly; elsewhere off by residual times curvature.
    """

    def hessian(self, stacked: Callable[[jax.Array], jax.Array], vector: jax.Array) -> jax.Array:
        """J^T J at `vector`, shape (n, n); J by forward mode."""
        jacobian = jax.jacfwd(stacked)(vector)
        return jacobian.T @ jacobian


@dataclass(frozen=True)
class ExactHessian:
    """Second derivatives of the loss, forward over reverse; indefinite where the point is no minimum."""

    def hessian(self, stacked: Callable[[jax.Array], jax.Array], vector: jax.Array) -> jax.Array:
        """Hessian of 1/2 sum r^2 at `vector`, shape (n, n)."""
        return jax.hessian(lambda v: 0.5 * jnp.sum(stacked(v) ** 2))(vector)


Curvature = GaussNewton | ExactHessian
"""Either of the Hessians."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Laplace:
    """Normal approximation of the posterior of ln p; vectors follow `names`."""

    parameters: Any
    """the mode, positive, in the units of the parameters; pytree of the fit"""
    covariance: jax.Array
    """covariance of ln p, shape (n, n)"""
    log_sd: jax.Array
    """standard deviations of ln p, shape (n,)"""
    correlation: jax.Array
    """correlations of ln p, shape (n, n)"""
    shrinkage: jax.Array
    """1 - posterior / prior variance, shape (n,): 0 told by the prior alone, 1 by the data alone"""
    names: tuple[str, ...] = field(metadata={"static": True})
    """names of the parameters in the order of the vectors"""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LaplaceInfo:
    """Whether the approximation can be used; read `definite` first."""

    definite: jax.Array
    """bool: every direction is curved upward beyond rounding"""
    smallest_eigenvalue: jax.Array
    """of the Hessian scaled to a unit diagonal; 1 when no two parameters are correlated"""
    flat_direction: jax.Array
    """the least curved direction in ln p, shape (n,), largest entry 1"""
    gradient_norm: jax.Array
    """largest |d loss / d ln p| at the point: the approximation holds at a mode"""
    step_sd: jax.Array
    """length of the Newton step from the point, in posterior standard deviations; far below 1 at a mode"""


def laplace(
    residuals: Callable[[Any, Any], Any],
    parameters: Any,
    *,
    data: Any = None,
    prior: LogNormalPrior | None = None,
    curvature: Curvature | None = None,
    largest_step_sd: float = 0.1,
) -> tuple[Laplace, LaplaceInfo]:
    """Uncertainty of fitted parameters from the curvature of the loss at the mode.

    The posterior of ln p is taken as normal about the mode with the inverse Hessian as covariance
    (MacKay 2003, Information Theory, Inference and Learning Algorithms, chapter 27).

    Args:
      residuals: function (parameters, data) -> standardised residuals, as in `fit`.
      parameters: the mode, as `fit` returns it.
      data: as in `fit`.
      prior: as in `fit`; without one a parameter without data is refused.
      curvature: `GaussNewton()` when omitted, or `ExactHessian()`.
      largest_step_sd: refuse a point from which a Newton step is longer than this many standard deviations.

    Returns:
      The approximation and its record.

    Raises:
      ValueError: the Hessian is singular, indefinite or not finite (names the direction), or the point is no
        mode.
      TypeError: `residuals` cannot be called.
    """
    require_problem(residuals, "parameters", parameters, prior)
    found, info = _laplace_compiled(
        residuals,
        jax.tree.map(jnp.asarray, parameters),
        data,
        prior,
        curvature=GaussNewton() if curvature is None else curvature,
    )
    if not bool(info.definite):
        raise ValueError(_refusal(found.names, info))
    if not float(info.step_sd) <= largest_step_sd:
        raise ValueError(
            f"`parameters` is no mode: a Newton step from it is {float(info.step_sd):.3g} posterior standard "
            f"deviations long, allowed {largest_step_sd}; run `fit` to convergence first"
        )
    return found, info


def laplace_traced(
    residuals: Callable[[Any, Any], Any],
    parameters: Any,
    data: Any = None,
    prior: LogNormalPrior | None = None,
    *,
    curvature: Curvature | None = None,
) -> tuple[Laplace, LaplaceInfo]:
    """The same as `laplace` without its host checks, to be used inside `jit`, `vmap` and derivatives.

    Where `info.definite` is false the approximation holds nan or numbers without meaning.
    """
    parameters = floating(parameters)
    vector, restore = log_vector(parameters)

    def stacked(logs):
        return all_residuals(residuals, logs, restore, data, prior)

    hessian = (GaussNewton() if curvature is None else curvature).hessian(stacked, vector)
    value, pullback = jax.vjp(stacked, vector)
    gradient = pullback(value)[0]
    scale = _diagonal_scale(hessian)
    scaled = hessian / jnp.outer(scale, scale)
    factor = jax.scipy.linalg.cho_factor(scaled, lower=True)
    covariance = jax.scipy.linalg.cho_solve(factor, jnp.eye(vector.size, dtype=vector.dtype))
    covariance = 0.5 * (covariance + covariance.T) / jnp.outer(scale, scale)
    log_sd = jnp.sqrt(jnp.diag(covariance))
    smallest, direction = least_curved(hessian)
    found = Laplace(
        parameters=parameters,
        covariance=covariance,
        log_sd=log_sd,
        correlation=covariance / jnp.outer(log_sd, log_sd),
        shrinkage=1 - (log_sd / prior_vectors(prior, vector)[1]) ** 2,
        names=parameter_names(parameters),
    )
    info = LaplaceInfo(
        definite=smallest > flat_threshold(vector.size, vector.dtype),
        smallest_eigenvalue=smallest,
        flat_direction=direction,
        gradient_norm=jnp.max(jnp.abs(gradient)),
        step_sd=jnp.sqrt(gradient @ covariance @ gradient),
    )
    return found, info


_laplace_compiled = jax.jit(laplace_traced, static_argnums=0, static_argnames="curvature")


def flat_threshold(size: int, dtype: Any) -> float:
    """Eigenvalue of a Hessian of unit diagonal, (size, size), that rounding alone can make."""
    return _FLAT_EPSILONS * size * float(jnp.finfo(dtype).eps)


def least_curved(hessian: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Smallest eigenvalue of the Hessian scaled to a unit diagonal, and its direction in ln p, shape (n,).

    Constants to derivatives: eigenvectors of equal eigenvalues have none.
    """
    hessian = jax.lax.stop_gradient(hessian)
    scale = _diagonal_scale(hessian)
    values, vectors = jnp.linalg.eigh(hessian / jnp.outer(scale, scale))
    direction = vectors[:, 0] / scale
    return values[0], direction / direction[jnp.argmax(jnp.abs(direction))]


def _diagonal_scale(hessian: jax.Array) -> jax.Array:
    """Square roots of the diagonal, 1 where it is not positive; shape (n,)."""
    diagonal = jnp.diag(hessian)
    positive = diagonal > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, diagonal, 1)), 1)


def describe_direction(names: tuple[str, ...], direction: Any) -> str:
    """A direction in ln p in words, "1 ln gain - 0.5 ln rate", without entries below 5 % of the largest."""
    entries = np.asarray(direction)
    kept = [int(i) for i in np.argsort(-np.abs(entries), kind="stable") if abs(entries[i]) >= 0.05]
    words = [f"{'-' if entries[i] < 0 else '+'} {abs(entries[i]):.2g} ln {names[i]}" for i in kept]
    return " ".join(words).removeprefix("+ ")


def _refusal(names: tuple[str, ...], info: LaplaceInfo) -> str:
    """Why the Hessian cannot be inverted and what to do."""
    smallest = float(info.smallest_eigenvalue)
    if not np.isfinite(smallest):
        return (
            "`residuals` gives a Hessian that is not finite at `parameters`; "
            "look for a square root or a logarithm of zero in the model"
        )
    floor = flat_threshold(len(names), info.smallest_eigenvalue.dtype)
    kind = "indefinite" if smallest < -floor else "singular"
    direction = describe_direction(names, info.flat_direction)
    remedy = (
        "the point is no minimum; go on with `fit`, or take `GaussNewton()`"
        if kind == "indefinite"
        else "give a prior, add data, or hold one of them fixed"
    )
    return (
        f"`parameters` has a {kind} Hessian (smallest eigenvalue {smallest:.2g} of 1): data and prior do not "
        f"fix the direction {direction}; {remedy}"
    )
