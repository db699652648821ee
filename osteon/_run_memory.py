"""Memory of a run before anything is solved: elements, load cases, recorded months, strength beyond yield."""

from ._machine import memory_plan_gb, require_memory
from ._simulation import LevelModel, steps_of_report
from ._study_tables import Study


def require_run_memory(model: LevelModel, study: Study, limit_gb: float | None) -> float:
    """The memory plan of a level, GB, or a refusal before anything is solved.

    Raises:
      MemoryRefused: the plan is above the limit.
    """
    rhythm, _ = steps_of_report(study.time, study.mechanics.fe_every_months)
    rows = study.time.months * study.time.steps_per_month // rhythm + 1
    loads = 1 if model.day is None else len(model.day.loads)
    # a body is pushed when the fields of its course are gone, so the larger of the two counts
    pushed = study.mechanics.strength == "nonlinear" and memory_plan_gb(
        model.elements, task="push"
    ) > memory_plan_gb(model.elements, loads=loads, rows=rows)
    task = "push" if pushed else "run"
    return require_memory(model.elements, limit_gb, task=task, loads=loads, rows=rows)
