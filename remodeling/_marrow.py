"""Fat of the marrow of a vertebra: it answers to estradiol and grows with age. Bone does not hear of it.

Limonard 2015 (J Bone Miner Res 30:2058): 2 mg of estradiol a day by mouth took 0.05 (0.01 to 0.09) off a
fat fraction of 0.48 of six postmenopausal women within two weeks, which came back after it. Syed 2008
(Osteoporos Int 19:1323): adipocyte volume of the ilium -24 % in a year of estradiol, +20 % on placebo.
Griffith 2012 (J Magn Reson Imaging 36:225): fat of L3 rises sharply in women between 55 and 65, steadily
in men.
"""

import jax
import jax.numpy as jnp

from ._hormones import HormoneCourse
from ._mechanisms import FULL_ESTRADIOL
from ._parameters import BoneParameters
from ._response import logarithmic

_YEAR_DAYS = 365.25


def marrow_fat(course: HormoneCourse, parameters: BoneParameters) -> jax.Array:
    """Share of fat in the marrow of a vertebra at the end of every step, and first at the start.

        F(t) = F0 - bF [L(E(t)) - L(E0)] + aF t

    L as for bone (`bone_mechanisms`), t in years. Fat follows estradiol within two weeks (Limonard 2015),
    here at once. What growth hormone, parathyroid hormone and load do to it is not modeled. All have F0.

    Args:
      course: hormones, levels (steps,).
      parameters: `marrow_fat`, `marrow_fat_estradiol`, `marrow_fat_aging`, `estradiol_scale`.

    Returns:
      share, (steps + 1,).
    """
    p = parameters

    def effect(estradiol: jax.Array) -> jax.Array:
        return logarithmic(estradiol, p.estradiol_scale, FULL_ESTRADIOL)

    change = effect(course.levels.estradiol_pg_ml) - effect(course.baseline.estradiol_pg_ml)
    years = jnp.cumsum(jnp.broadcast_to(course.step_days, change.shape)) / _YEAR_DAYS
    moved = p.marrow_fat_aging * years - p.marrow_fat_estradiol * change
    return p.marrow_fat + jnp.concatenate([jnp.zeros_like(moved[:1]), moved])
