"""Nonlinear strength in a run: every level pushed beyond yield before treatment and after every arm."""

from typing import Any

import numpy as np

from ._figures import arm_style, new_figure
from ._simulation import ArmResult, LevelModel
from ._solve_strength import push
from ._study_tables import MechanicsSettings

YIELD_SURFACE = "vertebral-cancellous"
"""Name of the yield surface of a density image, a key of fem.YIELD_SURFACES."""
YIELD_ASSUMPTION = (
    "Strength (nonlinear): elastoplastic bone pushed beyond yield, force at 0.2 % offset and at 1.9 % "
    "overall strain; before treatment the yield stress follows the density law, and it changes in the "
    "ratio of the modulus, so that every voxel keeps its yield strain (assumed; yield strains of trabecular "
    "bone vary little with density, Bayraktar and Keaveny 2004)."
)


def push_level(
    model: LevelModel, modulus: np.ndarray, settings: MechanicsSettings, *, where: str
) -> dict[str, Any]:
    """Strength of a level with the given moduli; the yield stress changes in the ratio of the moduli.

    Args:
      model: of the level, of a law with a yield stress.
      modulus: of the elements, MPa, (ne,).
      settings: strain and increments of the curve.
      where: level, arm and month, for the error.

    Raises:
      ValueError: the law of the model gives no yield stress.
      NotConvergedError: an increment that did not converge.
    """
    import fem

    if model.yield_stress is None:
        raise ValueError(f"`model` must have yield stresses ({where}), got None; take a law that gives them")
    ratio = modulus / np.asarray(model.mechanics.baseline_modulus)
    return push(
        modulus,
        model.yield_stress * ratio,
        model.mechanics.plan,
        fem.YIELD_SURFACES[YIELD_SURFACE],
        height_mm=model.height_mm,
        bone_count=len(np.asarray(model.mechanics.bone_elements)),
        strain=settings.strength_strain,
        steps=settings.strength_steps,
        where=where,
    )


def strength_rows(results: list[ArmResult]) -> list[dict[str, Any]]:
    """What summary.json holds under "nonlinear_strength"; change_percent: of the force at the offset."""
    rows = []
    for result in results:
        for entry in result.nonlinear:
            first = result.nonlinear[0]["yield_force_n"]
            change = 100 * (entry["yield_force_n"] / first - 1)
            rows.append({"level": result.level, "arm": result.arm, **entry, "change_percent": change})
    return rows


def strength_figure(results: list[ArmResult], title: str) -> Any:
    """Force over overall strain of one level before treatment and at the end of every arm.

    Args:
      results: of the level, the untreated arm first.
      title: what is shown.
    """
    figure, axes = new_figure(6.4, 4.4)
    panel = axes[0, 0]
    for position, result in enumerate(results):
        for entry in result.nonlinear[-1:]:
            strain = 100 * np.concatenate([[0], entry["curve"]["strain"]])
            force = np.concatenate([[0], entry["curve"]["force_n"]])
            label = f"{result.arm}, month {entry['month']}: {entry['yield_force_n']:.4g} N"
            panel.plot(strain, force, label=label, **arm_style(position))
            panel.plot(
                [100 * entry["yield_strain"]],
                [entry["yield_force_n"]],
                "D",
                color=arm_style(position)["color"],
            )
    panel.set_xlabel("overall strain (%)")
    panel.set_ylabel("force (N)")
    panel.set_xlim(0, None)
    panel.set_ylim(0, None)
    panel.grid(alpha=0.25)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, loc="lower right", title="force at 0.2 % offset (diamond)")
    figure.suptitle(title)
    return figure
