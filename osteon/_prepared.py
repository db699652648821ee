"""A study with everything read and checked: image, bodies, hormone courses; nothing solved yet."""

from dataclasses import dataclass
from typing import Any

from ._activities import ChosenDay, chosen_day
from ._density_image import DensityImage, read_density
from ._errors import UserError, input_errors
from ._levels import LevelBone, read_levels
from ._simulation import make_courses, make_history
from ._study import UNTREATED
from ._study_tables import Arm, Study
from ._trial_points import trials_of_arms


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
      UserError: anything in the study or its files that cannot be used.
    """
    import fem
    import remodeling

    with input_errors("mechanics.law"):
        law = fem.density_law(study.mechanics.law)
    with input_errors("mechanics.load, mechanics.strain"):
        load = fem.load_case(study.mechanics.load, strain=study.mechanics.strain)
        if load.definition.motion != "z":
            along = ", ".join(name for name, case in fem.LOAD_CASES.items() if case.motion == "z")
            raise ValueError(f"a study is loaded along z, by one of {along}; got {load.name!r}")
    day = chosen_day(study.mechanics)
    if study.mechanics.strength == "nonlinear" and law.yield_stress is None:
        have = ", ".join(known.name for known in fem.DENSITY_LAWS.values() if known.yield_stress is not None)
        raise UserError(
            f'mechanics.strength: "nonlinear" needs a law with a yield stress and mechanics.law '
            f"'{law.name}' has none; take {have}, or strength = \"linear\""
        )
    with input_errors("[biology]"):
        parameters = remodeling.make_parameters(**(study.biology or {}))
    trials_of_arms(study)
    arms = [Arm(name=UNTREATED), *study.arm]
    courses, exposures = make_courses(study, arms)
    history = make_history(study)
    image = read_density(study.image)
    levels, hashes = read_levels(study, image, law)
    return Prepared(
        study, arms, image, levels, courses, exposures, history, parameters, day, {**image.hashes, **hashes}
    )
