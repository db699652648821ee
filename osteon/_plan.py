"""What a run of a prepared study will do: elements, memory, solves, and the files that come out."""

from dataclasses import dataclass
from typing import Any

from ._activities import ChosenDay
from ._errors import MemoryRefused, OsteonError, UserError
from ._levels import LevelBone
from ._machine import memory_of_machine_gb
from ._prepared import Prepared
from ._run_memory import require_run_memory
from ._runfolder import slug
from ._simulation import make_level_model, steps_of_report
from ._study import report_months
from ._study_tables import Study


@dataclass(frozen=True)
class LevelPlan:
    """One body and what it takes."""

    level: LevelBone
    "the body"
    elements: int
    "bone and cap voxels"
    memory_gb: float
    "memory plan, GB"


@dataclass(frozen=True)
class Plan:
    """A whole run."""

    levels: list[LevelPlan]
    "bodies"
    solves: int
    "linear solves of all levels and arms, one a load case and finite-element step"
    curves: int
    "force-displacement curves beyond yield"
    files: list[str]
    "names in the run folder, as far as the study decides on them"


def level_plans(
    study: Study, bodies: list[LevelBone], day: ChosenDay | None, limit_gb: float | None
) -> tuple[list[LevelPlan], list[OsteonError]]:
    """Elements and memory of every body, and what refuses others: a load case that does not fit, or memory.

    Args:
      study: the study; its mechanics and time count.
      bodies: the bodies.
      day: habitual activities.
      limit_gb: largest memory plan, GB; None: that of the machine.

    Returns:
      plans: of the bodies that can be modelled.
      refusals: a `UserError` or `MemoryRefused` for each other.
    """
    plans: list[LevelPlan] = []
    refusals: list[OsteonError] = []
    for level in bodies:
        try:
            model = make_level_model(level, study.mechanics, day)
            plans.append(LevelPlan(level, model.elements, require_run_memory(model, study, limit_gb)))
        except (UserError, MemoryRefused) as error:
            refusals.append(error)
    return plans, refusals


def make_plan(prepared: Prepared, levels: list[LevelPlan]) -> Plan:
    """The plan of a whole run."""
    study = prepared.study
    _, solve_every = steps_of_report(study.time, study.mechanics.fe_every_months)
    steps = study.time.months * study.time.steps_per_month
    loads = 1 if prepared.day is None else len(prepared.day.loads)
    bodies, arms = len(prepared.levels), len(prepared.arms)
    # baseline of a body is one more solve, and one more curve, than it has steps and arms
    solves = bodies * arms * loads * (steps // solve_every + 1)
    curves = bodies * (arms + 1) if study.mechanics.strength == "nonlinear" else 0
    return Plan(levels, solves, curves, expected_files(prepared))


def expected_files(prepared: Prepared) -> list[str]:
    """Files of a run that follow from its levels, arms and activities; figures and others come on top."""
    fields = ("vbmd_mg_cm3", "sed_mpa", "effective_strain")
    day = prepared.day.activities if prepared.day else ()
    maps = [f"baseline_{name}" for name in fields]
    maps += [f"baseline_{slug(activity.name)}_sed_mpa" for activity in day]
    end = report_months(prepared.study.time)[-1]
    for arm in prepared.arms:
        maps += [f"{slug(arm.name)}_month{end}_{name}" for name in (*fields, "change_percent")]
    return [
        "report.html", "summary.json", "cases.csv", "timecourse.csv", "study.toml", "versions.json",
        "log.txt",
        *(f"maps/{name}.nii.gz" for name in maps),
        *(f"maps/{slug(level.name)}.vti" for level in prepared.levels),
    ]  # fmt: skip


def plan_object(plan: Plan) -> dict[str, Any]:
    """The plan as JSON has it."""
    return {
        "levels": [
            {
                "name": item.level.name,
                "elements": item.elements,
                "memory_plan_gb": item.memory_gb,
                "voxels": int(item.level.bone.sum()),
                "voxel_mm": item.level.voxel_mm,
                "tilt_degrees": None if item.level.endplates is None else item.level.endplates.tilt_degrees,
                "turned_upright": item.level.turned,
                "mean_density_mg_cm3": 1000 * float(item.level.density_ha.mean()),
                "sentence": item.level.sentence,
                "notes": list(item.level.notes),
            }
            for item in plan.levels
        ],
        "memory_gb": memory_of_machine_gb(),
        "solves": plan.solves,
        "curves_beyond_yield": plan.curves,
        "files": plan.files,
    }
