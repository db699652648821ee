"""Courses of density under draws of a posterior, for any map of a bone: a table over density, and its use.

Under the 0-D mechanics a voxel answers for itself, so its relative change is a function of its own density,
of whether it is compact, and of the parameters. One table of that function per draw serves every voxel.
"""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri

import remodeling

from ._objective import BETWEEN_TRIALS
from ._spine_dxa import POSTERIOR_DENSITY
from ._trial_posterior import TrialPosterior

KNOTS = 12
"""Densities in the table of each kind of bone, linear in ln density between them: within 0.006 % of baseline
where a course of testosterone moves the least dense bone by 17 %, 0.03 with 6, 0.0015 with 24."""
LEAST_DENSITY = 1e-3
"""Least density of a knot, g/cm3: far below that of any bone that remodels."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DensityKnots:
    """Densities at which courses are simulated, evenly spaced in their logarithm."""

    density: jax.Array
    "trabecular ascending, compact ascending, and last that of the posterior elements, g/cm3, (2 n + 1,)"
    compact: jax.Array
    "1 compact, 0 trabecular, (2 n + 1,)"


def make_density_knots(density: Any, compact: Any, *, count: int = KNOTS, dtype: Any = None) -> DensityKnots:
    """Knots from the least to the largest density of each kind of bone.

    Args:
      density: densities that the knots must span, g/cm3 hydroxyapatite, (nb,).
      compact: 1 where the bone is compact, 0 where trabecular, (nb,); a kind that is absent takes the range
        of all.
      count: knots of each kind.
      dtype: floating type; jax's default unless given.

    Raises:
      ValueError: vectors of different length or none, a density that is not finite, fewer than 2 knots.
    """
    values, kinds = np.asarray(density, float), np.asarray(compact, float)
    if values.ndim != 1 or values.shape != kinds.shape or not values.size:
        raise ValueError(
            f"`density` and `compact` must be vectors of one length, at least 1, got shapes {values.shape} "
            f"and {kinds.shape}"
        )
    bad = ~np.isfinite(values)
    if bad.any():
        raise ValueError(
            f"`density` must be finite, got {int(bad.sum())} other values, first at voxel {np.argmax(bad)}"
        )
    if count < 2:
        raise ValueError(f"`count` must be at least 2, got {count}")
    parts = []
    for kind in (0.0, 1.0):
        inside = values[kinds == kind] if (kinds == kind).any() else values
        low = max(float(inside.min()), LEAST_DENSITY)
        # A hair of width keeps the spacing of a bone of one density above zero.
        parts.append(np.geomspace(low, max(float(inside.max()), 1.001 * low), count))
    return DensityKnots(
        density=jnp.asarray(np.concatenate([*parts, [POSTERIOR_DENSITY]]), dtype or float),
        compact=jnp.asarray(np.repeat([0.0, 1.0, 1.0], [count, count, 1]), dtype or float),
    )


def posterior_deviations(
    posterior: TrialPosterior, key: jax.Array, count: int, *, held: tuple[str, ...] = ()
) -> dict[str, jax.Array]:
    """ln p - ln mode of biological parameters: 0 in row 0, then draws of their normal approximation.

    A Latin hypercube (McKay, Beckman, Conover 1979) of normal numbers, correlated by the Cholesky factor.

    Args:
      posterior: of a fit.
      key: random key.
      count: draws; static.
      held: parameters whose deviation stays 0, as their value is given; static. The others are drawn from
        their marginal distribution, not from the one conditional on the given values.

    Returns:
      by name, (count + 1,); without the deviations between trials.
    """
    names = posterior.names
    factor = jnp.linalg.cholesky(posterior.log_covariance)
    order, inside = jax.random.split(key)
    rows = jnp.broadcast_to(jnp.arange(count)[:, None], (count, len(names)))
    rows = jax.random.permutation(order, rows, independent=True)
    share = (rows + jax.random.uniform(inside, rows.shape, factor.dtype)) / count
    # rounding must not make a share 0 or 1, whose normal number is infinite
    share = jnp.clip(share, 1e-6, 1.0 - 1e-6)
    deviations = jnp.concatenate([jnp.zeros_like(factor[:1]), ndtri(share) @ factor.T])
    return {
        name: jnp.zeros_like(deviations[:, row]) if name in held else deviations[:, row]
        for row, name in enumerate(names)
        if name not in BETWEEN_TRIALS
    }


def past_draws(
    deviations: dict[str, jax.Array],
    parameters: remodeling.BoneParameters,
    knots: DensityKnots,
    female: jax.Array | float,
    history: remodeling.HormoneCourse,
) -> remodeling.PastBone:
    """Bone of every knot at the end of a history by draw, `remodeling.start_from_history`.

    Args:
      deviations: of `posterior_deviations`, added to the logarithms of `parameters`, (draws,) each.
      parameters: biological parameters about which is drawn.
      knots: of `make_density_knots`.
      female: 1 for a woman, 0 for a man, ().
      history: hormones of the years before the start.

    Returns:
      fields with a leading axis (draws,).
    """

    def of_draw(deviation: dict[str, jax.Array]) -> remodeling.PastBone:
        return remodeling.start_from_history(
            knots.density,
            history,
            scaled_parameters(deviation, parameters),
            female=female,
            compact=knots.compact,
            checkpoint=False,
        )

    return jax.vmap(of_draw)(deviations)


def density_draws(
    deviations: dict[str, jax.Array],
    parameters: remodeling.BoneParameters,
    knots: DensityKnots,
    female: jax.Array | float,
    course: remodeling.HormoneCourse,
    pasts: remodeling.PastBone | None = None,
    *,
    steps_per_month: int,
) -> jax.Array:
    """Density of every knot over that at the start, month by month, by draw.

    `remodeling.simulate` with the 0-D mechanics, one bone step in a step of the course.

    Args:
      deviations: of `posterior_deviations`, added to the logarithms of `parameters`, (draws,) each.
      parameters: biological parameters about which is drawn.
      knots: of `make_density_knots`.
      female: 1 for a woman, 0 for a man, ().
      course: hormones of an arm.
      pasts: of `past_draws` of the same draws and knots; None: a steady state.
      steps_per_month: steps of the course in a month; static.

    Returns:
      ratio, (draws, months + 1, knots).
    """
    options = remodeling.make_options(
        substeps=1, solve_every=steps_per_month, report_every=steps_per_month, checkpoint=False
    )
    surrogate = remodeling.make_surrogate(dtype=knots.density.dtype)

    def of_draw(deviation: dict[str, jax.Array], past: remodeling.PastBone | None) -> jax.Array:
        trajectory, _ = remodeling.simulate(
            knots.density,
            surrogate,
            course,
            scaled_parameters(deviation, parameters),
            female=female,
            compact=knots.compact,
            history=past,
            options=options,
        )
        return trajectory.density / trajectory.density[0]

    return jax.vmap(of_draw)(deviations, pasts)


def marrow_fat_draws(
    deviations: dict[str, jax.Array],
    parameters: remodeling.BoneParameters,
    course: remodeling.HormoneCourse,
    *,
    steps_per_month: int,
) -> jax.Array:
    """Share of fat in the marrow month by month by draw, `remodeling.marrow_fat`, (draws, months + 1).

    Args:
      deviations: of `posterior_deviations`, added to the logarithms of `parameters`, (draws,) each.
      parameters: biological parameters about which is drawn.
      course: hormones of an arm.
      steps_per_month: steps of the course in a month; static.
    """
    of_draw = jax.vmap(lambda one: remodeling.marrow_fat(course, scaled_parameters(one, parameters)))
    return of_draw(deviations)[:, ::steps_per_month]


def scaled_parameters(
    deviation: dict[str, jax.Array], parameters: remodeling.BoneParameters
) -> remodeling.BoneParameters:
    moved = {name: getattr(parameters, name) * jnp.exp(by) for name, by in deviation.items()}
    return replace(parameters, **moved)


def interpolate_knots(
    values: jax.Array, knots: DensityKnots, density: jax.Array, compact: jax.Array
) -> jax.Array:
    """Values of knots at voxels, linear in ln density; beyond the knots that of the nearest.

    Args:
      values: of the knots, (..., 2 n + 1).
      knots: of `make_density_knots`.
      density: of the voxels, g/cm3, (nb,).
      compact: 1 where the bone is compact, 0 where trabecular, (nb,).

    Returns:
      (..., nb).
    """
    low, way = _places(knots, density, compact)
    return (1.0 - way) * values[..., low] + way * values[..., low + 1]


def knot_weights(weight: jax.Array, knots: DensityKnots, density: jax.Array, compact: jax.Array) -> jax.Array:
    """Weights of the knots by which a weighted sum over voxels is one over knots, (2 n + 1,).

    The transpose of `interpolate_knots`: sum_v weight_v interpolate_knots(x)_v = sum_k x_k result_k.

    Args:
      weight: of the voxels, (nb,).
      knots, density, compact: as for `interpolate_knots`.
    """
    low, way = _places(knots, density, compact)
    count = knots.density.shape[0]
    lower = jax.ops.segment_sum(weight * (1.0 - way), low, num_segments=count)
    return lower + jax.ops.segment_sum(weight * way, low + 1, num_segments=count)


def _places(knots: DensityKnots, density: jax.Array, compact: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Knot below each voxel, and the share of the way to the next."""
    count = (knots.density.shape[0] - 1) // 2
    position = jnp.log(knots.density)
    first = jnp.where(compact > 0.5, count, 0)
    spacing = (position[first + count - 1] - position[first]) / (count - 1)
    place = (jnp.log(jnp.maximum(density, LEAST_DENSITY)) - position[first]) / spacing
    place = jnp.clip(place, 0.0, count - 1.0)
    low = jnp.minimum(place.astype(jnp.int32), count - 2)
    return first + low, place - low.astype(place.dtype)
