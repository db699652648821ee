"""The program from Python: a study or an image in, arrays, tables and figures out; no folder needed.

The program computes in double precision. These functions switch it on for themselves and leave the settings
of jax as they found them, so that a notebook whose own jax code runs in single precision keeps doing so.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._progress import progress_bar
from ._run_result import LevelMaps, RunMaps, RunResult
from ._study import parse_study, read_study
from ._study_tables import Study
from ._table import make_table

if TYPE_CHECKING:
    from ._prepared import Prepared
    from ._run_command import StudyAnswers
    from ._simulation import ArmResult


@contextmanager
def double_precision() -> Iterator[None]:
    """Double precision in the block and in this thread only; `jax.config` is not touched."""
    import jax

    with jax.enable_x64(True):
        yield


@dataclass(frozen=True)
class RunInside:
    """Everything of a run that figures and folders are made from."""

    prepared: Prepared
    "the study with its images"
    results: list[ArmResult]
    "every level and arm"
    answers: StudyAnswers
    "what is read off them"
    begin: float
    "`time.perf_counter` at the start"
    seconds: list[dict[str, Any]]
    "what every arm took"


def make_study(tables: dict[str, Any], *, data_dir: str | Path | None = None) -> Study:
    """A checked study from nested dicts, with the keys of a study file (docs/study.md).

    Args:
      tables: e.g. `{"subject": {"sex": "male", ...}, "image": {"builtin": "l3"}, "arm": [...]}`.
      data_dir: folder of the images, in place of `image.folder`, which is relative to the working directory.

    Raises:
      UserError: wrong, missing or unknown keys, all at once.

    >>> study = make_study({"subject": {"sex": "male", "age_years": 60}, "image": {"builtin": "l3"}})
    >>> study.time.months, study.mechanics.law
    (24, 'kopperdahl-2002')
    """
    return parse_study(
        copy.deepcopy(tables),
        name="tables of make_study",
        base=Path(),
        data_dir=None if data_dir is None else Path(data_dir),
    )


def run(
    study: Study | str | Path,
    *,
    out: str | Path | None = None,
    memory_gb: float | None = None,
    progress: bool = False,
) -> RunResult:
    """Simulate every level and arm of a study.

    The same programs as `osteon run`, to the bit, in double precision, which is switched on for this call
    alone. Compiled programs are kept between processes only where your own `jax_compilation_cache_dir` says.

    Args:
      study: of `read_study` or `make_study`, or the path of a study file.
      out: new folder to write as well, with the report; nothing is written if left out.
      memory_gb: refuse above this memory plan; 90 % of the machine's if left out.
      progress: show a bar on standard error.

    Returns:
      tables, maps and figures.

    Raises:
      UserError: bad input, or a folder that exists.
      NotConvergedError: a solve that did not reach its tolerance.
      MemoryRefused: the memory plan is above the limit.
    """
    from ._run_command import simulate_study, study_answers
    from ._runfolder import finite, require_fresh
    from ._summary import run_summary

    if not isinstance(study, Study):
        study = read_study(Path(study))
    if out is not None:
        require_fresh(Path(out))
    begin = time.perf_counter()
    log: list[str] = []
    with double_precision(), progress_bar("reading", forced=progress, quiet=not progress) as bar:
        from ._prepared import prepare

        prepared = prepare(study)
        results, seconds = simulate_study(prepared, log.append, bar, memory_gb=memory_gb)
        answers = study_answers(prepared, results, log.append, bar)
        summary = finite(run_summary(prepared, results, answers.rows, answers.points))
        maps = _maps(prepared, results, answers)
    result = RunResult(
        study=study,
        summary=summary,
        table=make_table(summary["results"]),
        courses=make_table(answers.rows),
        changes=make_table(summary["intervals"]),
        maps=RunMaps(maps),
        log=tuple(log),
        inside=RunInside(prepared, results, answers, begin, seconds),
    )
    if out is not None:
        result.write(out)
    return result


def _maps(
    prepared: Prepared, results: list[ArmResult], answers: StudyAnswers
) -> dict[tuple[str, str], LevelMaps]:
    from ._run_outputs import fields_of

    levels = {level.name: level for level in prepared.levels}
    return {
        (result.level, result.arm): LevelMaps(
            levels[result.level],
            result.months,
            tuple(
                fields_of(result, answers.draws[result.level, result.arm], index)
                for index in range(len(result.months))
            ),
        )
        for result in results
    }
