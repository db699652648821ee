"""One level through its arms: mechanics, remodeling, and the load test at every reported month."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, cast

import numpy as np

from ._activities import ChosenDay
from ._checkpoints import ArmParts, Checkpoints
from ._errors import NotConvergedError, UserError, input_errors
from ._levels import LevelBone
from ._load_test import activity_records, baseline_activity_energy
from ._study import report_months
from ._study_tables import Arm, MechanicsSettings, Study, Subject, Time
from ._voxels import bounding_box

DAYS_PER_MONTH = 365.25 / 12
"Length of a month, days."


@dataclass(frozen=True)
class LevelModel:
    """Finite-element model of one level."""

    mechanics: Any
    "`remodeling.FiniteElementMechanics`"
    height_mm: float
    "height of the bone along the load, mm"
    shortening_mm: float
    "size of the prescribed displacement, mm"
    elements: int
    "number of elements, caps included"
    yield_stress: np.ndarray | None
    "compressive yield stress of the elements before treatment, MPa, (ne,); None where the law gives none"
    day: ChosenDay | None
    "habitual activities that drive remodeling; None for one axial load"


@dataclass(frozen=True)
class ArmResult:
    """What one arm did to one level."""

    level: str
    "name of the level"
    arm: str
    "name of the arm"
    months: tuple[int, ...]
    "reported months, 0 first"
    density: np.ndarray
    "HA-equivalent density, g/cm3, (reports, nb)"
    energy: np.ndarray
    "strain energy density at the habitual force, or that of the day, element mean, MPa, (reports, nb)"
    effective_strain: np.ndarray
    "effective strain at the habitual force, or of the energy of the day, -, (reports, nb)"
    stiffness: np.ndarray
    "axial stiffness of the loaded body, N/mm, (reports,)"
    strength_pistoia: np.ndarray
    "N, (reports,)"
    strength_crawford: np.ndarray
    "N, (reports,)"
    step_days: np.ndarray
    "end of every step, 0 first, days, (steps + 1,)"
    density_mean: np.ndarray
    "mean density of the trabecular and the cortical voxels, g/cm3, (steps + 1, 2)"
    resorption: np.ndarray
    "% of baseline, (steps + 1,)"
    formation: np.ndarray
    "% of baseline, (steps + 1,)"
    cells: dict[str, np.ndarray]
    "pools of trabecular bone cells by quantity, % of the start, (steps + 1,)"
    rankl_over_opg: np.ndarray
    "RANKL over OPG of trabecular bone against the young reference, (steps,)"
    solver: dict[str, Any]
    "record of the solves"
    held: np.ndarray
    "voxels whose density no remodeling bone has, held fixed, boolean, (nb,)"
    activities: list[dict[str, Any]]
    "what every activity does at baseline and at the last month; empty for one axial load"
    activity_energy: np.ndarray | None
    "strain energy density of every activity at baseline, MPa, (cases, nb)"
    end_modulus: np.ndarray
    "modulus of the elements at the last month, MPa, (ne,)"
    relies_on: list[dict[str, Any]]
    "mechanisms at the bone that were at work, with the status of their parameters and what is known of them"
    nonlinear: list[dict[str, Any]]
    "strength beyond yield at baseline and at the last month; empty unless asked for"


def steps_of_report(time_settings: Time, fe_every_months: float) -> tuple[int, int]:
    """Steps between reports, and between solves: the largest divisor of the former not above what is asked.

    The program records fields at one rhythm, the greatest common divisor of the reported months.
    """
    months = report_months(time_settings)
    rhythm = int(np.gcd.reduce(months)) * time_settings.steps_per_month
    asked = max(1, round(fe_every_months * time_settings.steps_per_month))
    solve_every = max(step for step in range(1, min(asked, rhythm) + 1) if rhythm % step == 0)
    return rhythm, solve_every


def make_courses(study: Study, arms: list[Arm]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Hormone course and drug exposure of every arm by name: `remodeling.HormoneCourse`, `Exposure`.

    Raises:
      UserError: a person or a dose that the model refuses.
    """
    import jax
    import jax.numpy as jnp

    import remodeling

    steps = study.time.months * study.time.steps_per_month
    step_days = DAYS_PER_MONTH / study.time.steps_per_month
    with input_errors("[subject]"):
        person = make_person(study.subject)
    per_step = remodeling.intervals_per_step(step_days)
    edges = jnp.arange(steps * per_step + 1) * (step_days / per_step)
    courses, exposures = {}, {}
    exposure_of = jax.jit(remodeling.exposure)
    for arm in arms:
        with input_errors(f"[[arm]] '{arm.name}'"):
            protocol = remodeling.make_protocol(doses_of(arm), duration_days=steps * step_days)
            exposure = exposure_of(protocol, person.weight_kg, edges)
            course = remodeling.course_of_exposure(person, exposure, step_days=step_days, per_step=per_step)
            remodeling.require_plausible_levels(course)
        courses[arm.name], exposures[arm.name] = course, exposure
    return courses, exposures


def doses_of(arm: Arm) -> list[Any]:
    """The prescription of an arm, `remodeling.Dose` each."""
    import remodeling

    return [remodeling.Dose(**asdict(row)) for row in arm.dose]


def make_person(subject: Subject) -> Any:
    """`remodeling.Person` of a study's subject."""
    import remodeling

    toxic, lack = subject.thyrotoxicosis, subject.insulin_deficiency
    names = (
        "testosterone_ng_dl", "testosterone_nmol_l", "estradiol_pg_ml", "estradiol_pmol_l", "shbg_nmol_l",
        "albumin_g_l", "lh_iu_l", "igf1_ng_ml", "igf1_nmol_l", "free_t4_ng_dl", "free_t4_pmol_l",
        "tsh_miu_l", "insulin_sensitivity", "weight_kg", "age_years", "years_since_menopause",
    )  # fmt: skip
    return remodeling.make_person(
        sex=cast(Any, subject.sex),
        menopause=cast(Any, subject.menopause),
        axis=cast(Any, subject.axis or ("primary" if subject.sex == "male" else "intact")),
        thyrotoxicosis=None
        if toxic is None
        else remodeling.Thyrotoxicosis(toxic.free_t4_ng_dl, *_dates(toxic.start_day, toxic.end_day)),
        insulin_deficiency=None
        if lack is None
        else remodeling.InsulinDeficiency(lack.remaining, *_dates(lack.start_day, lack.end_day)),
        **{name: getattr(subject, name) for name in names},
    )


def _dates(start: float | None, end: float | None) -> tuple[float, float]:
    return (-np.inf if start is None else start, np.inf if end is None else end)


HISTORY_STEP_DAYS = 60.0
"Longest step of a history, days."
HISTORY_STEPS = (128, 384)
"Numbers of steps of a history; few, as each is a program of its own: 21 years, and 63."


def make_history(study: Study) -> Any:
    """Hormones of the years before the start, `remodeling.HormoneCourse`; None without a history.

    Raises:
      UserError: levels before that the model refuses.
    """
    import jax

    import remodeling

    history, subject = study.subject.history, study.subject
    if history is None:
        return None
    with input_errors("[subject.history]"):
        young = remodeling.make_person(
            sex=cast(Any, subject.sex),
            age_years=30.0,
            weight_kg=subject.weight_kg,
            menopause="premenopausal" if subject.sex == "female" else None,
            testosterone_ng_dl=history.testosterone_ng_dl,
            estradiol_pg_ml=history.estradiol_pg_ml,
            igf1_ng_ml=history.igf1_ng_ml,
        )
        constants = remodeling.make_axis_parameters()
        untreated = jax.jit(remodeling.untreated_levels)
        before, now = untreated(young, constants), untreated(make_person(subject), constants)
        if history.igf1_ng_ml is None:
            before = replace(before, igf1_ng_ml=now.igf1_ng_ml)
        needed = history.years * 365.25 / HISTORY_STEP_DAYS
        steps = next(steps for steps in HISTORY_STEPS if needed <= steps)
        return remodeling.make_history(
            before, now, years=history.years, onset_years=history.onset_years, steps=steps
        )


def make_level_model(
    level: LevelBone, settings: MechanicsSettings, day: ChosenDay | None = None
) -> LevelModel:
    """Caps, plan, baseline moduli and habitual activities of a level.

    Raises:
      UserError: a load case that does not fit the body.
    """
    import jax.numpy as jnp

    import fem
    import remodeling

    with input_errors("mechanics.law"):
        law = fem.density_law(settings.law)
    with input_errors("mechanics.load, mechanics.strain"):
        load = fem.load_case(settings.load, strain=settings.strain)
    material = fem.isotropic() if settings.material == "isotropic" else fem.transversely_isotropic()
    body = level.bone[bounding_box(level.bone)]
    modulus = law.modulus_mpa(jnp.asarray(level.density_law))
    strong = None if law.yield_stress is None else law.yield_stress_mpa(jnp.asarray(level.density_law))
    with input_errors(f"levels '{level.name}', mechanics.load '{settings.load}'"):
        if fem.LOAD_CASES[settings.load].caps:
            capped = fem.add_caps(body, level.voxel_mm, thickness_mm=settings.cap_thickness_mm)
            mask, is_bone = capped.mask, ~capped.is_cap
            modulus = fem.capped_modulus(modulus, capped)
            # cement is taken as elastic: its yield stress is that of a strain of one
            strong = None if strong is None else fem.capped_modulus(strong, capped)
        else:
            mask, is_bone = body, np.ones(int(body.sum()), dtype=bool)
        plan = fem.make_plan(mask, level.voxel_mm, load, material=material)
        bone_mask = np.zeros(mask.shape, dtype=bool)
        bone_mask[tuple(np.argwhere(mask)[is_bone].T)] = True
        cases = () if day is None else day.activities
        daily = (
            None
            if day is None
            else remodeling.make_daily_loading(
                plan,
                day.loads,
                [remodeling.DailyCase(case.name, case.forces, case.cycles_per_day) for case in cases],
                exponent=day.exponent,
            )
        )
        mechanics = remodeling.make_finite_element_mechanics(
            plan,
            np.asarray(modulus),
            bone_mask,
            set_point="uniform" if settings.set_point == "uniform" else "local",
            daily=daily,
            rtol=settings.rtol,
        )
    return LevelModel(
        mechanics=mechanics,
        height_mm=body.shape[2] * level.voxel_mm,
        shortening_mm=abs(fem.prescribed_displacement_mm(load, mask.shape, level.voxel_mm)),
        elements=int(mask.sum()),
        yield_stress=None if strong is None else np.asarray(strong),
        day=day,
    )


def past_bone(level: LevelBone, history: Any, parameters: Any, study: Study) -> Any:
    """Bone of a level at the end of the history, `remodeling.PastBone`; None without a history."""
    import jax
    import jax.numpy as jnp

    import remodeling

    if history is None:
        return None
    density = jnp.asarray(level.density_ha)
    female = jnp.asarray(float(study.subject.sex == "female"))
    compact = jnp.asarray(_is_compact(level), density.dtype)
    return jax.jit(remodeling.start_from_history)(
        density, history, parameters, female=female, compact=compact
    )


def _is_compact(level: LevelBone) -> np.ndarray:
    """1 shell and endplates, 0 trabecular, integer, (nb,)."""
    import calibration

    return np.where(level.compartments == calibration.TRABECULAR, 0, 1)


def simulate_arm(
    level: LevelBone,
    model: LevelModel,
    course: Any,
    parameters: Any,
    study: Study,
    arm: str,
    load_test: Any,
    past: Any = None,
    exposure: Any = None,
    parts: Any = None,
) -> ArmResult:
    """Simulate one arm and test the bone's stiffness and strength at every reported month.

    Args:
      level: the bone.
      model: its finite-element model.
      course: hormones.
      parameters: biological parameters.
      study: the study.
      arm: name of the arm.
      load_test: function of `_load_test.make_load_test`, one for all levels and arms.
      past: bone at the end of a history, of `past_bone`.
      exposure: drugs of the arm, for what the answer relies on.
      parts: keeper of the simulation's parts, `remodeling.Parts`; by default they are not kept.

    Raises:
      NotConvergedError: a solve that did not reach its tolerance.
    """
    import jax.numpy as jnp

    import fem
    import remodeling

    report_every, solve_every = steps_of_report(study.time, study.mechanics.fe_every_months)
    options = remodeling.make_options(
        substeps=1, solve_every=solve_every, report_every=report_every, compartments=2
    )
    compact = _is_compact(level)
    try:
        trajectory, info = remodeling.simulate_checked(
            level.density_ha,
            model.mechanics,
            course,
            parameters,
            compartments=compact,
            compact=compact,
            female=float(study.subject.sex == "female"),
            history=past,
            options=options,
            parts=parts or ArmParts(Checkpoints(), arm, lambda index: None),
        )
    except fem.NotConvergedError as error:
        raise NotConvergedError(f"level '{level.name}', arm '{arm}': {error}") from error
    except ValueError as error:
        raise UserError(f"level '{level.name}', arm '{arm}': {error}") from error
    months = report_months(study.time)
    rows = np.array([month * study.time.steps_per_month // report_every for month in months])
    # the last solve before a report is that of the reported bone: nothing has to be solved again
    reaction = np.asarray(trajectory.force_n)[:: report_every // solve_every][rows]
    displacement = trajectory.memory.displacement
    *tested, by_activity = load_test(
        model.mechanics,
        trajectory.bone_fraction[rows],
        trajectory.mineral_deficit[rows],
        displacement[rows],
        jnp.asarray(reaction),
        trajectory.start,
        trajectory.activity,
    )
    energy, strain, pistoia = (np.asarray(field) for field in tested)
    # a day of activities states its forces; one load case is brought to the habitual one
    day = model.day
    scale = np.ones(len(rows)) if day else (study.mechanics.habitual_force_n / reaction) ** 2
    stiffness = reaction / model.shortening_mm
    iterations = np.asarray(info.iterations)
    return ArmResult(
        level=level.name,
        arm=arm,
        months=months,
        density=np.asarray(trajectory.density)[rows],
        energy=energy * scale[:, None],
        effective_strain=strain * np.sqrt(scale)[:, None],
        stiffness=stiffness,
        strength_pistoia=pistoia,
        strength_crawford=np.asarray(fem.strength_crawford(jnp.asarray(stiffness), model.height_mm)),
        step_days=np.asarray(trajectory.day),
        density_mean=np.asarray(trajectory.density_mean),
        resorption=np.asarray(trajectory.resorption_total),
        formation=np.asarray(trajectory.formation_total),
        cells={
            f"{pool.name}_percent": np.asarray(getattr(trajectory.cells, pool.name))[:, 0]
            for pool in fields(trajectory.cells)
        },
        rankl_over_opg=np.asarray(trajectory.rankl_over_opg)[:, 0],
        solver={
            "level": level.name,
            "arm": arm,
            "elements": model.elements,
            "solves": len(iterations),
            "iterations_max": int(iterations.max()),
            "relative_residual_max": float(np.asarray(info.relative_residual).max()),
            "converged": True,
        },
        held=np.asarray(trajectory.activity) == 0,
        activities=[] if day is None else activity_records(day, by_activity, months),
        activity_energy=None if day is None else baseline_activity_energy(model.mechanics, displacement[0]),
        end_modulus=np.asarray(
            model.mechanics.modulus(trajectory.end, trajectory.start, trajectory.activity)
        ),
        nonlinear=[],
        relies_on=[
            {
                "mechanism": item.mechanism.name,
                "meaning": item.mechanism.meaning,
                "evidence": item.mechanism.evidence,
                "statuses": item.statuses,
            }
            for item in remodeling.relied_on(trajectory, parameters, exposure=exposure)
        ],
    )
