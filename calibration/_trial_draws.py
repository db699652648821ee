"""Draws of the posterior of a fit to trials, for intervals that need not be symmetric in ln p.

What a trial sees is nearly proportional to the parameters p, not to their logarithms: small values of p are
told apart ever less, and the posterior of ln p has a long lower tail. So the model is taken as linear in p
about the mode,

    m(x) = m(x0) + J (exp(s (x - x0)) - 1) / s,        x = (ln p - ln median) / s,  J = dm/dx at x0,

and the posterior of that, prior and likelihood exact, is sampled by Hamiltonian Monte Carlo (Duane et al.
1987; Neal 2011) in the coordinates in which the Laplace approximation is a standard normal. It costs no
evaluation of the model. What a second stage learned is drawn from its Laplace approximation given these.
"""

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._sampling import split_r_hat
from ._trial_fit import TrialFit, compiled_hessian
from ._trial_posterior import stage_curvature
from ._trial_problem import TrialProblem, objective_of, stages_of

CHAINS, WARMUP, THIN, LEAPFROGS = 64, 200, 8, 10
"""Chains side by side, transitions before the first draw and between draws, leapfrog steps of each."""
STEP, JITTER = 0.4, 0.4
"""Leapfrog step in standard deviations of the Laplace approximation, and the part of it that is random."""
MOST_R_HAT, LEAST_ACCEPTANCE = 1.2, 0.5
"""Largest R-hat and smallest acceptance of draws that may be used (Vehtari et al. 2021 ask for 1.01 of
long chains; here many short ones count together).
"""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DrawsInfo:
    """Whether draws may be used."""

    acceptance: jax.Array
    "share of transitions that were accepted, ()"
    r_hat: jax.Array
    "largest `split_r_hat` of the parameters, ()"
    usable: jax.Array
    "both are within their limits, ()"


def trial_draws(
    key: jax.Array,
    state: TrialFit,
    problem: TrialProblem,
    *,
    mask: jax.Array | None = None,
    per_chain: int = 16,
) -> tuple[jax.Array, DrawsInfo]:
    """Draws of x from the posterior with the model linear in the parameters; compiled once for all data.

    Args:
      key: of `jax.random`.
      state: end of a fit.
      problem: what was fitted.
      mask: observations that count instead of those of the problem, (observations,).
      per_chain: draws of each of 64 chains; static.

    Returns:
      draws of x, (64 per_chain, names), and whether they may be used.

    Raises:
      ValueError: the state is not a minimum.
    """
    (counted, _), *later = stages_of(problem, mask)
    hessian = compiled_hessian(state, counted, problem)
    # Hessian = U^T U: x = x0 + U^-1 z has the covariance of the Laplace approximation.
    root = jnp.linalg.cholesky(hessian, upper=True)
    if not bool(jnp.isfinite(root).all()):
        raise ValueError("`state` must be a minimum, its second derivatives are not positive definite")
    draws, info = _drawn(key, state, counted, root, problem, per_chain=per_chain)
    for late, free in later:
        stage = stage_curvature(state, problem, late, free)
        # What a later stage learns follows the first one, about that it is normal.
        noise = jax.random.normal(jax.random.fold_in(key, 1), (draws.shape[0], stage.own.size), draws.dtype)
        own = state.x[stage.own] + (draws[:, stage.held] - state.x[stage.held]) @ stage.follows.T
        own = own + noise @ np.linalg.cholesky(stage.covariance).T
        draws = draws.at[:, stage.own].set(own)
    return draws, info


def linear_in_parameters(x: jax.Array, state: TrialFit, problem: TrialProblem) -> jax.Array:
    """Predictions linear in the parameters about a state, (observations,)."""
    spread = jnp.stack([problem.prior.log_sd[name] for name in problem.names])
    return state.prediction + state.slopes @ (jnp.expm1(spread * (x - state.x)) / spread)


@functools.partial(jax.jit, static_argnames="per_chain")
def _drawn(key, state, mask, root, problem, *, per_chain: int):
    size = state.x.shape[0]

    def point(z):
        return state.x + jax.scipy.linalg.solve_triangular(root, z)

    def energy(z):
        x = point(z)
        return objective_of(linear_in_parameters(x, state, problem), x, mask, problem)

    value_and_slope = jax.value_and_grad(energy)

    def transition(carry, key):
        z, value, slope = carry
        of_momentum, of_step, of_choice = jax.random.split(key, 3)
        momentum = jax.random.normal(of_momentum, (size,), z.dtype)
        step = STEP * (1.0 + JITTER * jax.random.uniform(of_step, (), z.dtype, -1.0, 1.0))

        def leapfrog(_, at):
            place, speed, _, pull = at
            speed = speed - 0.5 * step * pull
            place = place + step * speed
            new_value, new_pull = value_and_slope(place)
            return place, speed - 0.5 * step * new_pull, new_value, new_pull

        place, speed, new_value, pull = lax.fori_loop(0, LEAPFROGS, leapfrog, (z, momentum, value, slope))
        gained = value - new_value + 0.5 * (jnp.sum(momentum**2) - jnp.sum(speed**2))
        # A trajectory that left for infinity has no finite energy, and is refused.
        taken = jnp.log(jax.random.uniform(of_choice, (), z.dtype)) < jnp.where(
            jnp.isfinite(gained), gained, -jnp.inf
        )
        new = jax.tree.map(lambda a, b: jnp.where(taken, a, b), (place, new_value, pull), (z, value, slope))
        return new, (new[0], taken)

    def chain(key):
        of_start, of_chain = jax.random.split(key)
        z = jax.random.normal(of_start, (size,), state.x.dtype)
        keys = jax.random.split(of_chain, WARMUP + THIN * per_chain)
        _, (path, taken) = lax.scan(transition, (z, *value_and_slope(z)), keys)
        return jax.vmap(point)(path[WARMUP + THIN - 1 :: THIN]), jnp.mean(taken[WARMUP:].astype(z.dtype))

    draws, accepted = jax.vmap(chain)(jax.random.split(key, CHAINS))
    r_hat = jnp.max(split_r_hat(draws))
    acceptance = jnp.mean(accepted)
    info = DrawsInfo(acceptance, r_hat, (r_hat <= MOST_R_HAT) & (acceptance >= LEAST_ACCEPTANCE))
    return draws.reshape(-1, size), info
