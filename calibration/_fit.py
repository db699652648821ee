"""Maximum a posteriori fit of positive parameters, one compiled program from start to end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ._optimisers import LBFGS, Optimiser
from ._prior import LogNormalPrior, prior_penalty, require_positive, require_same_structure

_QUIET_STEPS = 5
"""Iterations in a row without progress that count as stalled: one alone may be a poor line search."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FitInfo:
    """Record of a fit; read `converged` before using the parameters."""

    converged: jax.Array
    """bool: the largest derivative of the loss with respect to ln p met the tolerance"""
    stalled: jax.Array
    """bool: stopped without that because the loss no longer changed; the answer may still be a good one"""
    iterations: jax.Array
    """iterations done, integer"""
    loss: jax.Array
    """1/2 sum r^2 + prior penalty at the returned parameters"""
    data_loss: jax.Array
    """its part 1/2 sum r^2"""
    gradient_norm: jax.Array
    """largest |d loss / d ln p| there"""
    loss_history: jax.Array
    """loss before each iteration, shape (steps,); the last value is repeated after an early stop"""
    gradient_history: jax.Array
    """largest |d loss / d ln p| before each iteration, shape (steps,)"""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Search:
    """State carried from one iteration to the next."""

    log_parameters: Any
    state: Any
    best: Any
    best_loss: jax.Array
    best_data_loss: jax.Array
    best_gradient: jax.Array
    last_loss: jax.Array
    last_gradient: jax.Array
    quiet: jax.Array
    iterations: jax.Array
    done: jax.Array


def fit(
    residuals: Callable[[Any, Any], Any],
    start: Any,
    *,
    data: Any = None,
    prior: LogNormalPrior | None = None,
    steps: int = 200,
    optimiser: Optimiser | None = None,
    gradient_tolerance: float = 1e-6,
    loss_tolerance: float = 1e-12,
) -> tuple[Any, FitInfo]:
    """Positive parameters that explain observations best, given what was known before.

    Minimises 1/2 sum r^2 + 1/2 sum ((ln p - ln median) / log_sd)^2 over ln p: the maximum a posteriori
    estimate for independent normal errors and lognormal priors. The search is local; a second start tells
    whether it found the only minimum, and a flat direction shows as `stalled` with a small gradient.

    Args:
      residuals: function (parameters, data) -> standardised residuals (model - observation) / sd, any
        pytree of real arrays. It must be pure and is compiled once per function object and shapes.
      start: pytree of positive numbers or arrays where the search begins.
      data: everything else `residuals` reads, as a pytree of arrays (an argument, so new data of the
        same shapes do not compile again).
      prior: lognormal prior with the structure of `start`; none when omitted.
      steps: most iterations, at least 1; each judges a point and moves on, so the last move is not used.
      optimiser: `LBFGS()` when omitted, or `Adam(...)` for rough losses.
      gradient_tolerance: converged when max |d loss / d ln p| <= gradient_tolerance (1 + loss).
      loss_tolerance: stalled when the loss changed by less than this times (1 + loss) five times in a row.

    Returns:
      parameters: pytree like `start`: where the tolerance was met, else those of the smallest loss met.
      info: record of the search.

    Raises:
      ValueError: a start value is not positive, the prior has another structure, `steps` is below 1, or
        the loss is not finite at the start.
      TypeError: `residuals` cannot be called.
    """
    if not callable(residuals):
        raise TypeError(f"`residuals` must be a function (parameters, data), came {type(residuals).__name__}")
    if steps < 1:
        raise ValueError(f"`steps` must be at least 1, came {steps}")
    require_positive("start", start)
    if prior is not None:
        require_same_structure("prior.median", prior.median, "start", start)
    values, info = _fit_compiled(
        residuals,
        jax.tree.map(jnp.asarray, start),
        data,
        prior,
        steps=steps,
        optimiser=LBFGS() if optimiser is None else optimiser,
        gradient_tolerance=gradient_tolerance,
        loss_tolerance=loss_tolerance,
    )
    if not np.isfinite(float(info.loss_history[0])):
        raise ValueError(
            f"`residuals` gives a loss of {float(info.loss_history[0])} at `start`; "
            "begin where the model and all observations are finite"
        )
    return values, info


def fit_traced(
    residuals: Callable[[Any, Any], Any],
    start: Any,
    data: Any = None,
    prior: LogNormalPrior | None = None,
    *,
    steps: int = 200,
    optimiser: Optimiser | None = None,
    gradient_tolerance: float = 1e-6,
    loss_tolerance: float = 1e-12,
) -> tuple[Any, FitInfo]:
    """The same search as `fit` without its host checks, to be used inside `jit` or `vmap`.

    Not differentiable in reverse when the optimiser searches along lines (a `while_loop`).
    """
    rule = (LBFGS() if optimiser is None else optimiser).transformation(steps)

    def data_loss(log_parameters):
        parts = jax.tree.leaves(residuals(jax.tree.map(jnp.exp, log_parameters), data))
        return jnp.asarray(0.5 * sum(jnp.sum(part**2) for part in parts))

    def losses_of(log_parameters):
        fit_loss = data_loss(log_parameters)
        return (fit_loss if prior is None else fit_loss + prior_penalty(log_parameters, prior)), fit_loss

    # Whatever a model costs to compile, it is paid for every place it stands in: here and the line search.
    value_and_grad = jax.value_and_grad(losses_of, has_aux=True)

    def advance(search: _Search) -> _Search:
        (loss, fit_loss), gradient = value_and_grad(search.log_parameters)
        size = _largest(gradient)
        met = size <= gradient_tolerance * (1 + jnp.abs(loss))
        # The point that meets the tolerance is the answer, also where momentum passed a lower one before.
        better = met | (loss < search.best_loss)
        quiet = jnp.where(
            jnp.abs(loss - search.last_loss) <= loss_tolerance * (1 + jnp.abs(loss)), search.quiet + 1, 0
        )
        updates, state = rule.update(
            gradient,
            search.state,
            search.log_parameters,
            value=loss,
            grad=gradient,
            value_fn=lambda log_parameters: losses_of(log_parameters)[0],
        )
        lost = ~jnp.isfinite(loss)
        return _Search(
            log_parameters=optax.apply_updates(search.log_parameters, updates),
            state=state,
            best=_select(better, search.log_parameters, search.best),
            best_loss=jnp.where(better, loss, search.best_loss),
            best_data_loss=jnp.where(better, fit_loss, search.best_data_loss),
            best_gradient=jnp.where(better, size, search.best_gradient),
            last_loss=loss,
            last_gradient=size,
            quiet=quiet,
            iterations=search.iterations + 1,
            done=met | lost | (quiet >= _QUIET_STEPS),
        )

    def body(search: _Search, _):
        search = jax.lax.cond(search.done, lambda held: held, advance, search)
        return search, (search.last_loss, search.last_gradient)

    log_start = jax.tree.map(jnp.log, start)
    infinite = jnp.full_like(jax.eval_shape(losses_of, log_start)[0], jnp.inf)
    search = _Search(
        log_parameters=log_start,
        state=rule.init(log_start),
        best=log_start,
        best_loss=infinite,
        best_data_loss=infinite,
        best_gradient=infinite,
        last_loss=infinite,
        last_gradient=infinite,
        quiet=jnp.zeros((), jnp.int32),
        iterations=jnp.zeros((), jnp.int32),
        done=jnp.zeros((), bool),
    )
    search, (losses, gradients) = jax.lax.scan(body, search, length=steps)
    converged = search.best_gradient <= gradient_tolerance * (1 + jnp.abs(search.best_loss))
    info = FitInfo(
        converged=converged,
        stalled=~converged & (search.quiet >= _QUIET_STEPS),
        iterations=search.iterations,
        loss=search.best_loss,
        data_loss=search.best_data_loss,
        gradient_norm=search.best_gradient,
        loss_history=losses,
        gradient_history=gradients,
    )
    return jax.tree.map(jnp.exp, search.best), info


_fit_compiled = jax.jit(
    fit_traced,
    static_argnums=0,
    static_argnames=("steps", "optimiser", "gradient_tolerance", "loss_tolerance"),
)


def _largest(tree: Any) -> jax.Array:
    """Largest magnitude among all entries of a pytree."""
    return jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(tree)]))


def _select(condition: jax.Array, when_true: Any, when_false: Any) -> Any:
    """Elementwise choice between two pytrees by one condition."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), when_true, when_false)
