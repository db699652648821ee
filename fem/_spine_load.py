"""Compressive force on a lumbar vertebra in an activity, by a static balance of moments, over its strength.

    C = g (m_u + m_h) cos(t) + M / d,    M = g (m_u (a_0 cos(t) + a_u sin(t)) + m_h r)

with the mass m_u of the body above the vertebra, the mass m_h held at the horizontal reach r, the flexion t
of the trunk, the lever a_0 of the upright trunk, the distance a_u of its centre of mass from the vertebra and
the lever arm d of the back muscles. No pressure in the abdomen, no antagonists, no motion: a scale for
comparisons, not a measurement. Every number is assumed, in the usual range of such models; docs/strength.md
compares the answers with published ones.
"""

from dataclasses import dataclass
from types import MappingProxyType

import jax
import jax.numpy as jnp
import numpy as np

GRAVITY = 9.80665
"Standard gravity, m/s2."
MASS_ABOVE = MappingProxyType({"T12": 0.45, "L1": 0.475, "L2": 0.50, "L3": 0.525, "L4": 0.55, "L5": 0.575})
"Share of the body mass above the middle of a vertebra, arms included, - (assumed)."
CENTRE_OF_MASS = 0.147
"Distance of the centre of that mass from L3 over body height, - (assumed; 0.257 m at 1.75 m)."
UPRIGHT_LEVER_M = 0.02
"How far in front of the vertebra that centre lies in upright standing, m (assumed)."
EXTENSOR_LEVER_M = 0.06
"Lever arm of the back muscles, m (assumed; 0.05 to 0.075 is in use)."


@dataclass(frozen=True)
class Activity:
    """A posture with a weight in the hands; hashable, without arrays."""

    name: str
    "name on the command line and in reports"
    flexion_deg: float
    "flexion of the trunk from upright, degrees"
    held_kg: float
    "mass in both hands together, kg"
    reach_m: float
    "horizontal distance of that mass from the vertebra, m"
    sentence: str
    "the activity in words"


_ACTIVITIES = (
    Activity("standing", 0.0, 0.0, 0.0, "Relaxed upright standing."),
    Activity("flexion-30", 30.0, 0.0, 0.0, "Standing with the trunk bent forward by 30 degrees."),
    Activity("carrying-10", 0.0, 10.0, 0.25, "Upright, 10 kg held close in front of the body."),
    Activity("lifting-20", 90.0, 20.0, 0.40, "Bent forward by 90 degrees, lifting 10 kg with each hand."),
)

ACTIVITIES = MappingProxyType({activity.name: activity for activity in _ACTIVITIES})
"The activities by name."


def activity(name: str) -> Activity:
    """Activity by name.

    Raises:
      ValueError: unknown name.
    """
    if name not in ACTIVITIES:
        raise ValueError(f"`name` must be an activity, one of {', '.join(ACTIVITIES)}; got {name!r}")
    return ACTIVITIES[name]


def spine_load(
    body_mass_kg: jax.Array | float,
    body_height_m: jax.Array | float,
    activity: Activity,
    *,
    level: str = "L3",
) -> jax.Array:
    """Compressive force on a vertebra in an activity, N; see the head of this file for the model.

    Args:
      body_mass_kg: body mass, kg.
      body_height_m: body height, m.
      activity: posture and weight in the hands.
      level: vertebra, a key of MASS_ABOVE.

    Raises:
      ValueError: unknown level.
    """
    if level not in MASS_ABOVE:
        raise ValueError(f"`level` must be a vertebra, one of {', '.join(MASS_ABOVE)}; got {level!r}")
    angle = np.deg2rad(activity.flexion_deg)
    above = MASS_ABOVE[level] * jnp.asarray(body_mass_kg)
    lever = UPRIGHT_LEVER_M * np.cos(angle) + CENTRE_OF_MASS * body_height_m * np.sin(angle)
    moment = GRAVITY * (above * lever + activity.held_kg * activity.reach_m)
    return GRAVITY * (above + activity.held_kg) * np.cos(angle) + moment / EXTENSOR_LEVER_M


def load_to_strength(load_n: jax.Array | float, strength_n: jax.Array | float) -> jax.Array:
    """Load over strength (factor of risk), -: above 1 the activity is expected to break the bone.

    Both belong together: an axial force and a strength under axial compression. Say which strength it is; a
    ratio with the Pistoia estimate is another number than one with the force at 1.9 % strain.

    Reference: Hayes, Piazza, Zysset 1991, Radiol Clin North Am 29:1 (factor of risk).
    """
    return jnp.asarray(load_n) / strength_n
