"""What sets SHBG."""

import jax

from ._axis_parameters import AxisParameters
from ._exposure import Exposure
from ._person import Person
from ._response import share


def oral_effect(exposure: Exposure, constants: AxisParameters) -> jax.Array:
    """Effect of oral estrogen on the liver, 0 to 1, (intervals,)."""
    return share(exposure.oral_estrogen / constants.oral_half_mg)


def shbg_target(person: Person, exposure: Exposure, constants: AxisParameters) -> jax.Array:
    """SHBG in the long run, nmol/L, (intervals,): SHBG0 (1 + s_o f), f the effect of oral estrogen."""
    return person.shbg_nmol_l * (1.0 + constants.oral_shbg * oral_effect(exposure, constants))
