"""Blood kinetics in closed form: chains of first-order steps, superposition, exact interval means.

Linear drugs are chains of first-order steps: depot -> ... -> blood -> gone, with distinct rates k_1 .. k_n.
After a dose X the amount in the last compartment is F X k_1 .. k_(n-1) sum_i e^(-k_i t) / prod_(j != i)
(k_j - k_i) (Bateman 1910). Doses superpose, and the mean over a time interval is taken from the exact
integral, so no dosing interval is too short for a monthly step and every level is linear, hence
differentiable, in the amounts. A depot outlasts its stop: what has been injected goes on being absorbed.
"""

import jax
import jax.numpy as jnp
import numpy as np

TESTOSTERONE_CLEARANCE_L_PER_DAY = 950.0
"""Metabolic clearance of testosterone in men, L/day (Longcope, Kato and Horton 1969, abstract)."""


def exponential_weights(rates_per_day: tuple[float, ...]) -> np.ndarray:
    """Weights a_i of the amount after a unit dose, sum_i a_i e^(-k_i t), shape (n,).

    Raises:
      ValueError: two rates closer than 5 %, where the weights cancel and lose digits.
    """
    rates = np.asarray(rates_per_day, float)
    if rates.ndim != 1 or rates.size == 0 or not (np.isfinite(rates) & (rates > 0)).all():
        raise ValueError(f"`rates_per_day` must be positive and finite, got {rates_per_day}")
    weights = np.empty_like(rates)
    for i, rate in enumerate(rates):
        others = np.delete(rates, i)
        gaps = others - rate
        if others.size and (np.abs(gaps) < 0.05 * rate).any():
            raise ValueError(f"`rates_per_day` must differ by 5 % or more, got {rates_per_day}")
        weights[i] = np.prod(rates[:-1]) / np.prod(gaps)
    return weights


def amount_in_blood(
    time: jax.Array, dose_time: jax.Array, dose_mg: jax.Array, rates_per_day: tuple[float, ...]
) -> jax.Array:
    """Amount in blood, mg, at times (t,) after doses (n,) into the chain; superposed, zero before each
    dose.
    """
    weights = jnp.asarray(exponential_weights(rates_per_day), dose_mg.dtype)
    rates = jnp.asarray(rates_per_day, dose_mg.dtype)
    since = time[:, None] - dose_time[None, :]
    decays = jnp.exp(-rates * jnp.maximum(since, 0.0)[..., None])
    return jnp.where(since >= 0, decays @ weights, 0.0) @ dose_mg


def mean_amount_in_blood(
    edges: jax.Array, dose_time: jax.Array, dose_mg: jax.Array, rates_per_day: tuple[float, ...]
) -> jax.Array:
    """Mean amount in blood over each interval, mg, from exact integrals.

    Args:
      edges: ends of the intervals, days, increasing, (steps + 1,).
      dose_time: days, (n,).
      dose_mg: amounts entering the depot, mg, (n,).
      rates_per_day: rates of the chain, static.

    Returns:
      (steps,).
    """
    scaled = jnp.asarray(exponential_weights(rates_per_day) / np.asarray(rates_per_day), dose_mg.dtype)
    rates = jnp.asarray(rates_per_day, dose_mg.dtype)
    since = jnp.maximum(edges[:, None] - dose_time[None, :], 0.0)
    integral = (-jnp.expm1(-rates * since[..., None]) @ scaled) @ dose_mg
    return jnp.diff(integral) / jnp.diff(edges)


def gonadorelin_drive(rate_mg_per_day: jax.Array) -> jax.Array:
    """Share of the missing GnRH drive that pulsatile gonadorelin restores: rate / (0.03 mg/day + rate),
    assumed.
    """
    return rate_mg_per_day / (0.03 + rate_mg_per_day)
