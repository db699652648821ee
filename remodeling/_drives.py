"""From hormones and mechanical stimulus to the drives of the bone cells."""

import jax
import jax.numpy as jnp

from ._hormones import HormoneLevels
from ._parameters import BoneParameters
from ._state import Drives

SPLIT_WIDTH = 0.02
"""Rounding of the smooth positive and negative parts (assumed; 0.02 to 0.05 give the same runs)."""
STIMULUS_SLOPE_WIDTH = 0.05
"""Log stimulus inside the lazy zone that keeps a nonzero slope, so gradients live at the exact baseline."""
RESORPTION_BOUND = 3.0
"""Bound of the log drive of resorption: activity between e^-3 and e^3 (assumed)."""
BALANCE_BOUND = 0.7
"""Bound of the log drive of balance: formed over resorbed between 0.50 and 2.01 (assumed)."""


def hill(x: jax.Array, half: jax.Array, exponent: jax.Array) -> jax.Array:
    """x^n / (x^n + half^n), between 0 and 1; exponent > 0, x >= 0."""
    # ln of a level of exactly zero would put NaN into the derivative; the floor is far below any assay.
    ratio = jnp.maximum(x, 1e-9 * half) / half
    return 1.0 / (1.0 + ratio**-exponent)


def smooth_positive(x: jax.Array) -> jax.Array:
    """Smooth positive part: 0 at 0, slope 1/2 there, x for x >> 0; [x]_+ - [x]_- = x."""
    return 0.5 * (x + jnp.sqrt(x**2 + SPLIT_WIDTH**2) - SPLIT_WIDTH)


def smooth_negative(x: jax.Array) -> jax.Array:
    """Smooth negative part: 0 at 0, -x for x << 0."""
    return 0.5 * (jnp.sqrt(x**2 + SPLIT_WIDTH**2) - SPLIT_WIDTH - x)


def bounded(x: jax.Array, bound: float) -> jax.Array:
    """bound tanh(x / bound)."""
    return bound * jnp.tanh(x / bound)


def effective_estradiol(levels: HormoneLevels, parameters: BoneParameters) -> jax.Array:
    """Estradiol seen by bone: blood level plus what bone aromatizes itself, pg/mL."""
    return (
        levels.estradiol_pg_ml
        + parameters.intracrine_estradiol * levels.aromatase * levels.testosterone_ng_dl
    )


def hormone_resorption_drive(levels: HormoneLevels, parameters: BoneParameters) -> jax.Array:
    """Log drive of resorption by hormones, absolute (0 at the young reference), unbounded.

    -thRE [H_E(E_b) - H_E(Eref)] - thRT [H_T(T) - H_T(Tref)] + thRI [H_I(I) - H_I(Iref)] + thRY y + drug.
    Absolute, so that a hypogonadal person starts with high turnover and open remodeling space.
    """
    p = parameters
    estradiol = effective_estradiol(levels, p)
    return (
        -p.estradiol_resorption
        * (
            hill(estradiol, p.estradiol_half, p.estradiol_hill)
            - hill(p.reference_estradiol, p.estradiol_half, p.estradiol_hill)
        )
        - p.testosterone_resorption
        * (
            hill(levels.testosterone_ng_dl, p.testosterone_half, p.testosterone_hill)
            - hill(p.reference_testosterone, p.testosterone_half, p.testosterone_hill)
        )
        + p.igf1_resorption
        * (
            hill(levels.igf1_ng_ml, p.igf1_half, p.igf1_hill)
            - hill(p.reference_igf1, p.igf1_half, p.igf1_hill)
        )
        + p.thyroid_turnover * levels.thyroid_index
        + levels.drug_resorption
    )


def hormone_balance_level(levels: HormoneLevels, parameters: BoneParameters) -> jax.Array:
    """Sum of the hormone terms of the balance, before subtracting the person's own baseline."""
    p = parameters
    return (
        p.estradiol_balance * hill(effective_estradiol(levels, p), p.estradiol_half, p.estradiol_hill)
        + p.testosterone_balance * hill(levels.testosterone_ng_dl, p.testosterone_half, p.testosterone_hill)
        + p.igf1_balance * hill(levels.igf1_ng_ml, p.igf1_half, p.igf1_hill)
        + p.progestogen_balance * levels.progestogen / (levels.progestogen + p.progestogen_half)
        + p.insulin_balance * levels.insulin_index
    )


def stimulus_response(
    log_stimulus: jax.Array | float, saturation: jax.Array, lazy_width: jax.Array
) -> jax.Array:
    """zs tanh( z (z^2 + d^2) / (z^2 + zl^2 + d^2) / zs ): saturating, flat in the lazy zone, odd."""
    z = log_stimulus
    d2 = STIMULUS_SLOPE_WIDTH**2
    return saturation * jnp.tanh(z * (z**2 + d2) / (z**2 + lazy_width**2 + d2) / saturation)


def cell_drives(
    levels: HormoneLevels,
    baseline: HormoneLevels,
    log_stimulus: jax.Array | float,
    parameters: BoneParameters,
) -> Drives:
    """Bounded log drives of resorption and balance.

    Args:
      levels: hormones now, fields ().
      baseline: hormones of the untreated person, fields ().
      log_stimulus: ln(stimulus / set point) z, (nb,) or ().
      parameters: biological parameters.
    """
    p = parameters
    z_resorption = stimulus_response(log_stimulus, p.stimulus_saturation, p.resorption_lazy_width)
    z_formation = stimulus_response(log_stimulus, p.stimulus_saturation, p.formation_lazy_width)
    estrogen_gain = 1.0 + p.estradiol_mechanics * (
        hill(effective_estradiol(levels, p), p.estradiol_half, p.estradiol_hill)
        - hill(p.reference_estradiol, p.estradiol_half, p.estradiol_hill)
    )
    resorption = (
        hormone_resorption_drive(levels, p)
        + p.disuse_resorption * smooth_negative(z_resorption)
        - p.overload_resorption * smooth_positive(z_resorption)
    )
    balance = (
        hormone_balance_level(levels, p)
        - hormone_balance_level(baseline, p)
        - p.age_imbalance
        + p.overload_balance * estrogen_gain * smooth_positive(z_formation)
        - p.disuse_balance * smooth_negative(z_formation)
    )
    return Drives(
        log_resorption=bounded(resorption, RESORPTION_BOUND), log_balance=bounded(balance, BALANCE_BOUND)
    )
