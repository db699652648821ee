"""From hormones and mechanical stimulus to the drives of the bone cells."""

import jax

from ._bone_drugs import drug_modeling
from ._hormones import HormoneLevels
from ._mechanisms import (
    Igf1Memory,
    balance_mechanisms,
    bone_mechanisms,
    igf1_effect,
    resorption_mechanisms,
    total,
)
from ._parameters import BoneParameters
from ._response import bounded
from ._state import Drives

RESORPTION_BOUND = 3.0
"""Bound of the log drive of resorption: activity between e^-3 and e^3 (assumed)."""
BALANCE_BOUND = 0.7
"""Bound of the log drive of balance: formed over resorbed between 0.50 and 2.01 (assumed)."""


def hormone_resorption_drive(levels: HormoneLevels, parameters: BoneParameters) -> jax.Array:
    """Log drive of resorption by hormones and drugs, absolute (0 at the young reference), unbounded.

    Absolute, so that a hypogonadal person starts with high turnover and open remodeling space.
    """
    return total(resorption_mechanisms(levels, parameters))


def hormone_balance_level(
    levels: HormoneLevels, parameters: BoneParameters, female: jax.Array | float = 0.0
) -> jax.Array:
    """Sum of the hormone terms of the balance, before subtracting the person's own baseline."""
    return total(balance_mechanisms(levels, parameters, female=female)) + parameters.age_imbalance


def cell_drives(
    levels: HormoneLevels,
    baseline: HormoneLevels,
    log_stimulus: jax.Array | float,
    parameters: BoneParameters,
    *,
    female: jax.Array | float = 0.0,
    memory: Igf1Memory | None = None,
) -> Drives:
    """Bounded log drives of resorption and balance: the sums of `bone_mechanisms`.

    Args:
      levels: hormones now, fields ().
      baseline: hormones of the untreated person, fields ().
      log_stimulus: ln(stimulus / set point) z, (nb,) or ().
      parameters: biological parameters.
      female: 1 for a woman, 0 for a man, ().
      memory: of IGF-1, fields (); None: osteoblasts follow at once and bone gets used to nothing.
    """
    terms = bone_mechanisms(levels, baseline, log_stimulus, parameters, female=female, memory=memory)
    return Drives(
        log_resorption=bounded(total(terms.resorption), RESORPTION_BOUND),
        log_balance=bounded(total(terms.balance), BALANCE_BOUND),
        modeling=drug_modeling(levels, parameters),
        log_mineralization=parameters.igf1_mineralization
        * (igf1_effect(levels, parameters) - igf1_effect(baseline, parameters)),
    )
