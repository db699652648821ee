"""Virtual people from Python: a study in, tables and figures out; no folder needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._api import double_precision
from ._errors import UserError
from ._progress import progress_bar
from ._study import read_study
from ._study_tables import Study
from ._table import Table, make_table

if TYPE_CHECKING:
    from ._cohort_answers import CohortAnswers
    from ._cohort_model import CohortModel, Outcomes

FIGURES = ("response", "power")
"""Names that `CohortResult.figure` takes."""


@dataclass(frozen=True)
class CohortInside:
    """What the figures of a cohort are drawn from."""

    model: CohortModel
    "who people are drawn from"
    outcomes: Outcomes
    "what came of them"
    answers: CohortAnswers
    "what is read off them"


@dataclass(frozen=True, repr=False)
class CohortResult:
    """Virtual people of a study under every arm, and the power of a trial of them."""

    study: Study
    "the study"
    summary: dict[str, Any]
    "what summary.json of `osteon cohort` holds"
    people: Table
    "one row a person: what they are before treatment"
    outcomes: Table
    "one row a person and arm: true changes of the endpoints in % of the start, hormones of the last month"
    arms: Table
    "one row an arm and endpoint: mean, standard deviation, percentiles"
    courses: Table
    "one row an arm and month, of the study's endpoint"
    power: Table
    "one row a compared arm and size: power, power of simulated trials, assurance"
    inside: CohortInside
    "what figures are drawn from"

    def figure(self, name: str) -> Any:
        """A matplotlib figure: "response" or "power".

        Raises:
          UserError: another name.
        """
        from ._cohort_figures import power_figure, response_figure

        if name not in FIGURES:
            raise UserError(f"a cohort has the figures {', '.join(FIGURES)}, got {name!r}")
        if name == "power":
            return power_figure(self.inside.model, self.inside.answers)
        return response_figure(self.inside.model, self.inside.outcomes, self.inside.answers)

    def __repr__(self) -> str:
        return f"CohortResult({self.summary['people']} people, {len(self.summary['arms'])} arms)"


def cohort(study: Study | str | Path, *, progress: bool = False) -> CohortResult:
    """Follow virtual people about the subject of a study under every arm (docs/cohort.md).

    The same programs as `osteon cohort`, to the bit, in double precision for this call alone.

    Args:
      study: of `read_study` or `make_study`, or the path of a study file; its table [cohort] says how many
        people, how they differ, and what the trial measures.
      progress: show a bar on standard error.

    Returns:
      tables and figures.

    Raises:
      UserError: bad input, or no arm to compare.
      MemoryRefused: the tables would not fit.
    """
    from ._cohort_command import cohort_of, require_arms, require_cohort_memory
    from ._prepared import prepare
    from ._runfolder import finite

    if not isinstance(study, Study):
        study = read_study(Path(study))
    require_arms(study)
    require_cohort_memory(study, None)
    with double_precision(), progress_bar("reading", forced=progress, quiet=not progress) as bar:
        model, outcomes, answers = cohort_of(prepare(study), bar)
    return CohortResult(
        study=study,
        summary=finite(answers.summary),
        people=make_table(answers.people),
        outcomes=make_table(answers.outcomes),
        arms=make_table(answers.arms),
        courses=make_table(answers.courses),
        power=make_table(answers.power),
        inside=CohortInside(model, outcomes, answers),
    )
