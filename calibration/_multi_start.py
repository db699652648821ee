"""The fit from several starts: is the minimum found the only one?"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._fit import fit_traced
from ._log_vector import floating, require_problem
from ._optimisers import LBFGS, Optimiser
from ._prior import LogNormalPrior, require_positive, require_same_structure


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MultiStart:
    """Where every search stands after some rounds; all that is needed to go on. First axis: the starts."""

    parameters: Any
    """best parameters of each search, leaves (starts, ...)"""
    loss: jax.Array
    """1/2 sum r^2 + prior penalty there, shape (starts,); inf where the start has no finite loss"""
    gradient_norm: jax.Array
    """largest |d loss / d ln p| there, shape (starts,)"""
    converged: jax.Array
    """bool (starts,): the gradient met the tolerance"""
    stopped: jax.Array
    """bool (starts,): converged, without progress over a whole round, or lost"""
    loss_history: jax.Array
    """loss before each iteration, shape (starts, rounds * steps)"""
    gradient_history: jax.Array
    """largest |d loss / d ln p| before each iteration, shape (starts, rounds * steps)"""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MultiStartInfo:
    """What the ends of the searches say of the minimum."""

    converged: np.ndarray
    """bool: the best search met the gradient tolerance"""
    best: np.ndarray
    """index of the best search"""
    loss: np.ndarray
    """its loss"""
    same_loss: np.ndarray
    """bool (starts,): ends with the loss of the best"""
    agreeing: np.ndarray
    """bool (starts,): ends with the loss and parameters of the best; fewer than `same_loss`: a flat valley"""
    spread: Any
    """standard deviation of ln p over the ends of the same loss; pytree like the parameters"""

    def sentence(self) -> str:
        """How many searches agree, in words."""
        starts, same, agreeing = self.agreeing.size, int(self.same_loss.sum()), int(self.agreeing.sum())
        text = f"{agreeing} of {starts} searches end at the best point (loss {float(self.loss):.6g})"
        if same > agreeing:
            text += f"; {same - agreeing} more reach its loss with other parameters: a direction is flat"
        return text if self.converged else text + "; the best has not converged"


def draw_starts(prior: LogNormalPrior, key: jax.Array, count: int, *, widen: float = 1.0) -> Any:
    """Starting points drawn from the prior, ln p = ln median + widen log_sd N(0, 1).

    Args:
      prior: lognormal prior of finite spreads.
      key: random key; the same key gives the same points.
      count: number of points, at least 1.
      widen: factor on the spreads.

    Returns:
      parameters with a leading axis of length `count`.

    Raises:
      ValueError: `count` is below 1, or a spread is infinite (names it).
    """
    if count < 1:
        raise ValueError(f"`count` must be at least 1, came {count}")
    require_positive("prior.log_sd", prior.log_sd)
    leaves, structure = jax.tree.flatten(prior.median)
    spreads = structure.flatten_up_to(prior.log_sd)
    keys = jax.random.split(key, len(leaves))
    drawn = []
    for one, median, spread in zip(keys, leaves, spreads, strict=True):
        median = jnp.asarray(median)
        noise = jax.random.normal(one, (count, *median.shape), jnp.result_type(median, jnp.float32))
        drawn.append(median * jnp.exp(widen * spread * noise))
    return jax.tree.unflatten(structure, drawn)


def multi_start(
    residuals: Callable[[Any, Any], Any],
    starts: Any,
    *,
    data: Any = None,
    prior: LogNormalPrior | None = None,
    resume: MultiStart | None = None,
    rounds: int = 4,
    steps: int = 50,
    optimiser: Optimiser | None = None,
    together: bool = True,
    gradient_tolerance: float = 1e-6,
    progress_tolerance: float = 1e-9,
    same_loss: float = 1e-3,
    same_parameters: float = 1e-2,
) -> tuple[Any, MultiStartInfo, MultiStart]:
    """`fit` from several starts, in rounds that can be saved and continued.

    A round is `steps` iterations of `fit` from the best point so far, with an empty memory of the optimiser:
    only points pass from round to round, so that a search continued from a saved state ends where the
    uninterrupted one does.

    Args:
      residuals: function (parameters, data) -> standardised residuals, as in `fit`.
      starts: parameters with a leading axis, one entry per search (`draw_starts`).
      data: as in `fit`.
      prior: as in `fit`.
      resume: state of an earlier call to go on from; `starts` then only gives the structure.
      rounds: most rounds of this call, at least 1.
      steps: iterations of a round, at least 1.
      optimiser: `LBFGS()` when omitted.
      together: all searches in one `vmap`; False runs one after the other (less memory, and those that have
        stopped cost nothing).
      gradient_tolerance: a search has converged when max |d loss / d ln p| <= gradient_tolerance (1 + loss).
      progress_tolerance: a search stops when a round lowers its loss by less than this times (1 + loss).
      same_loss: ends within this of the best loss count as equal (a thousandth of a log likelihood).
      same_parameters: and agree when every ln p is within this of the best.

    Returns:
      parameters: those of the best end.
      info: how far the ends agree.
      state: every search, plain arrays; pass it as `resume`.

    Raises:
      ValueError: a start value is not positive, the leading axes differ, the prior or `resume` has another
        structure, a count is below 1, or no start has a finite loss.
      TypeError: `residuals` cannot be called.
    """
    starts = floating(starts)
    count = _search_count(starts)
    require_problem(residuals, "starts", starts, None)
    require_problem(residuals, "starts[0]", jax.tree.map(lambda leaf: leaf[0], starts), prior)
    for name, value in (("rounds", rounds), ("steps", steps)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1, came {value}")
    if resume is not None:
        require_same_structure("resume.parameters", resume.parameters, "starts", starts)
    state = _begin(starts, count) if resume is None else resume
    advance = partial(
        _round_compiled,
        residuals,
        steps=steps,
        optimiser=LBFGS() if optimiser is None else optimiser,
        together=together,
        gradient_tolerance=gradient_tolerance,
        progress_tolerance=progress_tolerance,
    )
    for _ in range(rounds):
        if np.asarray(state.stopped).all():
            break
        state = _appended(state, advance(_without_history(state), data, prior))
    if not np.isfinite(np.asarray(state.loss)).any():
        raise ValueError(
            f"`residuals` has no finite loss at any of the {count} `starts`; begin where the model is finite"
        )
    best, info = _summary(state, same_loss, same_parameters)
    return best, info, state


def state_to_arrays(state: MultiStart) -> dict[str, np.ndarray]:
    """A state as named arrays for `numpy.savez`; keys such as "parameters.gain" and "loss"."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    }


def state_from_arrays(arrays: Any, starts: Any) -> MultiStart:
    """The state saved by `state_to_arrays`; `starts` (parameters with a leading axis) gives the structure.

    Raises:
      ValueError: an array is missing (names it).
    """
    like = _begin(jax.tree.map(jnp.asarray, starts), _search_count(starts))
    names = list(state_to_arrays(like))
    missing = [name for name in names if name not in arrays]
    if missing:
        raise ValueError(
            f"`arrays` must hold {missing[0]} ({len(missing)} missing), came {sorted(arrays)}; "
            "save them with `state_to_arrays` for the same parameters"
        )
    return jax.tree.unflatten(jax.tree.structure(like), [jnp.asarray(arrays[name]) for name in names])


def _begin(starts: Any, count: int) -> MultiStart:
    """The state before the first round."""
    dtype = jnp.result_type(jnp.float32, *jax.tree.leaves(starts))
    return MultiStart(
        parameters=starts,
        loss=jnp.full(count, jnp.inf, dtype),
        gradient_norm=jnp.full(count, jnp.inf, dtype),
        converged=jnp.zeros(count, bool),
        stopped=jnp.zeros(count, bool),
        loss_history=jnp.zeros((count, 0), dtype),
        gradient_history=jnp.zeros((count, 0), dtype),
    )


def _without_history(state: MultiStart) -> MultiStart:
    """The state with histories of no length: a longer one would be another program."""
    return replace(
        state, loss_history=state.loss_history[:, :0], gradient_history=state.gradient_history[:, :0]
    )


def _appended(before: MultiStart, after: MultiStart) -> MultiStart:
    """The state after a round, its histories behind those of the rounds before."""
    return replace(
        after,
        loss_history=jnp.concatenate([before.loss_history, after.loss_history], axis=1),
        gradient_history=jnp.concatenate([before.gradient_history, after.gradient_history], axis=1),
    )


def _round(
    residuals, state, data, prior, *, steps, optimiser, together, gradient_tolerance, progress_tolerance
):
    """One round of every search that has not stopped; the histories are those of this round."""

    def search(one):
        parameters, info = fit_traced(
            residuals,
            one.parameters,
            data,
            prior,
            steps=steps,
            optimiser=optimiser,
            gradient_tolerance=gradient_tolerance,
        )
        # A round of momentum may end above where it began, and a search that is lost keeps its point.
        better = info.converged | (info.loss < one.loss)
        kept = jax.tree.map(partial(jnp.where, better), parameters, one.parameters)
        loss = jnp.where(better, info.loss, one.loss)
        progress = one.loss - loss > progress_tolerance * (1 + jnp.abs(loss))
        return MultiStart(
            parameters=kept,
            loss=loss,
            gradient_norm=jnp.where(better, info.gradient_norm, one.gradient_norm),
            converged=info.converged,
            stopped=info.converged | ~progress,
            loss_history=info.loss_history,
            gradient_history=info.gradient_history,
        )

    def held(one):
        losses, gradients = jnp.full(steps, one.loss), jnp.full(steps, one.gradient_norm)
        return replace(one, loss_history=losses, gradient_history=gradients)

    def advance(one):
        return jax.lax.cond(one.stopped, held, search, one)

    return jax.vmap(advance)(state) if together else jax.lax.map(advance, state)


_round_compiled = jax.jit(
    _round,
    static_argnums=0,
    static_argnames=("steps", "optimiser", "together", "gradient_tolerance", "progress_tolerance"),
)


def _summary(state: MultiStart, same_loss: float, same_parameters: float) -> tuple[Any, MultiStartInfo]:
    """The best end and how far the others agree with it; on the host."""
    losses = np.asarray(state.loss)
    best = int(np.argmin(losses))
    logs = jax.tree.map(lambda leaf: np.log(np.asarray(leaf)), state.parameters)
    same = losses <= losses[best] + same_loss
    apart = [np.abs(leaf - leaf[best]).reshape(losses.size, -1).max(axis=1) for leaf in jax.tree.leaves(logs)]
    info = MultiStartInfo(
        converged=np.asarray(state.converged)[best],
        best=np.asarray(best),
        loss=losses[best],
        same_loss=same,
        agreeing=same & (np.max(apart, axis=0) <= same_parameters),
        spread=jax.tree.map(lambda leaf: np.std(leaf[same], axis=0), logs),
    )
    return jax.tree.map(lambda leaf: leaf[best], state.parameters), info


def _search_count(starts: Any) -> int:
    """Length of the leading axis of all leaves."""
    lengths = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(starts)}
    if len(lengths) != 1 or lengths == {()} or lengths == {(0,)}:
        raise ValueError(
            "`starts` must have one leading axis of the same length, at least 1, on every leaf; came "
            f"{sorted(lengths)}; draw them with `draw_starts`"
        )
    return lengths.pop()[0]
