"""Habitual activities of a study: the ready set, the load cases that make them, and their description."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._errors import UserError
from ._study_tables import ActivityLoad, MechanicsSettings

PLATEN_MOTIONS = ("z", "x", "y", "turn-x", "turn-y", "twist")
"""Motions of the upper platen that a force or a moment belongs to."""

_WORDS = {
    "z": ("tension", "compression"),
    "x": ("shear to the right", "shear to the left"),
    "y": ("shear forward", "shear backward"),
    "turn-x": ("extension", "flexion"),
    "turn-y": ("bending to the right", "bending to the left"),
    "twist": ("turning to the left", "turning to the right"),
}
"""What a positive and what a negative size is, as the model lies in RAS axes: x right, y forward, z up."""


@dataclass(frozen=True)
class PresetActivity:
    """An activity of a ready set."""

    name: str
    "name in every output"
    cycles_per_day: float
    "cycles a day"
    sizes: tuple[tuple[str, float], ...]
    "motion of the platen and its force (N) or moment (N mm)"
    source: str
    "where the numbers come from, in words"


_MOVEMENTS = "Rohlmann et al. 2014, Eur Spine J 23:2375 (abstract): 4,400 sagittal movements in 24 h"
_MOMENT = (
    "the moment is the largest in an L3-L4 disc during a lift (4.2 N m, PMC3943591, abstract), all of it put "
    "on the body (assumed)"
)
_ROUTINE = (
    "as reaction at L4-L5 in Front Bioeng Biotechnol 2021, 9:661837 (table 1), 80 kg, its shear left out"
)

PRESETS: Mapping[str, tuple[PresetActivity, ...]] = {
    "lumbar": (
        PresetActivity(
            "standing",
            2900.0,
            (("z", -550.0),),
            "Force: balance of moments of fem.spine_load, standing, L3, 80 kg and 1.75 m (assumed numbers). "
            f"Cycles: the 66 % between 5 and 10 degrees of {_MOVEMENTS}; counted as standing (assumed).",
        ),
        PresetActivity(
            "flexion",
            750.0,
            (("z", -1370.0), ("turn-x", -4200.0)),
            f"Force: flexion of 20 degrees, 175 % of body weight {_ROUTINE}; {_MOMENT}. Cycles: the 34 % "
            f"above 10 degrees of {_MOVEMENTS}, there and back as one cycle (assumed).",
        ),
        PresetActivity(
            "extension",
            60.0,
            (("z", -1490.0), ("turn-x", 4200.0)),
            f"Force: extension of 15 degrees, 190 % of body weight {_ROUTINE}; the moment is as large as in "
            "flexion (assumed). Cycles: those of flexion times 24 min spent extended over 4.9 h flexed by 20 "
            "to 30 degrees, both in the same abstract (assumed).",
        ),
    ),
}
"""Ready sets by name (`mechanics.daily.preset`)."""


@dataclass(frozen=True)
class ChosenActivity:
    """One activity with its loads by the names of the load cases."""

    name: str
    "name in every output"
    cycles_per_day: float
    "cycles a day"
    forces: dict[str, float]
    "force (N) or moment (N mm) by load case"
    source: str
    "where the numbers come from, in words"


@dataclass(frozen=True)
class ChosenDay:
    """The activities of a study, checked."""

    preset: str | None
    "name of the ready set; None for activities of the study file"
    exponent: float
    "m of the daily stress stimulus"
    activities: tuple[ChosenActivity, ...]
    "the activities"
    loads: tuple[Any, ...]
    "`fem.LoadCase` that are solved, that of the load test first"


def chosen_day(settings: MechanicsSettings) -> ChosenDay | None:
    """The activities of a study; None without `mechanics.daily`.

    Raises:
      UserError: a load case that does not exist, moves no platen, holds other components than the load case
        of the study, or takes the other size; two loads of an activity that move the platen alike.
    """
    import fem

    daily = settings.daily
    if daily is None:
        return None
    test = fem.load_case(settings.load, strain=settings.strain)
    names = usable_cases(settings.load)
    if daily.preset is not None:
        activities = tuple(_of_preset(item, names, settings.load) for item in PRESETS[daily.preset])
    else:
        activities = tuple(
            ChosenActivity(
                row.name,
                row.cycles_per_day,
                _forces(row.load, f"mechanics.daily.activity[{position}]", names, settings.load),
                "Given by the study file.",
            )
            for position, row in enumerate(daily.activity)
        )
    named = dict.fromkeys(name for activity in activities for name in activity.forces)
    others = [_unit_load(name) for name in named if name != settings.load]
    return ChosenDay(daily.preset, daily.exponent, activities, (test, *others))


def usable_cases(load: str) -> dict[str, str]:
    """Load cases by motion of the platen that one plan serves: those that hold what `load` holds.

    With caps the cases made for caps come before others that hold the same.
    """
    import fem

    base = fem.LOAD_CASES[load]
    found = {base.motion: load}
    for caps in (base.caps, False):
        for name, case in fem.LOAD_CASES.items():
            alike = (case.held, case.free) == (base.held, base.free) and case.caps == caps
            if alike and case.motion in PLATEN_MOTIONS:
                found.setdefault(case.motion, name)
    return found


def _unit_load(name: str) -> Any:
    """A load case at a size that only sets the scale of its solve."""
    import fem

    if "angle_rad" in fem.LOAD_CASES[name].sizes:
        return fem.load_case(name, angle_rad=0.01)
    return fem.load_case(name, strain=0.01)


def _of_preset(item: PresetActivity, names: dict[str, str], load: str) -> ChosenActivity:
    missing = [motion for motion, _ in item.sizes if motion not in names]
    if missing:
        raise UserError(
            f"mechanics.daily.preset: its activity '{item.name}' bends the body and no load case bends what "
            f'mechanics.load \'{load}\' holds; take mechanics.load = "pmma-axial", "axial" or "uniaxial"'
        )
    forces = {names[motion]: size for motion, size in item.sizes}
    return ChosenActivity(item.name, item.cycles_per_day, forces, item.source)


def _forces(
    loads: tuple[ActivityLoad, ...], where: str, names: dict[str, str], load: str
) -> dict[str, float]:
    import fem

    forces: dict[str, float] = {}
    for row, item in enumerate(loads):
        here = f"{where}.load[{row}]"
        if item.case not in names.values():
            known = fem.LOAD_CASES.get(item.case)
            why = (
                "is not a load case"
                if known is None
                else "moves no platen"
                if known.motion not in PLATEN_MOTIONS
                else f"is that of another name here, {names[known.motion]}"
                if known.motion in names
                else f"holds other components than mechanics.load '{load}'"
            )
            raise UserError(
                f"{here}.case: '{item.case}' {why}; with this mechanics.load it must be one of "
                f"{', '.join(names.values())}"
            )
        if item.case in forces:
            raise UserError(f"{here}.case: '{item.case}' is there a second time; add the two sizes")
        turns = "angle_rad" in fem.LOAD_CASES[item.case].sizes
        wanted, size = ("moment_n_mm", item.moment_n_mm) if turns else ("force_n", item.force_n)
        if size is None:
            got = f"force_n = {item.force_n}" if turns else f"moment_n_mm = {item.moment_n_mm}"
            raise UserError(f"{here}: '{item.case}' takes {wanted}, got {got}; write {wanted}")
        forces[item.case] = size
    return forces


def describe_day(day: ChosenDay) -> dict[str, Any]:
    """What summary.json says about the activities; plain JSON types."""
    import fem

    total = sum(activity.cycles_per_day for activity in day.activities)
    return {
        "preset": day.preset,
        "exponent": day.exponent,
        "formula": (
            "U = (sum n U_c^(m/2) / sum n)^(2/m) over the activities c, with n cycles a day and the exponent "
            "m: the daily stress stimulus of Beaupre, Orr, Carter 1990 in terms of strain energy density"
        ),
        "load_cases": [fem.describe_load(load) for load in day.loads],
        "activities": [
            {
                "name": activity.name,
                "cycles_per_day": activity.cycles_per_day,
                "share_of_cycles": activity.cycles_per_day / total,
                "loads": [_described(name, size) for name, size in activity.forces.items()],
                "sentence": sentence_of(activity),
                "source": activity.source,
            }
            for activity in day.activities
        ],
    }


def _described(name: str, size: float) -> dict[str, Any]:
    import fem

    quantity, unit = fem.LOAD_CASES[name].conjugate
    return {"case": name, "quantity": quantity, "value": size, "unit": unit, "words": _in_words(name, size)}


def _in_words(name: str, size: float) -> str:
    import fem

    case = fem.LOAD_CASES[name]
    unit = case.conjugate[1]
    if size == 0:
        return f"free to {'turn' if unit == 'N mm' else 'move'} ({name})"
    return f"{_WORDS[case.motion][size < 0]} {abs(size):g} {unit}"


def sentence_of(activity: ChosenActivity) -> str:
    """An activity in one sentence."""
    loads = " with ".join(_in_words(name, size) for name, size in activity.forces.items())
    return f"{activity.name}: {loads}, {activity.cycles_per_day:g} cycles a day"
