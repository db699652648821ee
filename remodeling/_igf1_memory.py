"""What bone remembers of IGF-1: formation answers late, and a lasting change is got used to.

With h = H(I) - H(I0) the change of the IGF-1 effect,

    m' = (h - m) / tau_a       what bone has got used to: resorption sees h - a m
    l' = (h - l) / tau_l       what osteoblasts have followed so far: the balance sees l - a m

On growth hormone the markers of resorption lead those of formation by months, and both fall after 9 to 12
(Sartorio 2001); the spine of men gains 5 % in two years (Bex 2002) and that of men and women together no more
than 5 % in fifteen (Elbornsson 2012). A response without memory has neither the dip nor the plateau.
"""

import jax.numpy as jnp

from ._follow import follow
from ._hormones import HormoneCourse
from ._mechanisms import Igf1Memory, igf1_effect
from ._parameters import BoneParameters


def igf1_memory(
    course: HormoneCourse, parameters: BoneParameters, start: Igf1Memory | None = None
) -> tuple[Igf1Memory, Igf1Memory]:
    """Mean memory over each step of a course, fields (steps,), and memory at its end, fields ().

    Exact for levels that are constant within a step.

    Args:
      course: hormones; the memory is measured from its baseline.
      parameters: biological parameters.
      start: memory at the start of the course, fields (); none if None.
    """
    change = igf1_effect(course.levels, parameters) - igf1_effect(course.baseline, parameters)
    times = jnp.stack([parameters.igf1_adaptation_time, parameters.igf1_formation_lag])
    start_values = None if start is None else jnp.stack([start.adapted, start.followed])
    mean, end = follow(jnp.stack([change, change], axis=1), times, course.step_days, start_values)
    return Igf1Memory(mean[:, 0], mean[:, 1]), Igf1Memory(end[0], end[1])
