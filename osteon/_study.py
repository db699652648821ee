"""Reading a study file: what is simulated, for whom, with which drugs."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._errors import Problem, UserError, error_of
from ._event_table import with_event_tables
from ._overrides import apply_override, parse_override
from ._runfolder import slug
from ._schema import Binder, key_lines
from ._study_tables import (
    DENSITY_TYPES,
    Calibration,
    CohortSettings,
    DailySettings,
    ImageSource,
    Level,
    MechanicsSettings,
    Study,
    Time,
)

_VERTEBRA = re.compile(r"C[1-7]|T([1-9]|1[0-3])|L[1-6]")
_CALIBRATION_KEYS = {
    "linear": ("slope", "intercept", "density_type"),
    "phantom": ("rods", "rod_mg_cm3", "density_type"),
    "phantomless": (),
}

UNTREATED = "no treatment"
"Name of the arm that always runs beside."


@dataclass(frozen=True)
class Document:
    """A study file as read: its tables, with `--set` and `--data-dir` applied, and where its keys stand."""

    name: str
    "name of the file, for messages"
    data: dict[str, Any]
    "the parsed tables"
    lines: dict[str, int]
    "line of every key and table that the file itself holds"
    base: Path
    "folder of the file, where the paths of event tables start"


def read_document(path: Path, *, overrides: Sequence[str] = (), data_dir: Path | None = None) -> Document:
    """The tables of a study file, not yet checked; arguments as for `read_study`.

    Raises:
      UserError: the file cannot be read or parsed, or an override cannot be applied.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise UserError(
            f"study file '{path}' {reason}; give the path of a TOML file such as those in examples/, or "
            "write one with `osteon init`"
        ) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(
            f"study file '{path}' is not valid TOML: {error}; text goes in quotes, tables in [brackets]"
        ) from error
    return make_document(
        data,
        lines=key_lines(text),
        overrides=overrides,
        name=str(path),
        base=Path(path).parent,
        data_dir=data_dir,
    )


def make_document(
    data: dict[str, Any],
    *,
    lines: dict[str, int] | None = None,
    overrides: Sequence[str] = (),
    name: str = "study",
    base: Path | None = None,
    data_dir: Path | None = None,
) -> Document:
    """A document from parsed tables; see `read_document`."""
    data, lines = _with_level_list(data), dict(lines or {})
    for text in overrides:
        path, value = parse_override(text)
        apply_override(data, path, value)
        lines.pop(path, None)
    if isinstance(data.get("image"), dict):
        folder = (
            data_dir if data_dir is not None else (base or Path()) / str(data["image"].get("folder", "."))
        )
        data["image"] = {**data["image"], "folder": str(folder)}
    return Document(name, data, lines, base or Path())


def bind_study(document: Document) -> tuple[Study | None, list[Problem]]:
    """The study of a document, None unless every key is right, and everything that is wrong."""
    binder = Binder(document.lines)
    study = binder.table(Study, document.data, "")
    if study is not None:
        study = with_event_tables(study, binder, document.base)
        check_consistency(study, binder)
    return (None if binder.problems else study), binder.problems


def read_study(path: Path, *, overrides: Sequence[str] = (), data_dir: Path | None = None) -> Study:
    """A checked study.

    Args:
      path: TOML file.
      overrides: texts "a.b=c" as given to `--set`, applied in order.
      data_dir: folder that replaces `image.folder`.

    Raises:
      UserError: the file cannot be read or parsed, or has wrong, missing or unknown keys (all of them at
        once, with line numbers and the nearest known key).
    """
    return _checked(read_document(path, overrides=overrides, data_dir=data_dir))


def parse_study(
    data: dict[str, Any],
    *,
    lines: dict[str, int] | None = None,
    overrides: Sequence[str] = (),
    name: str = "study",
    base: Path | None = None,
    data_dir: Path | None = None,
) -> Study:
    """A checked study from a parsed document; see `read_study`."""
    return _checked(
        make_document(data, lines=lines, overrides=overrides, name=name, base=base, data_dir=data_dir)
    )


def _checked(document: Document) -> Study:
    study, problems = bind_study(document)
    if study is None:
        raise error_of(problems, f"study file '{document.name}'")
    return study


def _with_level_list(data: dict[str, Any]) -> dict[str, Any]:
    """The short forms `levels = ["L1"]` and `levels = [20]` (by VerSe 20 is L1) written out as tables."""
    levels = data.get("levels")
    if isinstance(levels, list) and levels and all(isinstance(item, str) for item in levels):
        return {**data, "levels": [{"name": name} for name in levels]}
    if isinstance(levels, list) and levels and all(isinstance(item, int) for item in levels):
        names = {number: f"L{number - 19}" for number in range(20, 26)} | {19: "T12"}
        tables = [{"name": names.get(number, f"label {number}"), "label": number} for number in levels]
        return {**data, "levels": tables}
    return dict(data)


def check_consistency(study: Study, binder: Binder) -> None:
    """Rules between keys: complaints go to `binder`."""
    _check_image(study.image, study.levels, binder)
    names = [level.name for level in study.levels]
    for position, name in enumerate(names):
        if name in names[:position]:
            binder.complain(
                f"levels[{position}].name", f"is {name!r} a second time; give every level its own name"
            )
    arms = [arm.name for arm in study.arm]
    for position, arm in enumerate(study.arm):
        if arm.name in arms[:position] or arm.name == UNTREATED:
            binder.complain(f"arm[{position}].name", f"is {arm.name!r}, which is taken; choose another name")
        if not arm.dose:
            binder.complain(
                f"arm[{position}]", f"has no dose; add [[arm.dose]] (an arm {UNTREATED!r} runs anyway)"
            )
        for row, dose in enumerate(arm.dose):
            if dose.stop_day is not None and dose.stop_day <= dose.start_day:
                binder.complain(
                    f"arm[{position}].dose[{row}].stop_day",
                    f"is {dose.stop_day:g}, not after start_day {dose.start_day:g}",
                )
    if study.mechanics.daily is not None:
        _check_daily(study.mechanics.daily, study.mechanics, binder)
    if study.cohort is not None:
        _check_cohort(study, study.cohort, binder)
    for position, month in enumerate(study.time.report_months):
        if month > study.time.months:
            binder.complain(
                f"time.report_months[{position}]", f"is {month}, after the end ({study.time.months} months)"
            )


def _check_image(image: ImageSource, levels: tuple[Level, ...], binder: Binder) -> None:
    if (image.builtin is None) == (image.path is None):
        binder.complain("image", 'needs exactly one of builtin = "l3" and path = "CT file"')
        return
    if image.builtin is not None:
        if image.calibration is not None or image.calibrated:
            binder.complain(
                "image", "has a calibration, but the built-in vertebra brings its own phantom; remove it"
            )
        return
    if image.calibrated:
        if image.density_type is None:
            binder.complain(
                "image.density_type",
                f"is missing for a calibrated image; allowed: {', '.join(DENSITY_TYPES)}",
            )
        if image.calibration is not None:
            binder.complain("image.calibration", "is given although calibrated = true; keep one of the two")
    elif image.density_type is not None:
        binder.complain(
            "image.density_type",
            "is for images that already are density (calibrated = true); state the type of a calibration "
            "under [image.calibration]",
        )
    elif image.calibration is None:
        binder.complain(
            "image",
            "holds uncalibrated HU and nothing says how they become density; add [image.calibration] with "
            'slope, intercept and density_type, or method = "phantom" with rods, or method = "phantomless", '
            "or set calibrated = true for an image in mg/cm3",
        )
    else:
        _check_calibration(image.calibration, binder)
    if len(image.spacing_mm) not in (0, 1, 3):
        binder.complain("image.spacing_mm", f"has {len(image.spacing_mm)} numbers; give one or three, mm")
    if not levels:
        binder.complain("levels", "is missing; name at least one vertebral body, e.g. levels = [22]")
    for position, level in enumerate(levels):
        if level.mask is None and image.mask is None:
            binder.complain(
                f"levels[{position}].mask", "is missing; give the label image here or as image.mask"
            )
        if level.label is None and not _VERTEBRA.fullmatch(level.name):
            binder.complain(
                f"levels[{position}].label",
                "is missing; give the level's number in the mask, or name a vertebra such as L3",
            )


def _check_calibration(calibration: Calibration, binder: Binder) -> None:
    """Keys that the method needs are there, and none of another method, which would be ignored."""
    where, method = "image.calibration", calibration.method
    needed = _CALIBRATION_KEYS[method]
    for name in needed:
        if getattr(calibration, name) in (None, ()):
            listed = f"{', '.join(needed[:-1])} and {needed[-1]}"
            binder.complain(f"{where}.{name}", f"is missing; a {method} calibration needs {listed}")
    belongs = {
        "linear": {"slope", "intercept"},
        "phantom": {"rods", "rod_mg_cm3", "rod_labels", "least_r2"},
        "phantomless": {"air_hu", "fat_hu", "muscle_hu", "blood_hu", "effective_kev"},
    }
    default = Calibration()
    for owner, names in belongs.items():
        for name in sorted(names if owner != method else ()):
            if getattr(calibration, name) != getattr(default, name):
                binder.complain(f"{where}.{name}", f'belongs to method = "{owner}" and not to "{method}"')
    if method == "phantomless" and calibration.density_type not in (None, "ha", "k2hpo4"):
        binder.complain(
            f"{where}.density_type",
            f"is {calibration.density_type!r}; without a phantom density is ha- or k2hpo4-equivalent",
        )
    if calibration.rod_labels and len(calibration.rod_labels) != len(calibration.rod_mg_cm3):
        binder.complain(
            f"{where}.rod_labels",
            f"has {len(calibration.rod_labels)} numbers for the {len(calibration.rod_mg_cm3)} of rod_mg_cm3",
        )


def _check_cohort(study: Study, cohort: CohortSettings, binder: Binder) -> None:
    names = [UNTREATED, *(arm.name for arm in study.arm)]
    if cohort.reference not in names:
        binder.complain(
            "cohort.reference",
            f"is {cohort.reference!r}, which is no arm; there are {', '.join(map(repr, names))}",
        )
    if cohort.month is not None and cohort.month > study.time.months:
        binder.complain(
            "cohort.month", f"is {cohort.month}, after the end of the study ({study.time.months} months)"
        )
    properties = [row.of for row in cohort.spread]
    for position, row in enumerate(cohort.spread):
        where = f"cohort.spread[{position}]"
        if row.of in properties[:position]:
            binder.complain(f"{where}.of", f"is {row.of!r} a second time; keep one of the two tables")
        if row.low is not None and row.high is not None and row.low >= row.high:
            binder.complain(f"{where}.high", f"is {row.high:g}, not above low {row.low:g}")


def _check_daily(daily: DailySettings, mechanics: MechanicsSettings, binder: Binder) -> None:
    where = "mechanics.daily"
    if (daily.preset is None) == (not daily.activity):
        binder.complain(
            where,
            'needs exactly one of preset = "lumbar" and [[mechanics.daily.activity]] tables; '
            + ("it has neither" if daily.preset is None else "it has both, remove one"),
        )
    assumed = MechanicsSettings().habitual_force_n
    if mechanics.habitual_force_n != assumed:
        binder.complain(
            "mechanics.habitual_force_n",
            f"is {mechanics.habitual_force_n:g} although [mechanics.daily] states the forces of the day; "
            "remove one of the two",
        )
    names = [slug(activity.name) for activity in daily.activity]
    for position, activity in enumerate(daily.activity):
        here = f"{where}.activity[{position}]"
        if names[position] in names[:position]:
            binder.complain(
                f"{here}.name",
                f"is {activity.name!r}, whose letters and digits are those of an activity before it; give "
                "every activity its own name",
            )
        if not activity.load:
            binder.complain(f"{here}.load", "is empty; add [[mechanics.daily.activity.load]] with a case")
        for row, load in enumerate(activity.load):
            given = {"force_n": load.force_n, "moment_n_mm": load.moment_n_mm}
            given = {name: value for name, value in given.items() if value is not None}
            if len(given) != 1:
                binder.complain(
                    f"{here}.load[{row}]",
                    f"needs exactly one of force_n and moment_n_mm, got {'both' if given else 'neither'}",
                )
        sizes = [load.moment_n_mm if load.force_n is None else load.force_n for load in activity.load]
        if sizes and all(size == 0 for size in sizes):
            binder.complain(
                f"{here}.load", "has no size other than 0, which loads nothing; give a force or a moment"
            )


def report_months(time: Time) -> tuple[int, ...]:
    """Reported months, sorted, with 0 and the last one."""
    asked = time.report_months or (*range(6, time.months + 1, 6), *(time.months * q // 4 for q in range(5)))
    return tuple(sorted({0, *asked, time.months}))
