"""Drugs as data, and their blood kinetics in closed form.

Every drug is a chain of first-order steps: depot -> ... -> blood -> gone, with distinct rates k_1 .. k_n.
After a dose X the amount in the last compartment is F X k_1 .. k_(n-1) sum_i e^(-k_i t) / prod_(j != i)
(k_j - k_i) (Bateman 1910). Doses superpose, and the mean over a time interval is taken from the exact
integral, so no dosing interval is too short for a monthly step and every level is linear, hence
differentiable, in the amounts. A depot outlasts its stop: what has been injected goes on being absorbed.
"""

import math
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

DrugKind = Literal["testosterone", "aromatase-inhibitor", "gonadorelin"]

TESTOSTERONE_CLEARANCE_L_PER_DAY = 950.0
"""Metabolic clearance of testosterone in men, L/day (Longcope, Kato and Horton 1969, abstract)."""

_T_ELIMINATION = math.log(2.0) / (7.69 / 24.0)
_T_HALF_LIFE_SOURCE = "testosterone half-life 7.69 h (Tornoe et al. 2007, abstract)"


@dataclass(frozen=True)
class Drug:
    """A drug as data."""

    name: str
    "registry name"
    kind: DrugKind
    "what its blood amount acts on"
    routes: tuple[str, ...]
    "routes the numbers hold for; the first is the default"
    rates_per_day: tuple[float, ...]
    "rates of the chain depot -> ... -> blood -> gone, 1/day, distinct; the last is the elimination"
    absorbed: float
    "active substance reaching blood per mg given"
    dose_range_mg: tuple[float, float]
    "range of a single dose that is accepted, mg"
    sources: tuple[tuple[str, str], ...]
    "(number, where it is from) for every number"


DRUGS: dict[str, Drug] = {
    drug.name: drug
    for drug in (
        Drug(
            name="testosterone-cypionate",
            kind="testosterone",
            routes=("intramuscular", "subcutaneous"),
            rates_per_day=(0.31, 0.40, _T_ELIMINATION),
            absorbed=0.699 * 0.60,
            dose_range_mg=(1.0, 1000.0),
            sources=(
                ("ester mass fraction 0.699", "molar masses, 288.4 / 412.6 g/mol"),
                (
                    "release 0.31 and 0.40 /day, effective bioavailability 0.60",
                    "assumed, chosen so that one 200 mg dose gives about three times the basal level at "
                    "days 2-5 and basal by days 13-14 as in Nankin 1987 (abstract) at an assumed basal "
                    "350 ng/dL; the label's half-life of 8 days does not agree with that course",
                ),
                ("elimination", _T_HALF_LIFE_SOURCE),
                ("dose range", "assumed limits against typing errors"),
            ),
        ),
        Drug(
            name="testosterone-enanthate",
            kind="testosterone",
            routes=("intramuscular", "subcutaneous"),
            rates_per_day=(0.31, 0.40, _T_ELIMINATION),
            absorbed=0.720 * 0.60,
            dose_range_mg=(1.0, 1000.0),
            sources=(
                ("ester mass fraction 0.720", "molar masses, 288.4 / 400.6 g/mol"),
                ("release and bioavailability", "assumed equal to the cypionate, see there"),
                ("elimination", _T_HALF_LIFE_SOURCE),
                ("dose range", "assumed limits against typing errors"),
            ),
        ),
        Drug(
            name="testosterone-gel",
            kind="testosterone",
            routes=("transdermal",),
            rates_per_day=(1.0, _T_ELIMINATION),
            absorbed=0.111,
            dose_range_mg=(1.0, 200.0),
            sources=(
                (
                    "absorbed 0.111 of the testosterone in the gel",
                    "from 44, 191, 337 ng/dL on 0, 1.25, 2.5 g of gel with the gonads suppressed "
                    "(Finkelstein 2016), taken as 1 % gel (assumed), at a clearance of 950 L/day",
                ),
                ("absorption 1.0 /day", "assumed: skin depot empties within days of stopping"),
                ("elimination", _T_HALF_LIFE_SOURCE),
                ("dose range", "assumed limits against typing errors; mg of testosterone, not of gel"),
            ),
        ),
        Drug(
            name="testosterone-pellets",
            kind="testosterone",
            routes=("implant",),
            rates_per_day=(0.01036, _T_ELIMINATION),
            absorbed=1.0,
            dose_range_mg=(50.0, 2000.0),
            sources=(
                (
                    "release 0.01036 /day",
                    "first order, set so that 200 mg releases 1.34 mg/day over its first three months "
                    "(Kelleher et al., abstract copy); half-life 67 d against 2.5 months in a textbook "
                    "excerpt",
                ),
                ("absorbed 1", "assumed complete"),
                ("elimination", _T_HALF_LIFE_SOURCE),
                ("dose range", "assumed limits against typing errors"),
            ),
        ),
        Drug(
            name="anastrozole",
            kind="aromatase-inhibitor",
            routes=("oral",),
            rates_per_day=(24.0, math.log(2.0) / (50.0 / 24.0)),
            absorbed=1.0,
            dose_range_mg=(0.1, 10.0),
            sources=(
                ("elimination half-life 50 h", "secondary page, range 46-50 h; postmenopausal women"),
                ("absorption 24 /day", "peak within 2 h (label text)"),
                ("absorbed 1", "assumed; amounts are relative to the effect constants"),
                ("dose range", "assumed limits against typing errors"),
            ),
        ),
        Drug(
            name="gonadorelin",
            kind="gonadorelin",
            routes=("pulsatile pump",),
            rates_per_day=(math.log(2.0) / (24.0 / 1440.0),),
            absorbed=1.0,
            dose_range_mg=(0.001, 2.0),
            sources=(
                ("disappearance half-time 24 min", "subcutaneous, Hurley et al. 1987 (abstract)"),
                ("absorbed 1", "assumed; amounts are relative to the effect constants"),
                ("dose range", "assumed; mg per day delivered as pulses"),
            ),
        ),
    )
}
"""The drugs by name."""


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


def testosterone_ng_dl(amount_mg: jax.Array) -> jax.Array:
    """Exogenous testosterone level of an amount in blood, ng/dL: amount / V with V = clearance / elimination.

    1 mg/L is 1e5 ng/dL. Clearance is one number for all men (assumed): its dependence on SHBG is not modeled.
    """
    volume_l = TESTOSTERONE_CLEARANCE_L_PER_DAY / _T_ELIMINATION
    return amount_mg * (1e5 / volume_l)


def residual_aromatase(amount_mg: jax.Array) -> jax.Array:
    """Aromatase activity left at an amount of anastrozole in the body: 1 - 0.52 X / (0.1 mg + X).

    About 0.5 at 1 mg/day, the effective activity that fits Burnett-Bowie 2009 (T 319 to 474-524 ng/dL, E2
    15 to 12 pg/mL); the half amount is assumed, small enough that 1 mg twice weekly does nearly as much as
    1 mg daily (Leder 2004: E2 -37 and -35 %).
    """
    return 1.0 - 0.52 * amount_mg / (0.1 + amount_mg)


def gonadorelin_drive(rate_mg_per_day: jax.Array) -> jax.Array:
    """Share of the missing GnRH drive that pulsatile gonadorelin restores: rate / (0.03 mg/day + rate),
    assumed.
    """
    return rate_mg_per_day / (0.03 + rate_mg_per_day)
