"""Draws of the shipped posterior through every arm and level of a run, for its 95 % intervals."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ._arm_draws import PROBABILITY, ArmDraws, DrawsOf, ends
from ._levels import LevelBone
from ._prepared import Prepared
from ._simulation import ArmResult
from ._study_tables import Study

DRAWS = 200
"""Draws of the posterior: the ends of an interval are within about 6 % of those of very many."""
SEED = 0
"""Seed of the draws: the same in every run, so that arms and studies differ by no chance."""


@functools.cache
def _compiled() -> Any:
    import jax

    import calibration

    return jax.jit(calibration.density_draws, static_argnames="steps_per_month")


def run_draws(prepared: Prepared, results: list[ArmResult]) -> DrawsOf:
    """Draws of every level and arm of a run; one table of courses over density serves them all.

    The deviation of a draw from the run's own parameters is that of the 0-D mechanics. Parameters that the
    study gives (`biology`) are the same in every draw; voxels that are held fixed do not deviate.

    Args:
      prepared: the study.
      results: of every level and arm.
    """
    import jax
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
    ratio = np.asarray(
        _compiled()(
            calibration.posterior_deviations(
                posterior, jax.random.key(SEED), DRAWS, held=tuple(study.biology or {})
            ),
            prepared.parameters,
            knots,
            jax.tree.map(lambda *arms: jnp.stack(arms), *(prepared.courses[a.name] for a in prepared.arms)),
            jnp.asarray(float(study.subject.sex == "female")),
            prepared.history,
            steps_per_month=study.time.steps_per_month,
        )
    )
    position = {arm.name: place for place, arm in enumerate(prepared.arms)}
    levels = {level.name: level for level in prepared.levels}
    return {
        (result.level, result.arm): _arm_draws(
            ratio[:, position[result.arm]],
            knots,
            levels[result.level],
            compact[result.level],
            result,
            float(posterior.between_trials[0]),
        )
        for result in results
    }


def describe_draws(study: Study) -> dict[str, Any]:
    """What the intervals of a run are, for summary and report."""
    import calibration
    import remodeling

    posterior, provenance = calibration.shipped_posterior()
    given = set(study.biology or {})
    known = [row.name for row in remodeling.PARAMETERS if row.name in posterior.log_values]
    between = float(posterior.between_trials[0])
    return {
        "probability": PROBABILITY,
        "parameters": f"what the posterior of {len(known)} learned parameters leaves open, by {DRAWS} draws",
        "new_trial": "that, and the deviation of a further trial from what the parameters explain (Student's "
        f"t of 4 degrees of freedom, scale {between:.2g} % of the start), without its standard error",
        "limits": "Learned parameters only, normal in their logarithms (Laplace); the deviation of a draw is "
        "that of the 0-D mechanics, added to the result of the finite elements. Mechanics, image, hormone "
        "levels and constants that are not learned are taken as known.",
        "draws": DRAWS,
        "seed": SEED,
        "between_trials_percent": between,
        "drawn": [name for name in known if name not in given],
        "held": sorted(given),
        "posterior": {
            name: provenance[name] for name in ("trial_tables_sha256", "fitted_to") if name in provenance
        },
    }


def _arm_draws(
    ratio: np.ndarray,
    knots: Any,
    level: LevelBone,
    compact: np.ndarray,
    result: ArmResult,
    between_trials: float,
) -> ArmDraws:
    """Draws of an arm at a level, from the table (draws + 1, months + 1, knots)."""
    import jax
    import jax.numpy as jnp

    import calibration

    density, kind, moving = jnp.asarray(level.density_ha), jnp.asarray(compact, float), ~result.held

    def mean(part: np.ndarray) -> np.ndarray:
        """Mean density of some voxels over that at the start; what is held stays."""
        mineral = level.density_ha * part
        weight = jnp.asarray(mineral * moving / mineral.sum())
        weights = np.asarray(calibration.knot_weights(weight, knots, density, kind))
        return 1.0 + (ratio - 1.0) @ weights

    integral, rear = mean(np.ones_like(compact)), ratio[:, :, -1]
    low, high = (
        np.asarray(calibration.interpolate_knots(jnp.asarray(100 * end), knots, density, kind)) * moving
        for end in ends(ratio[:, list(result.months)])
    )
    return ArmDraws(
        ratios={
            "trabecular_vbmd_mg_cm3": mean(~compact),
            "cortical_vbmd_mg_cm3": mean(compact),
            "integral_vbmd_mg_cm3": integral,
            "spine_dxa_percent": 0.01 * np.asarray(jax.vmap(calibration.spine_dxa_percent)(integral, rear)),
        },
        posterior_elements=rear[0],
        voxel_low=low,
        voxel_high=high,
        between_trials=between_trials,
    )
