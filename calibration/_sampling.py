"""Draws from the posterior of a fit by the no-U-turn sampler of blackjax."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ._log_vector import all_residuals, parameter_names, require_problem, require_share
from ._prior import LogNormalPrior


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SampleInfo:
    """Record of a sampling run; read `converged` before using the draws. Vectors (n,) follow `names`."""

    converged: jax.Array
    """bool: every split R-hat below 1.01, over 100 effective draws a chain, no divergence (Vehtari 2021)"""
    r_hat: jax.Array
    """split R-hat of ln p, shape (n,)"""
    effective_size: jax.Array
    """effective number of independent draws of ln p over all chains, shape (n,)"""
    divergences: jax.Array
    """draws whose trajectory lost its energy, shape (chains,); any hints at a posterior of sharp curvature"""
    acceptance: jax.Array
    """mean acceptance of the trajectories, shape (chains,)"""
    step_size: jax.Array
    """leapfrog step found in the warm-up, shape (chains,)"""
    gradients: jax.Array
    """gradients of the log density evaluated after the warm-up, shape (chains,)"""
    names: tuple[str, ...] = field(metadata={"static": True})
    """names of the parameters in the order of the vectors"""


@dataclass(frozen=True)
class LogPosterior:
    """Log density of ln p, up to a constant, of the problem that `fit` solves."""

    residuals: Callable[[Any, Any], Any]
    """function (parameters, data) -> standardised residuals"""

    def __call__(self, log_parameters: Any, data: tuple[Any, LogNormalPrior | None]) -> jax.Array:
        """-(1/2 sum r^2 + prior penalty) at ln p; `data` is (data of the residuals, prior)."""
        vector, unravel = ravel_pytree(log_parameters)

        def restore(logs):
            return jax.tree.map(jnp.exp, unravel(logs))

        return -0.5 * jnp.sum(all_residuals(self.residuals, vector, restore, *data) ** 2)


def sample(
    residuals: Callable[[Any, Any], Any],
    starts: Any,
    key: jax.Array,
    *,
    data: Any = None,
    prior: LogNormalPrior | None = None,
    warmup: int = 500,
    draws: int = 1000,
    target_acceptance: float = 0.8,
) -> tuple[Any, SampleInfo]:
    """Draws from the posterior of the problem that `fit` solves.

    The density is that of ln p (the lognormal prior needs no Jacobian there), so that its mode is the
    answer of `fit`.

    Args:
      residuals: function (parameters, data) -> standardised residuals, as in `fit`.
      starts: positive parameters with a leading axis, one entry per chain: `laplace_draws` or `draw_starts`.
      key: random key.
      data: as in `fit`.
      prior: as in `fit`; the posterior must be proper without it when omitted.
      warmup: iterations that adapt step and mass matrix and are thrown away, at least 20.
      draws: draws kept per chain, at least 4.
      target_acceptance: acceptance the step is adapted to; nearer to 1 takes smaller steps.

    Returns:
      parameters: positive, leaves (chains, draws, ...).
      info: record of the run.

    Raises:
      ImportError: blackjax is not installed.
      ValueError: a start value is not positive, a count is too small, or `starts` is not double precision.
      TypeError: `residuals` cannot be called.
    """
    require_problem(residuals, "starts", starts, None)
    require_problem(residuals, "starts[0]", jax.tree.map(lambda leaf: np.asarray(leaf)[0], starts), prior)
    logs, info = sample_density(
        LogPosterior(residuals),
        jax.tree.map(lambda leaf: jnp.log(jnp.asarray(leaf)), starts),
        key,
        data=(data, prior),
        warmup=warmup,
        draws=draws,
        target_acceptance=target_acceptance,
    )
    return jax.tree.map(jnp.exp, logs), info


def sample_density(
    log_density: Callable[[Any, Any], jax.Array],
    starts: Any,
    key: jax.Array,
    *,
    data: Any = None,
    warmup: int = 500,
    draws: int = 1000,
    target_acceptance: float = 0.8,
) -> tuple[Any, SampleInfo]:
    """Draws from any smooth density by the no-U-turn sampler, all chains in one program.

    Hoffman and Gelman 2014 (Journal of Machine Learning Research 15:1593) in the multinomial form of
    Betancourt 2017, with Stan's window adaptation of the step and a dense mass matrix, from blackjax.

    Args:
      log_density: function (x, data) -> log density up to a constant, x an entry of `starts`; pure, compiled
        once per function object and shapes.
      starts: pytree of float64 arrays with a leading axis, one entry per chain, at least 2 chains.
      key: random key; the same key gives the same draws.
      data: everything else `log_density` reads.
      warmup: as in `sample`.
      draws: as in `sample`.
      target_acceptance: as in `sample`.

    Returns:
      x: leaves (chains, draws, ...).
      info: record of the run.

    Raises:
      ImportError: blackjax is not installed.
      ValueError: a count is too small, or `starts` is not double precision.
    """
    if find_spec("blackjax") is None:
        raise ImportError(
            "sampling needs blackjax, which is not installed: pip install 'osteon[sampling]'; "
            "`laplace` and `profile` do without it"
        )
    require_share("target_acceptance", target_acceptance)
    for name, value, least in (("warmup", warmup, 20), ("draws", draws, 4)):
        if value < least:
            raise ValueError(f"`{name}` must be at least {least}, came {value}")
    for path, leaf in jax.tree_util.tree_leaves_with_path(starts):
        if jnp.asarray(leaf).dtype != jnp.float64:
            raise ValueError(
                f"`starts`{jax.tree_util.keystr(path)} must be float64, came {jnp.asarray(leaf).dtype}; "
                "energies of a trajectory cancel in single precision: set jax_enable_x64"
            )
        if np.ndim(leaf) == 0 or np.shape(leaf)[0] < 2:
            raise ValueError(
                f"`starts`{jax.tree_util.keystr(path)} must have a leading axis of at least 2 chains, came "
                f"the shape {np.shape(leaf)}"
            )
    return _sample_compiled(
        log_density,
        jax.tree.map(jnp.asarray, starts),
        key,
        data,
        warmup=warmup,
        draws=draws,
        target_acceptance=target_acceptance,
    )


@partial(jax.jit, static_argnums=0, static_argnames=("warmup", "draws", "target_acceptance"))
def _sample_compiled(log_density, starts, key, data, *, warmup, draws, target_acceptance):
    import blackjax  # pyright: ignore[reportMissingImports]
    from blackjax.diagnostics import effective_sample_size  # pyright: ignore[reportMissingImports]

    def density(position):
        return log_density(position, data)

    def chain(start, key):
        first, second = jax.random.split(key)
        adaptation = blackjax.window_adaptation(
            blackjax.nuts,
            density,
            is_mass_matrix_diagonal=False,
            target_acceptance_rate=target_acceptance,
            adaptation_info_fn=lambda *_: None,
        )
        (state, tuned), _ = adaptation.run(first, start, num_steps=warmup)
        kernel = blackjax.nuts(density, **tuned)

        def step(state, key):
            state, info = kernel.step(key, state)
            kept = (info.is_divergent, info.acceptance_rate, info.num_integration_steps)
            return state, (state.position, *kept)

        _, (positions, divergent, acceptance, leaps) = jax.lax.scan(
            step, state, jax.random.split(second, draws)
        )
        return positions, divergent.sum(), acceptance.mean(), tuned["step_size"], leaps.sum()

    chains = jax.tree.leaves(starts)[0].shape[0]
    positions, divergences, acceptance, step_size, gradients = jax.vmap(chain)(
        starts, jax.random.split(key, chains)
    )
    vectors = jnp.concatenate(
        [leaf.reshape(chains, draws, -1) for leaf in jax.tree.leaves(positions)], axis=-1
    )
    r_hat = split_r_hat(vectors)
    effective = jnp.atleast_1d(effective_sample_size(vectors))
    info = SampleInfo(
        converged=(r_hat < 1.01).all() & (effective > 100 * chains).all() & (divergences.sum() == 0),
        r_hat=r_hat,
        effective_size=effective,
        divergences=divergences,
        acceptance=acceptance,
        step_size=step_size,
        gradients=gradients,
        names=parameter_names(jax.tree.map(lambda leaf: leaf[0], starts)),
    )
    return positions, info


def split_r_hat(draws: jax.Array) -> jax.Array:
    """Convergence of chains: spread over the halves of all chains against that inside them; 1 is perfect.

    Args:
      draws: shape (chains, draws, n), at least 4 draws; the last of an odd number is left out.

    Returns:
      split R-hat, shape (n,).

    Reference: Vehtari 2021, Bayesian Analysis 16:667, equations 1 to 4 on half chains.
    """
    chains, length, count = draws.shape
    half = length // 2
    halves = draws[:, : 2 * half].reshape(2 * chains, half, count)
    within = jnp.var(halves, axis=1, ddof=1).mean(axis=0)
    between = jnp.var(halves.mean(axis=1), axis=0, ddof=1)
    return jnp.sqrt((half - 1) / half + between / within)
