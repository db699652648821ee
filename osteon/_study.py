"""The study file: what is simulated, for whom, with which drugs. Every key is described in docs/study.md."""

# `key` only builds a dataclasses.field, so calling it in a class body is safe.
# ruff: noqa: RUF009

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._errors import UserError
from ._overrides import apply_override, parse_override
from ._schema import Binder, key, key_lines

DENSITY_TYPES = ("ha", "k2hpo4", "ash", "apparent")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Who is treated; hormone levels are those before treatment."""

    sex: str = key(allowed=("male",))
    "Sex. Only the male pituitary-gonadal axis exists in this version."
    age_years: float = key(low=18, high=100, unit="years")
    "Age at the start, years."
    weight_kg: float = key(80.0, low=30, high=250, unit="kg")
    "Body mass, kg."
    testosterone_ng_dl: float = key(low=1, high=2000, unit="ng/dL")
    "Total testosterone at baseline, ng/dL."
    estradiol_pg_ml: float = key(low=0.5, high=400, unit="pg/mL")
    "Estradiol at baseline, pg/mL."
    shbg_nmol_l: float = key(40.0, low=2, high=300, unit="nmol/L")
    "Sex-hormone-binding globulin, nmol/L."
    lh_iu_l: float | None = key(None, low=0.01, high=100, unit="IU/L")
    "Luteinising hormone at baseline, IU/L; absent: the model's value for the kind of hypogonadism."
    axis: str = key("primary", allowed=("primary", "secondary", "intact"))
    "Where the axis fails: the testis (primary), pituitary or hypothalamus (secondary), or nowhere (intact)."


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How Hounsfield units become density."""

    method: str = key("linear", allowed=("linear", "phantomless"))
    "linear: stated slope and intercept; phantomless: from air, fat, muscle and blood in the image."
    slope: float | None = key(None, low=0.01, high=10, unit="mg/cm3 per HU")
    "Slope, mg/cm3 per HU (linear)."
    intercept: float | None = key(None, low=-500, high=500, unit="mg/cm3")
    "Density at 0 HU, mg/cm3 (linear)."
    density_type: str | None = key(None, allowed=DENSITY_TYPES)
    "What the density is the equivalent of (linear)."
    air_hu: float | None = key(None, low=-1100, high=-800, unit="HU")
    "Measured air, HU (phantomless; a tissue not given is looked for in the image)."
    fat_hu: float | None = key(None, low=-200, high=0, unit="HU")
    "Measured subcutaneous fat, HU."
    muscle_hu: float | None = key(None, low=0, high=150, unit="HU")
    "Measured skeletal muscle, HU."
    blood_hu: float | None = key(None, low=0, high=150, unit="HU")
    "Measured blood without contrast agent, HU."
    effective_kev: float = key(70.0, low=40, high=120, unit="keV")
    "Effective photon energy of the scan, keV (phantomless; 70 at 120 kV is assumed)."


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """The CT, or the built-in vertebra."""

    builtin: str | None = key(None, allowed=("l3",))
    "The parametric L3 vertebra that needs no file."
    voxel_mm: float = key(1.5, low=0.4, high=4, unit="mm")
    "Voxel edge of the built-in vertebra, mm."
    seed: int = key(0, low=0)
    "Random seed of the built-in vertebra's trabecular density."
    path: str | None = key(None)
    "CT file (NIfTI, MHA), relative to `folder`."
    folder: str = key(".")
    "Folder of every image file, relative to the study file; `--data-dir` replaces it."
    mask: str | None = key(None)
    "Label image of the levels, on the grid of the CT, unless a level names its own."
    subregions: str | None = key(None)
    "Label image of the parts of a vertebra, unless a level names its own."
    calibrated: bool = key(False)
    "true: the image already is density in mg/cm3."
    density_type: str | None = key(None, allowed=DENSITY_TYPES)
    "What a calibrated image's density is the equivalent of."
    calibration: Calibration | None = key(None)
    "How HU become density."
    denoise_mm: float = key(0.0, low=0, high=10, unit="mm")
    "Standard deviation of a Gaussian that averages density inside each compartment, mm; 0: none."
    tube_kv: float = key(120.0, low=80, high=140, unit="kV")
    "Tube voltage, kV: the ratio of K2HPO4- to HA-equivalent density depends on it."


@dataclass(frozen=True, kw_only=True)
class Level:
    """One vertebral body of the image."""

    name: str = key()
    "Name in every output, e.g. L3."
    label: int | None = key(None, low=1)
    "Its number in the mask."
    mask: str | None = key(None)
    "Its own label image."
    subregions: str | None = key(None)
    "Its own image of parts."
    trabecular_labels: tuple[int, ...] = key((50,), low=1)
    "Numbers of the trabecular core in `subregions` (50: vertebral body of TPTBox/SPINEPS)."
    cortical_labels: tuple[int, ...] = key((49,), low=1)
    "Numbers of the shell in `subregions` (49: border of the vertebral body)."


@dataclass(frozen=True, kw_only=True)
class MechanicsSettings:
    """How the bone is loaded and how stiff it is."""

    law: str = key("kopperdahl-2002")
    "Density-modulus law, a name of fem.DENSITY_LAWS."
    material: str = key("isotropic", allowed=("isotropic", "transversely-isotropic"))
    "Symmetry of bone tissue at the voxel scale."
    load: str = key("pmma-axial")
    "Load case, a name of fem.LOAD_CASES."
    strain: float = key(-0.01, low=-0.2, high=-1e-6)
    "Apparent strain of the test load; compression is negative. The model is linear in it."
    voxel_mm: float | None = key(None, low=0.3, high=5, unit="mm")
    "Edge of the cubic voxels of the model, mm; absent: the finest edge of the image."
    cap_thickness_mm: float = key(3.0, low=0.1, high=30, unit="mm")
    "Least thickness of the PMMA caps, mm."
    fe_every_months: float = key(3.0, low=0.05, high=24, unit="months")
    "Months between finite-element solves."
    habitual_force_n: float = key(800.0, low=1, high=20000, unit="N")
    "Axial force of daily life held constant through the run, N (assumed)."
    set_point: str = key("local", allowed=("local", "uniform"))
    "Whether a voxel's own baseline stimulus or the body's mean is what the bone defends."
    rtol: float = key(1e-6, low=1e-12, high=1e-3)
    "Relative true residual at which a solve stops."


@dataclass(frozen=True, kw_only=True)
class Time:
    """How long and how fine."""

    months: int = key(24, low=1, high=600, unit="months")
    "Months simulated; a month is 365.25/12 days."
    steps_per_month: int = key(2, low=1, high=60)
    "Remodeling steps a month."
    report_months: tuple[int, ...] = key((), low=0)
    "Months reported beside baseline; absent: quarters of the time and every six months."


@dataclass(frozen=True, kw_only=True)
class DoseRow:
    """A drug given at a stated rhythm."""

    drug: str = key()
    "Drug, a name of remodeling.DRUGS."
    amount_mg: float = key(low=0, high=10000, unit="mg")
    "Amount of one dose, mg."
    every_days: float | None = key(None, low=0.04, high=3650, unit="days")
    "Days between doses; absent: once."
    start_day: float = key(0.0, low=0, unit="days")
    "Day of the first dose."
    stop_day: float | None = key(None, low=0, unit="days")
    "No dose on or after this day; absent: to the end."


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A treatment; an untreated arm always runs beside."""

    name: str = key()
    "Name in every output."
    dose: tuple[DoseRow, ...] = key(())
    "Doses."


@dataclass(frozen=True, kw_only=True)
class Study:
    """A whole study file."""

    subject: Subject = key()
    "Who."
    image: ImageSource = key()
    "Which bone."
    title: str = key("Lumbar bone under hormone therapy")
    "Title of the report."
    levels: tuple[Level, ...] = key(())
    "Vertebral bodies; the built-in vertebra needs none."
    mechanics: MechanicsSettings = key(MechanicsSettings())
    "Loading and stiffness."
    time: Time = key(Time())
    "Duration."
    arm: tuple[Arm, ...] = key(())
    "Treatment arms."
    biology: dict[str, float] | None = key(None)
    "Biological parameters set away from their defaults, by name (remodeling.PARAMETERS)."


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
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise UserError(
            f"study file '{path}' {reason}; give the path of a TOML file such as those in examples/"
        ) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(
            f"study file '{path}' is not valid TOML: {error}; text goes in quotes, tables in [brackets]"
        ) from error
    return parse_study(
        data,
        lines=key_lines(text),
        overrides=overrides,
        name=str(path),
        base=Path(path).parent,
        data_dir=data_dir,
    )


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
    binder = Binder(lines)
    data = _with_level_list(data)
    for text in overrides:
        path, value = parse_override(text)
        apply_override(data, path, value)
        binder.lines.pop(path, None)
    if isinstance(data.get("image"), dict):
        folder = (
            data_dir if data_dir is not None else (base or Path()) / str(data["image"].get("folder", "."))
        )
        data["image"] = {**data["image"], "folder": str(folder)}
    study = binder.table(Study, data, "")
    if study is not None:
        check_consistency(study, binder)
    if study is None or binder.problems:
        count = len(binder.problems)
        head = f"study file '{name}' has {count} problem{'s' if count > 1 else ''}:"
        raise UserError(
            "\n  ".join([head, *binder.problems]) if count > 1 else f"{head} {binder.problems[0]}"
        )
    return study


def _with_level_list(data: dict[str, Any]) -> dict[str, Any]:
    """The short form `levels = [20, 21]` written out as tables, named as VerSe numbers them (20 is L1)."""
    levels = data.get("levels")
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
    elif image.calibration is None:
        binder.complain(
            "image",
            "holds uncalibrated HU and nothing says how they become density; add [image.calibration] with "
            'slope, intercept and density_type, or method = "phantomless", or set calibrated = true for an '
            "image in mg/cm3",
        )
    elif image.calibration.method == "linear":
        for name in ("slope", "intercept", "density_type"):
            if getattr(image.calibration, name) is None:
                binder.complain(
                    f"image.calibration.{name}",
                    "is missing; a linear calibration needs slope, intercept and density_type",
                )
    if not levels:
        binder.complain("levels", "is missing; name at least one vertebral body, e.g. levels = [22]")
    for position, level in enumerate(levels):
        if level.mask is None and image.mask is None:
            binder.complain(
                f"levels[{position}].mask", "is missing; give the label image here or as image.mask"
            )
        if level.label is None:
            binder.complain(f"levels[{position}].label", "is missing; give the level's number in the mask")


UNTREATED = "no treatment"
"Name of the arm that always runs beside."


def report_months(time: Time) -> tuple[int, ...]:
    """Reported months, sorted, with 0 and the last one."""
    asked = time.report_months or (*range(6, time.months + 1, 6), *(time.months * q // 4 for q in range(5)))
    return tuple(sorted({0, *asked, time.months}))
