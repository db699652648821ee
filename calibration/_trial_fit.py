"""Maximum a posteriori fit to trials: the model linearized again and again, the likelihood exact.

About x0 the predictions are taken as linear, m(x) = m(x0) + J (x - x0), and

    1/2 |x|^2 - ln L(m(x), x) + 1/2 lambda |x - x0|^2

is made small by L-BFGS, which costs next to nothing; its minimum is the next point if the objective there
falls by a quarter of what was promised (a prox-linear method, Burke 1985; lambda as of Marquardt 1963). The
robust likelihood, intervals and deviations between trials need no residuals this way, and a fit takes some
ten evaluations of the model.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from ._trial_problem import TrialProblem, objective_of, predict_with_slopes, stages_of

INNER_STEPS = 300
"""Most steps of L-BFGS on the linear model."""
INNER_TOLERANCE = 1e-10
"""Largest derivative at which they end."""
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 0.1, 1e-8, 1e8
"""lambda at the start, and its range; a fit that reaches the largest is stuck."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrialFit:
    """Where a fit stands; all that is needed to go on."""

    x: jax.Array
    "best point, (names,)"
    prediction: jax.Array
    "predictions there, (observations,)"
    slopes: jax.Array
    "their derivatives, (observations, names)"
    loss: jax.Array
    "negative log posterior there of what counts in this stage, up to a constant, ()"
    gradient: jax.Array
    "its derivatives, 0 for what is held in this stage, (names,)"
    damping: jax.Array
    "lambda of the next step, ()"
    evaluations: jax.Array
    "evaluations of the model, integer, ()"
    converged: jax.Array
    "the largest derivative met the tolerance, ()"


def begin_fit(x: Any, problem: TrialProblem, *, mask: Any = None, damping: Any = None) -> TrialFit:
    """The state at a first point.

    Args:
      x: first point, (names,), of `vector_of` or of a fit that was stopped.
      problem: what is fitted.
      mask: observations that count instead of those of the problem, (observations,).
      damping: of a fit that was stopped; FIRST_DAMPING if None.

    Raises:
      ValueError: the objective is not finite there.
    """
    point = jnp.asarray(x, problem.mask.dtype)
    counted, free = stages_of(problem, mask)[0]
    prediction, slopes = _evaluate(point, problem)
    loss, gradient = _loss(point, prediction, slopes, counted, free, problem)
    if not bool(jnp.isfinite(loss)):
        raise ValueError(f"`x` must be a point with a finite objective, got {float(loss)}; start elsewhere")
    return TrialFit(
        x=point,
        prediction=prediction,
        slopes=slopes,
        loss=loss,
        gradient=gradient,
        damping=jnp.asarray(FIRST_DAMPING if damping is None else damping, point.dtype),
        evaluations=jnp.asarray(1),
        converged=jnp.asarray(False),
    )


def restarted(state: TrialFit, problem: TrialProblem, mask: Any) -> TrialFit:
    """The state of a fit as the start of a fit to other observations, without an evaluation of the model."""
    fresh = _in_stage(state, *stages_of(problem, mask)[0], problem)
    return replace(fresh, evaluations=jnp.asarray(0))


def _in_stage(state: TrialFit, counted: jax.Array, free: jax.Array, problem: TrialProblem) -> TrialFit:
    """The state at the start of a stage."""
    loss, gradient = _loss(state.x, state.prediction, state.slopes, counted, free, problem)
    return replace(
        state,
        loss=loss,
        gradient=gradient,
        damping=jnp.asarray(FIRST_DAMPING, state.x.dtype),
        converged=jnp.asarray(False),
    )


def fit_trials(
    start: TrialFit,
    problem: TrialProblem,
    *,
    mask: Any = None,
    most_evaluations: int = 40,
    gradient_tolerance: float = 1e-3,
    told: Callable[[TrialFit], None] | None = None,
    most_stages: int = 2,
) -> TrialFit:
    """The fit, stage by stage (`stages_of`), from a state to the point where no derivative is left.

    Args:
      start: of `begin_fit`, or of a fit that was stopped: it ends where the uninterrupted one does.
      problem: what is fitted.
      mask: observations that count instead of those of the problem, (observations,), for folds.
      most_evaluations: evaluations of the model after which it stops, not converged.
      gradient_tolerance: converged when the largest derivative by x is below; x is in units of the prior, so
        the point is within about that many standard deviations of the prior of the minimum.
      told: called with every state, for progress and for keeping it.
      most_stages: 1 leaves the gains of drugs at bone where they are.

    Returns:
      the last state; read `converged` before using it.
    """
    state = start
    for number, (counted, free) in enumerate(stages_of(problem, mask)[:most_stages]):
        begin = state
        if number:
            begin = _in_stage(state, counted, free, problem)
            if int(state.evaluations) == int(start.evaluations):
                # A fit that was stopped in this stage goes on with the damping it had.
                begin = replace(begin, damping=start.damping)
        for state in _states(begin, problem, counted, free, gradient_tolerance):
            if told is not None:
                told(state)
            if int(state.evaluations) >= most_evaluations:
                break
        if not bool(state.converged):
            break
    return state


def _states(
    state: TrialFit, problem: TrialProblem, counted: jax.Array, free: jax.Array, gradient_tolerance: float
) -> Iterator[TrialFit]:
    while True:
        done = bool(jnp.max(jnp.abs(state.gradient)) <= gradient_tolerance)
        state = replace(state, converged=jnp.asarray(done))
        yield state
        if done or float(state.damping) >= MOST_DAMPING:
            return
        target, promised = _step(state, counted, free, problem)
        prediction, slopes = _evaluate(target, problem)
        loss, gradient = _loss(target, prediction, slopes, counted, free, problem)
        gained, hoped = float(state.loss - loss), float(state.loss - promised)
        evaluations = state.evaluations + 1
        # Near the end the promise drowns in rounding; a point that is as good and flatter is taken too.
        level = 1e-9 * (1.0 + abs(float(state.loss)))
        flatter = bool(jnp.max(jnp.abs(gradient)) < jnp.max(jnp.abs(state.gradient)))
        if gained >= 0.25 * hoped > 0 or (abs(gained) <= level and flatter):
            factor = 0.1 if gained >= 0.75 * hoped else 1.0
            damping = jnp.maximum(factor * state.damping, LEAST_DAMPING)
            state = TrialFit(
                target, prediction, slopes, loss, gradient, damping, evaluations, jnp.asarray(False)
            )
        else:
            state = replace(state, damping=10.0 * state.damping, evaluations=evaluations)


_evaluate = jax.jit(predict_with_slopes)


@jax.jit
def _loss(x, prediction, slopes, mask, free, problem: TrialProblem) -> tuple[jax.Array, jax.Array]:
    """Objective and its derivatives by what is free of x, through the predictions and directly."""
    loss, (by_prediction, direct) = jax.value_and_grad(objective_of, argnums=(0, 1))(
        prediction, x, mask, problem
    )
    return loss, free * (slopes.T @ by_prediction + direct)


@jax.jit
def _step(state: TrialFit, mask, free, problem: TrialProblem) -> tuple[jax.Array, jax.Array]:
    """Minimum of the linearized, damped objective over what is free, and the linearized one there."""

    def point(x):
        return state.x + free * (x - state.x)

    def linear(x):
        x = point(x)
        return objective_of(state.prediction + state.slopes @ (x - state.x), x, mask, problem)

    def damped(x):
        return linear(x) + 0.5 * state.damping * jnp.sum((x - state.x) ** 2)

    rule = optax.lbfgs(memory_size=30)
    value_and_grad = optax.value_and_grad_from_state(damped)

    def going(carry):
        _, _, gradient, number = carry
        return (number < INNER_STEPS) & (jnp.max(jnp.abs(gradient)) > INNER_TOLERANCE)

    def improved(carry):
        x, memory, _, number = carry
        value, gradient = value_and_grad(x, state=memory)
        updates, memory = rule.update(gradient, memory, x, value=value, grad=gradient, value_fn=damped)
        return optax.apply_updates(x, updates), memory, gradient, number + 1

    ones = jnp.full_like(state.x, jnp.inf)
    start = (state.x, rule.init(state.x), ones, jnp.zeros((), jnp.int32))
    x = jnp.asarray(lax.while_loop(going, improved, start)[0])
    return point(x), linear(x)


def fit_hessian(state: TrialFit, mask: jax.Array, problem: TrialProblem) -> jax.Array:
    """Second derivatives of the objective by x, likelihood exact and the model linear, (names, names)."""

    def linear(x):
        return objective_of(state.prediction + state.slopes @ (x - state.x), x, mask, problem)

    return jax.hessian(linear)(state.x)


compiled_hessian = jax.jit(fit_hessian)
