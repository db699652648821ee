"""Strength read off a force-displacement curve."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ._nonlinear import FailureCurve

OFFSET_STRAIN = 0.002
"Offset of the yield point, -: the customary 0.2 %."
STATED_STRAIN = 0.019
"""Overall strain at which strength is read in models of whole vertebrae, -: 1.9 %, as quoted for strength by
QCT finite elements in the later literature (original not at hand; assumed)."""


class NonlinearStrength(NamedTuple):
    """Strength of a body by several readings of one curve; forces in N, positive in compression."""

    stiffness_n_per_mm: jax.Array
    "stiffness before anything yields, N/mm"
    yield_n: jax.Array
    "force at the offset strain, N; NaN where the curve ends before it"
    yield_strain: jax.Array
    "overall strain there, -; NaN likewise"
    yield_volume: jax.Array
    "share of the volume that has flown there, -; NaN likewise"
    stated_n: jax.Array
    "force at the stated strain, N; NaN where the curve ends before it"
    greatest_n: jax.Array
    "largest force of the curve, N"
    has_maximum: jax.Array
    "whether the force fell after it, boolean: else it is no ultimate force, only the end of the curve"


def nonlinear_strength(
    curve: FailureCurve,
    height_mm,
    *,
    offset_strain=OFFSET_STRAIN,
    stated_strain=STATED_STRAIN,
) -> NonlinearStrength:
    """Stiffness, offset yield, force at a stated strain and largest force of a curve.

    Args:
      curve: of `force_displacement`, its increments growing in one direction.
      height_mm: height that the overall strain refers to, mm; for a body between caps the height of the bone.
      offset_strain: strain by which the elastic line is moved, -.
      stated_strain: overall strain at which the force is read, -.

    Returns:
      `NonlinearStrength`. Between increments the curve is straight. Differentiable in the forces and the
      stiffness; a reading that the curve does not reach is NaN.

    The law hardens and does not soften, so that the largest force of a single push is its last one: read
    `has_maximum`.
    """
    sign = jnp.sign(curve.displacement_mm[-1])
    zero = jnp.zeros((1,), curve.force_n.dtype)
    strain = jnp.concatenate([zero, sign * curve.displacement_mm / height_mm])
    force = jnp.concatenate([zero, sign * curve.force_n])
    volume = jnp.concatenate([zero, curve.yielded_volume])
    line = curve.stiffness_n_per_mm * height_mm * (strain - offset_strain)

    yields, at, share = _first_crossing(force - line)
    stated, there, part = _first_crossing(stated_strain - strain)

    def between(values, index, share):
        return (1 - share) * values[index - 1] + share * values[index]

    largest = jnp.argmax(force)
    return NonlinearStrength(
        stiffness_n_per_mm=curve.stiffness_n_per_mm,
        yield_n=jnp.where(yields, between(force, at, share), jnp.nan),
        yield_strain=jnp.where(yields, between(strain, at, share), jnp.nan),
        yield_volume=jnp.where(yields, between(volume, at, share), jnp.nan),
        stated_n=jnp.where(stated, between(force, there, part), jnp.nan),
        greatest_n=force[largest],
        has_maximum=largest < force.size - 1,
    )


def _first_crossing(values):
    """Whether a row falls to zero, the first interval's end, and the place of the zero within it, 0 to 1."""
    # a stated strain that is the last increment counts as reached in spite of rounding
    below = values <= 1e-9 * jnp.max(jnp.abs(values))
    index = jnp.maximum(jnp.argmax(below), 1)
    fall = values[index - 1] - values[index]
    share = values[index - 1] / jnp.where(fall > 0, fall, 1)
    return jnp.any(below), index, share
