"""Profile likelihood: the loss along one parameter with all others refitted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri

from ._fit import fit_traced
from ._log_vector import (
    all_residuals,
    log_vector,
    parameter_names,
    prior_vectors,
    require_problem,
    require_share,
)
from ._optimisers import LBFGS, Optimiser
from ._prior import LogNormalPrior


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Profile:
    """Smallest loss at every value of one parameter; the grid ascends and has the mode in its middle."""

    values: jax.Array
    """values of the parameter, shape (2 points + 1,)"""
    loss: jax.Array
    """1/2 sum r^2 + prior penalty with the others refitted, shape (2 points + 1,)"""
    parameters: Any
    """the refitted parameters, leaves (2 points + 1, ...)"""
    lower: jax.Array
    """lower end of the interval; 0 where it is open"""
    upper: jax.Array
    """upper end of the interval; inf where it is open"""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ProfileInfo:
    """Whether the interval can be used."""

    open_below: jax.Array
    """bool: the loss does not rise to the threshold within reach below the mode"""
    open_above: jax.Array
    """bool: the same above"""
    settled: jax.Array
    """bool (2 points + 1,): the refit met its tolerance or made no more progress"""
    improvement: jax.Array
    """how far the lowest loss of the profile lies below that of the mode; above 1e-3 refit from there"""


def profile(
    residuals: Callable[[Any, Any], Any],
    parameters: Any,
    name: str,
    *,
    reach: float = 1.0,
    points: int = 10,
    data: Any = None,
    prior: LogNormalPrior | None = None,
    level: float = 0.95,
    steps: int = 50,
    optimiser: Optimiser | None = None,
    gradient_tolerance: float = 1e-6,
) -> tuple[Profile, ProfileInfo]:
    """Profile of one parameter and its interval by the likelihood ratio.

    With D = loss - loss(mode), 2 D is about chi-squared with one degree of freedom, and the interval holds
    every value with 2 D below the quantile of `level` (Raue 2009, Bioinformatics 25:1923, equation 5). Its
    ends are interpolated in the signed root sqrt(2 D) against ln p, which is a straight line for a model
    linear in ln p. Unlike Laplace's interval it follows a curved valley; with a prior in the loss it is the
    profile of the posterior.

    Args:
      residuals: function (parameters, data) -> standardised residuals, as in `fit`.
      parameters: the mode, as `fit` returns it.
      name: the parameter, as in `Laplace.names`: "gain", "rate[1]".
      reach: how far the grid goes to each side in ln p; 1 is a factor of 2.7.
      points: grid points on each side, at least 2.
      data: as in `fit`.
      prior: as in `fit`.
      level: coverage of the interval, between 0 and 1.
      steps: most iterations of each refit, which begins at the neighbor nearer to the mode.
      optimiser: of the refits; `LBFGS()` when omitted.
      gradient_tolerance: of the refits, as in `fit`.

    Returns:
      The profile and its record.

    Raises:
      ValueError: no parameter has that name, a count or `reach` is too small, or `level` is not a share.
      TypeError: `residuals` cannot be called.
    """
    require_problem(residuals, "parameters", parameters, prior)
    names = parameter_names(parameters)
    if name not in names:
        raise ValueError(f"`name` must be one of {', '.join(names)}; came {name}")
    require_share("level", level)
    if not reach > 0:
        raise ValueError(f"`reach` must be positive, came {reach}; 1 covers a factor of 2.7 on each side")
    for argument, value, least in (("points", points, 2), ("steps", steps, 1)):
        if value < least:
            raise ValueError(f"`{argument}` must be at least {least}, came {value}")
    return _profile_compiled(
        residuals,
        jax.tree.map(jnp.asarray, parameters),
        np.asarray(names.index(name)),
        reach,
        data,
        prior,
        points=points,
        level=level,
        steps=steps,
        optimiser=LBFGS() if optimiser is None else optimiser,
        gradient_tolerance=gradient_tolerance,
    )


def profile_traced(
    residuals: Callable[[Any, Any], Any],
    parameters: Any,
    index: jax.Array | int,
    reach: jax.Array | float = 1.0,
    data: Any = None,
    prior: LogNormalPrior | None = None,
    *,
    points: int = 10,
    level: float = 0.95,
    steps: int = 50,
    optimiser: Optimiser | None = None,
    gradient_tolerance: float = 1e-6,
) -> tuple[Profile, ProfileInfo]:
    """The same as `profile` without its host checks, for `jit` and `vmap`.

    The parameter is given by its place in the vector of logarithms, an integer array or number: one
    program profiles every parameter. Not differentiable in reverse with a line search.
    """
    mode, restore = log_vector(parameters)
    medians, spreads = prior_vectors(prior, mode)
    count = mode.size
    place = jnp.arange(count)
    free = jnp.arange(count - 1)
    free = free + (free >= index)

    def complete(others, fixed):
        at = jnp.clip(place - (place > index), 0, max(count - 2, 0))
        return jnp.where(place == index, fixed, others[at] if count > 1 else fixed)

    def loss_of(logs):
        return 0.5 * jnp.sum(all_residuals(residuals, logs, restore, data, prior) ** 2)

    def refit(others, fixed):
        if count == 1:
            logs = jnp.reshape(fixed, (1,))
            return others, logs, loss_of(logs), jnp.isfinite(loss_of(logs))

        def residuals_of_others(values, held):
            return residuals(restore(complete(jnp.log(values), held[0])), held[1])

        others_prior = (
            None if prior is None else LogNormalPrior(median=jnp.exp(medians[free]), log_sd=spreads[free])
        )
        found, info = fit_traced(
            residuals_of_others,
            jnp.exp(others),
            (fixed, data),
            others_prior,
            steps=steps,
            optimiser=optimiser,
            gradient_tolerance=gradient_tolerance,
        )
        logs = complete(jnp.log(found), fixed)
        return jnp.log(found), logs, loss_of(logs), info.converged | info.stalled

    def one_side(sign):
        def advance(others, step):
            others, logs, loss, settled = refit(others, mode[index] + sign * step)
            return others, (logs, loss, settled)

        distances = reach * jnp.arange(1, points + 1, dtype=mode.dtype) / points
        return jax.lax.scan(advance, mode[free], distances)[1]

    at_mode = loss_of(mode)
    # One side after the other: under vmap a refit that is done would go on computing to its last step.
    logs, losses, settled = jax.lax.map(one_side, jnp.array([-1.0, 1.0], mode.dtype))
    distance = reach * jnp.arange(points + 1, dtype=mode.dtype) / points
    root = jnp.sqrt(2 * jnp.maximum(losses - at_mode, 0))
    root = jnp.concatenate([jnp.zeros((2, 1), root.dtype), root], axis=1)
    ends, is_open = jax.vmap(lambda r: _crossing(distance, r, ndtri(0.5 * (1 + level))))(root)

    def joined(sides, middle):
        return jnp.concatenate([sides[0][::-1], middle[None], sides[1]])

    logs = joined(logs, mode)
    losses = joined(losses, at_mode)
    found = Profile(
        values=jnp.exp(logs[:, index]),
        loss=losses,
        parameters=jax.vmap(restore)(logs),
        lower=jnp.where(is_open[0], 0, jnp.exp(mode[index] - ends[0])),
        upper=jnp.where(is_open[1], jnp.inf, jnp.exp(mode[index] + ends[1])),
    )
    info = ProfileInfo(
        open_below=is_open[0],
        open_above=is_open[1],
        settled=joined(settled, jnp.asarray(True)),
        improvement=at_mode - jnp.min(losses),
    )
    return found, info


_profile_compiled = jax.jit(
    profile_traced,
    static_argnums=0,
    static_argnames=("points", "level", "steps", "optimiser", "gradient_tolerance"),
)


def _crossing(distance: jax.Array, root: jax.Array, threshold: jax.Array) -> tuple[jax.Array, jax.Array]:
    """First distance at which the root reaches the threshold, by lines between points; whether it never does.

    A loss that is not finite counts as above the threshold.
    """
    root = jnp.where(jnp.isfinite(root), root, jnp.inf)
    above = root >= threshold
    at = jnp.maximum(jnp.argmax(above), 1)
    before, after = root[at - 1], root[at]
    rise = jnp.where(jnp.isfinite(after), after - before, jnp.inf)
    share = jnp.where(rise > 0, (threshold - before) / jnp.where(rise > 0, rise, 1), 0)
    return distance[at - 1] + share * (distance[at] - distance[at - 1]), ~above.any()
