"""What GnRH drugs make of the pituitary: receptors, flare, blockade, pulses.

    R' = k_r (1 - R) - k_d o R,      o = a / (1 + a) occupied by a continuous agonist
    LH reserve  rho = R^n_R / (1 + b^n_A),      b the antagonist over its concentration of half effect
    drive x = [g + p (1 - g)+] (1 - o) / (1 + b^n_A) (T/T0)^-gT (E/E0)^-gE + F o

A continuous agonist first drives as F normal GnRH, without feedback, then takes the receptors away (after the
turnover model of Tornoe et al. 2007, reduced; constants of our own). Pulses of gonadorelin (p) replace
missing drive and leave the receptors alone. The antagonist blocks drive and reserve.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from ._axis_parameters import AxisParameters
from ._exposure import Exposure
from ._pharmacokinetics import gonadorelin_drive
from ._response import share


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PituitaryInputs:
    """What drugs make of the pituitary, (intervals,) or ()."""

    pulse_share: jax.Array
    "share of the missing GnRH drive that pulsatile gonadorelin replaces, 0 to 1"
    endogenous_share: jax.Array
    "share of the body's own GnRH drive that gets through, 1 untreated"
    agonist_drive: jax.Array
    "drive by a continuous agonist, in units of normal GnRH, 0 untreated"
    reserve_share: jax.Array
    "LH reserve that is left, 1 untreated"


def untreated_pituitary(shape: tuple[int, ...] = (), dtype=None) -> PituitaryInputs:
    """Nothing given."""
    zero, one = jnp.zeros(shape, dtype or float), jnp.ones(shape, dtype or float)
    return PituitaryInputs(pulse_share=zero, endogenous_share=one, agonist_drive=zero, reserve_share=one)


def receptor_relaxation(exposure: Exposure, constants: AxisParameters) -> tuple[jax.Array, jax.Array]:
    """Target and rate (1/day) of the receptors R under a continuous agonist, (intervals,) each."""
    rate = constants.receptor_recovery + constants.receptor_loss * share(exposure.gnrh_agonist)
    return constants.receptor_recovery / rate, rate


def pituitary_inputs(exposure: Exposure, receptors: jax.Array, constants: AxisParameters) -> PituitaryInputs:
    """Drive and reserve under the drugs.

    Args:
      exposure: drugs, (intervals,).
      receptors: receptors R, mean over each interval, (intervals,).
      constants: of the axes.
    """
    occupied = share(exposure.gnrh_agonist)
    # A power of exactly zero has no derivative in its exponent; the floor is far below any effect.
    blocked = jnp.maximum(exposure.gnrh_antagonist, 1e-6)
    passing = 1.0 / (1.0 + blocked**constants.antagonist_exponent)
    untouched = exposure.gnrh_antagonist <= 0.0
    passing = jnp.where(untouched, 1.0, passing)
    return PituitaryInputs(
        pulse_share=gonadorelin_drive(exposure.gonadorelin_mg_per_day),
        endogenous_share=(1.0 - occupied) * passing,
        agonist_drive=constants.agonist_flare * occupied,
        reserve_share=receptors**constants.receptor_exponent * passing,
    )
