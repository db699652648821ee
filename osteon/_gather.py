"""Everything a study names, read and checked; what is wrong is gathered, not told one at a time.

Each part is looked at when what it needs is in order, so that a wrong drug, a missing mask and an unknown law
are three complaints of one command.
"""

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ._activities import chosen_day
from ._density_image import DensityImage, read_density
from ._errors import Problem, UserError, input_errors
from ._levels import LevelBone, read_levels
from ._prepared import Prepared
from ._schema import line_of
from ._simulation import DAYS_PER_MONTH, make_courses, make_history, make_person
from ._study import UNTREATED
from ._study_tables import Arm, DoseRow, MechanicsSettings, Study
from ._table_words import parameter_names
from ._trial_points import trials_of_arms


@dataclass(frozen=True)
class Gathered:
    """What could be read of a study, and what is wrong with it."""

    prepared: Prepared | None
    "all that a run needs; None where anything is wrong"
    problems: list[Problem]
    "what is wrong, by line"
    levels: list[LevelBone]
    "bodies, also where something else is wrong; empty where one of them is"
    day: Any
    "habitual activities, `ChosenDay`, or None"


class Complaints:
    """Collects the user errors of blocks that do not depend on each other."""

    def __init__(self, lines: dict[str, int] | None = None):
        self.lines = lines or {}
        self.problems: list[Problem] = []

    @contextmanager
    def under(self, key: str) -> Iterator[None]:
        """Keep a `UserError` of the block as a problem of `key`, and go on behind the block."""
        try:
            yield
        except UserError as error:
            # a sentence that begins with a key of the file says better where it is
            named = str(error).partition(" ")[0].rstrip(":")
            key = named if named in self.lines else key
            self.problems.append(Problem(str(error), key, line_of(key, self.lines)))


def gather(
    study: Study, *, unread: frozenset[str] = frozenset(), lines: dict[str, int] | None = None
) -> Gathered:
    """What a run needs, and everything that is wrong with it.

    Args:
      study: the study; with `unread`, only the parts of it that could be read.
      unread: tables of the study that are wrong already: what depends on them is left out.
      lines: line of every key.

    Returns:
      What was found; `prepared` is None where anything is wrong or unread.
    """
    found = Complaints(lines)
    law = day = parameters = history = image = None
    levels: list[LevelBone] | None = None
    hashes: dict[str, str] = {}
    made: tuple[dict[str, Any], dict[str, Any]] | None = None
    if "mechanics" not in unread:
        law, day = _mechanics(study.mechanics, found)
    if "biology" not in unread:
        parameters = _parameters(study.biology or {}, found)
    if not unread & {"arm", "untreated_trials"}:
        with found.under("untreated_trials"):
            trials_of_arms(replace(study, arm=()))
        for position, arm in enumerate(study.arm):
            with found.under(f"arm[{position}].trials"):
                trials_of_arms(replace(study, arm=(arm,), untreated_trials=()))
    arms = [Arm(name=UNTREATED), *study.arm]
    if not unread & {"subject", "time"}:
        made = _courses(study, arms, found)
        if all(problem.key != "subject" for problem in found.problems):
            with found.under("subject.history"):
                history = make_history(study)
    elif "time" not in unread:
        _doses(study, study.arm, found)
    if "image" not in unread:
        with found.under("image"):
            image = read_density(study.image)
    if image is not None and law is not None and "levels" not in unread:
        levels, hashes = _levels(study, image, law, found)
    elif not unread & {"image", "levels"}:
        _masks(study, found)
    if found.problems or unread or image is None or levels is None or made is None:
        return Gathered(None, in_order(found.problems), levels or [], day)
    hashes = {**image.hashes, **hashes}
    courses, exposures = made
    prepared = Prepared(study, arms, image, levels, courses, exposures, history, parameters, day, hashes)
    return Gathered(prepared, [], levels, day)


def in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Problems by line, those without one last."""
    return sorted(problems, key=lambda item: (item.line is None, item.line or 0))


def _mechanics(settings: MechanicsSettings, found: Complaints) -> tuple[Any, Any]:
    """The density-modulus law and the activities of the day."""
    import fem

    law = load = day = None
    with found.under("mechanics.law"), input_errors("mechanics.law"):
        law = fem.density_law(settings.law)
    with found.under("mechanics.load"), input_errors("mechanics.load, mechanics.strain"):
        chosen = fem.load_case(settings.load, strain=settings.strain)
        if chosen.definition.motion != "z":
            along = ", ".join(name for name, case in fem.LOAD_CASES.items() if case.motion == "z")
            raise ValueError(f"a study is loaded along z, by one of {along}; got {chosen.name!r}")
        load = chosen
    if load is not None:
        with found.under("mechanics.daily"):
            day = chosen_day(settings)
    if law is not None and settings.strength == "nonlinear" and law.yield_stress is None:
        with found.under("mechanics.strength"):
            have = ", ".join(item.name for item in fem.DENSITY_LAWS.values() if item.yield_stress is not None)
            raise UserError(
                f'mechanics.strength: "nonlinear" needs a law with a yield stress and mechanics.law '
                f"'{law.name}' has none; take {have}, or strength = \"linear\""
            )
    return law, day


def _parameters(values: dict[str, float], found: Complaints) -> Any:
    """Biological parameters; each name and value complains for itself."""
    import remodeling

    before = len(found.problems)
    for name, value in values.items():
        with found.under(f"biology.{name}"), input_errors(f"[biology] {name}"):
            if name not in parameter_names():
                end = nearest(name, parameter_names(), "remodeling.PARAMETERS")
                raise ValueError(f"is no biological parameter{end}")
            remodeling.make_parameters(**{name: value})
    if len(found.problems) > before:
        return None
    with found.under("biology"), input_errors("[biology]"):
        return remodeling.make_parameters(**values)


def nearest(name: str, known: Sequence[str], where: str) -> str:
    """The end of a sentence about a name that is not known: those alike, or where all are listed."""
    # a slip of the finger has one answer; a name cut short has several
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.9) or difflib.get_close_matches(
        name, known, n=5
    )
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else f"; all are in {where}"


def _courses(
    study: Study, arms: list[Arm], found: Complaints
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Hormones and drugs of every arm; where that fails, the complaints of the person and of each dose."""
    try:
        return make_courses(study, arms)
    except UserError as error:
        before = len(found.problems)
        person = None
        with found.under("subject"), input_errors("[subject]"):
            person = make_person(study.subject)
        wrong = _doses(study, study.arm, found)
        if person is not None:
            for position, arm in enumerate(arms):
                if arm.name not in wrong:
                    with found.under("subject" if position == 0 else f"arm[{position - 1}]"):
                        make_courses(study, [arm])
        if len(found.problems) == before:
            found.problems.append(Problem(str(error)))
        return None


def _doses(study: Study, arms: Sequence[Arm], found: Complaints) -> set[str]:
    """Names of the arms with a dose that the drug's table refuses; each dose complains for itself."""
    wrong = set()
    for position, arm in enumerate(arms):
        for row, dose in enumerate(arm.dose):
            before = len(found.problems)
            with found.under(f"arm[{position}].dose[{row}]"), input_errors(f"[[arm]] '{arm.name}'"):
                _require_dose(study, dose)
            if len(found.problems) > before:
                wrong.add(arm.name)
    return wrong


def _require_dose(study: Study, dose: DoseRow) -> None:
    import remodeling

    if dose.drug not in remodeling.DRUGS:
        end = nearest(dose.drug, tuple(remodeling.DRUGS), "docs/drugs.md")
        raise ValueError(f"{dose.drug!r} is no drug{end}")
    months = study.time.months
    try:
        remodeling.make_protocol([remodeling.Dose(**asdict(dose))], duration_days=months * DAYS_PER_MONTH)
    except ValueError as error:
        # the key says which dose it is
        raise ValueError(str(error).replace(" in line 0 of `doses`", "")) from error


def _levels(
    study: Study, image: DensityImage, law: Any, found: Complaints
) -> tuple[list[LevelBone] | None, dict[str, str]]:
    """Every body; where one fails, all are tried alone so that each tells what is wrong with it."""
    try:
        return read_levels(study, image, law)
    except UserError as error:
        before = len(found.problems)
        for position, level in enumerate(study.levels):
            with found.under(f"levels[{position}]"):
                read_levels(replace(study, levels=(level,)), image, law)
        if len(found.problems) == before:
            found.problems.append(Problem(str(error)))
        return None, {}


def _masks(study: Study, found: Complaints) -> None:
    """Label images of a study whose image cannot be used: whether they can be read and hold the labels."""
    import meshes

    from ._voxels import label_mask

    if study.image.builtin is not None:
        return
    read: dict[str, Any] = {}
    for position, level in enumerate(study.levels):
        own = {
            "mask": level.mask or study.image.mask,
            "subregions": level.subregions or study.image.subregions,
        }
        for role, name in own.items():
            if name is None:
                continue
            key = f"levels[{position}].{role}" if getattr(level, role) is not None else f"image.{role}"
            if name not in read:
                read[name] = None
                where = f"levels '{level.name}' {role} '{name}'"
                with found.under(key), input_errors(where):
                    read[name] = meshes.read_labels(Path(study.image.folder) / name)
            if role == "mask" and read[name] is not None and level.label is not None:
                with found.under(f"levels[{position}].label"):
                    label_mask(read[name], level.label, f"levels '{level.name}' label")
