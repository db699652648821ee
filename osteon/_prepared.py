"""A study with everything read and checked: image, bodies, hormone courses; nothing solved yet."""

from dataclasses import dataclass
from typing import Any

from ._activities import ChosenDay
from ._density_image import DensityImage
from ._errors import UserError, error_of
from ._levels import LevelBone
from ._study_tables import Arm, Study


@dataclass(frozen=True)
class Prepared:
    """A study with everything read and checked; nothing solved yet."""

    study: Study
    "the study"
    arms: list[Arm]
    "arms, the untreated one first"
    image: DensityImage
    "calibrated image"
    levels: list[LevelBone]
    "bodies"
    courses: dict[str, Any]
    "hormone course of every arm"
    exposures: dict[str, Any]
    "exposure to the drugs of every arm, `remodeling.Exposure`"
    history: Any
    "hormones of the years before the start, `remodeling.HormoneCourse`; None without a history"
    parameters: Any
    "`remodeling.BoneParameters`"
    day: ChosenDay | None
    "habitual activities; None for one axial load"
    hashes: dict[str, str]
    "SHA-256 of every file read"


def prepare(study: Study) -> Prepared:
    """Read and check everything a study names.

    Raises:
      UserError: anything in the study or its files that cannot be used, all of it at once.
    """
    from ._gather import gather

    found = gather(study)
    if found.prepared is not None:
        return found.prepared
    problems = found.problems
    if len(problems) == 1:
        raise UserError(problems[0].text, problems)
    raise error_of(problems, f"study '{study.title}'")
