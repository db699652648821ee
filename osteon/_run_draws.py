"""Draws of the shipped posterior through every arm and level of a run, for its 95 % intervals."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ._arm_draws import PROBABILITY, WITH_INTERVALS, ArmDraws, DrawsOf, ends
from ._levels import LevelBone
from ._prepared import Prepared
from ._simulation import ArmResult
from ._study_tables import Study

DRAWS = 200
"""Draws of the posterior: the ends of an interval are within about 6 % of those of very many."""
SEED = 0
"""Seed of the draws: the same in every run, so that arms and studies differ by no chance."""


@functools.cache
def _compiled() -> tuple[Any, Any, Any, Any, Any]:
    """Programs: draws, their histories, the table of an arm, its marrow, what both make of it at a level."""
    import jax
    import jax.numpy as jnp

    import calibration

    def deviations(posterior, held):
        return calibration.posterior_deviations(posterior, jax.random.key(SEED), DRAWS, held=held)

    def level(ratio, fat, low, high, knots, density, compact, moving):
        """Mean courses of trabecular, compact and all bone, of DXA and QCT, and both ends at every voxel."""

        def mean(part):
            # what is held stays at 1 and counts in the mean
            mineral = density * part
            weights = calibration.knot_weights(mineral * moving / jnp.sum(mineral), knots, density, compact)
            return 1.0 + (ratio - 1.0) @ weights

        body, trabecular = mean(jnp.ones_like(compact)), mean(1.0 - compact)
        dxa = 0.01 * jax.vmap(calibration.spine_dxa_percent)(body, ratio[:, :, -1])
        share = jnp.mean(1.0 - compact)
        whole, inside = 1000.0 * jnp.mean(density), 1000.0 * jnp.mean(density * (1.0 - compact)) / share
        read = calibration.spine_qct_percent(whole * body, inside * trabecular, share, fat)
        voxels = [moving * calibration.interpolate_knots(end, knots, density, compact) for end in (low, high)]
        return (trabecular, mean(compact), body, dxa, *(0.01 * percent for percent in read)), voxels

    return (
        jax.jit(deviations, static_argnames="held"),
        jax.jit(calibration.past_draws),
        jax.jit(calibration.density_draws, static_argnames="steps_per_month"),
        jax.jit(calibration.marrow_fat_draws, static_argnames="steps_per_month"),
        jax.jit(level),
    )


def run_draws(prepared: Prepared, results: list[ArmResult]) -> DrawsOf:
    """Draws of every level and arm of a run; one table of courses over density serves them all.

    The deviation of a draw from the run's own parameters is that of the 0-D mechanics. Parameters that the
    study gives (`biology`) are the same in every draw; voxels that are held fixed do not deviate.

    Args:
      prepared: the study.
      results: of every level and arm.
    """
    import jax.numpy as jnp

    import calibration

    study = prepared.study
    posterior, _ = calibration.shipped_posterior()
    compact = {level.name: level.compartments != calibration.TRABECULAR for level in prepared.levels}
    moving = {result.level: ~result.held for result in results}
    if not any(part.any() for part in moving.values()):
        moving = {name: np.ones_like(part) for name, part in moving.items()}
    knots = calibration.make_density_knots(
        np.concatenate([level.density_ha[moving[level.name]] for level in prepared.levels]),
        np.concatenate([compact[level.name][moving[level.name]] for level in prepared.levels]),
    )
    deviations, past, table, fat, _ = _compiled()
    drawn = deviations(posterior, held=tuple(sorted(study.biology or {})))
    given = drawn, prepared.parameters, knots, jnp.asarray(float(study.subject.sex == "female"))
    pasts = None if prepared.history is None else past(*given, prepared.history)
    ratio = {
        arm.name: np.asarray(
            table(*given, prepared.courses[arm.name], pasts, steps_per_month=study.time.steps_per_month)
        )
        for arm in prepared.arms
    }
    marrow = {
        arm.name: np.asarray(
            fat(*given[:2], prepared.courses[arm.name], steps_per_month=study.time.steps_per_month)
        )
        for arm in prepared.arms
    }
    levels = {level.name: level for level in prepared.levels}
    return {
        (result.level, result.arm): _arm_draws(
            ratio[result.arm],
            marrow[result.arm],
            knots,
            levels[result.level],
            compact[result.level],
            result,
            np.asarray(posterior.between_trials),
        )
        for result in results
    }


def describe_draws(study: Study) -> dict[str, Any]:
    """What the intervals of a run are, for summary and report."""
    import calibration
    import remodeling

    posterior, provenance = calibration.shipped_posterior()
    given = set(study.biology or {})
    drawn = [
        row.name
        for row in remodeling.PARAMETERS
        if row.name in posterior.log_values and row.name not in given
    ]
    alone, _, share = (float(value) for value in posterior.between_trials)
    return {
        "probability": PROBABILITY,
        "parameters": f"what the posterior of {len(drawn)} learned parameters leaves open, by {DRAWS} draws",
        "new_trial": "that, and the deviation of a further trial from what the parameters explain (Student's "
        f"t of 4 degrees of freedom, scale {alone:.2g} % of the start and {100 * share:.2g} % of the change, "
        "added as squares), without its standard error",
        "limits": "Learned parameters only, normal in their logarithms (Laplace); the deviation of a draw is "
        "that of the 0-D mechanics, added to the result of the finite elements. Mechanics, image, hormone "
        "levels and constants that are not learned are taken as known.",
        "draws": DRAWS,
        "seed": SEED,
        "between_trials_percent": alone,
        "between_trials_share": share,
        "drawn": drawn,
        "held": sorted(given),
        "posterior": {
            name: provenance[name] for name in ("trial_tables_sha256", "fitted_to") if name in provenance
        },
    }


def _arm_draws(
    ratio: np.ndarray,
    fat: np.ndarray,
    knots: Any,
    level: LevelBone,
    compact: np.ndarray,
    result: ArmResult,
    between_trials: np.ndarray,
) -> ArmDraws:
    """Draws of an arm at a level, from the table (draws + 1, months + 1, knots) and the marrow's fat."""
    low, high = ends(ratio[:, list(result.months)])
    *_, at_level = _compiled()
    means, voxels = at_level(
        ratio,
        fat,
        100 * low,
        100 * high,
        knots,
        level.density_ha,
        compact.astype(float),
        (~result.held).astype(float),
    )
    return ArmDraws(
        ratios={name: np.asarray(mean) for name, mean in zip(WITH_INTERVALS, means, strict=True)},
        posterior_elements=ratio[0, :, -1],
        marrow_fat=fat[0],
        voxel_low=np.asarray(voxels[0]),
        voxel_high=np.asarray(voxels[1]),
        between_trials=between_trials,
    )
