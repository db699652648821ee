"""Treatments that start, stop and follow each other: doses to bone, all people and arms in one program."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import remodeling as r
from tests.bone_arms import COMPACT, DENSITY, MONTH, Curves, curves_of

MONTHS, PER_MONTH = 84, 30
YEAR = 365.25
YOUNG_ESTRADIOL, YOUNG_TESTOSTERONE = 90.0, 30.0


class Patient(NamedTuple):
    """A person, the hormones of the years before, and how long these are past."""

    person: r.Person
    before: r.HormoneLevels
    years: float
    onset_years: float


class Arm(NamedTuple):
    """Who gets what."""

    patient: str
    doses: tuple[r.Dose, ...]
    missed_days: tuple[float, ...] = ()


def _man(**levels: Any) -> Patient:
    """A man whose hormones have long been those of now."""
    person = r.make_person(**levels)
    return Patient(person, r.untreated_levels(person, r.make_axis_parameters()), 1.0, 0.0)


def _woman(years: float) -> Patient:
    """A woman some years after menopause, with 6 pg/mL of estradiol."""
    person = r.make_person(
        sex="female", age_years=51.0 + years, years_since_menopause=years, estradiol_pg_ml=6.0,
        testosterone_ng_dl=25.0,
    )  # fmt: skip
    before = r.make_hormone_levels(estradiol_pg_ml=YOUNG_ESTRADIOL, testosterone_ng_dl=YOUNG_TESTOSTERONE)
    return Patient(person, before, years, 1.0)


def course(drug: str, amount: float, every: float | None, start: float, stop: float | None = None) -> r.Dose:
    """Doses between two months."""
    end = None if stop is None else stop * MONTH
    return r.Dose(drug, amount, every_days=every, start_day=start * MONTH, stop_day=end)


def patients() -> dict[str, Patient]:
    """Everybody in the arms."""
    return {
        "hypogonadal man": _man(testosterone_ng_dl=200.0, estradiol_pg_ml=15.0, axis="secondary"),
        "eugonadal man": _man(testosterone_ng_dl=500.0, estradiol_pg_ml=28.0, age_years=65.0),
        "man without GH": _man(testosterone_ng_dl=500.0, estradiol_pg_ml=28.0, igf1_ng_ml=80.0),
        "woman, 5 years": _woman(5.0),
        "woman, 10 years": _woman(10.0),
        "woman, 15 years": _woman(15.0),
    }


_GEL = functools.partial(course, "testosterone-gel", 50.0, 1.0)
_PATCH = functools.partial(course, "estradiol-patch-twice-weekly", 0.05, 3.5)
_ALENDRONATE = functools.partial(course, "alendronate", 70.0, 7.0)
_TERIPARATIDE = functools.partial(course, "teriparatide", 0.02, 1.0)
_DENOSUMAB = functools.partial(course, "denosumab", 60.0, YEAR / 2)
_LATE = "woman, 15 years"

ARMS = {
    "man untreated": Arm("hypogonadal man", ()),
    "testosterone": Arm("hypogonadal man", (_GEL(0),)),
    "testosterone, stopped": Arm("hypogonadal man", (_GEL(0, 24),)),
    "testosterone, restarted": Arm("hypogonadal man", (_GEL(0, 24), _GEL(48))),
    "testosterone, a month missed a year": Arm(
        "hypogonadal man", (_GEL(0),), tuple(float(365 * y + d) for y in range(7) for d in range(30))
    ),
    "agonist, stopped": Arm("eugonadal man", (course("triptorelin-depot", 3.75, 28.0, 0, 12),)),
    "growth hormone, stopped": Arm("man without GH", (course("growth-hormone", 0.6, 1.0, 0, 24),)),
    "woman untreated": Arm("woman, 5 years", ()),
    "patch": Arm("woman, 5 years", (_PATCH(0),)),
    "patch, stopped": Arm("woman, 5 years", (_PATCH(0, 24),)),
    "patch, restarted": Arm("woman, 5 years", (_PATCH(0, 24), _PATCH(60))),
    "ten years untreated": Arm("woman, 10 years", ()),
    "anastrozole, stopped": Arm("woman, 10 years", (course("anastrozole", 1.0, 1.0, 0, 60),)),
    "alendronate": Arm(_LATE, (_ALENDRONATE(0),)),
    "alendronate, stopped": Arm(_LATE, (_ALENDRONATE(0, 36),)),
    "denosumab": Arm(_LATE, (_DENOSUMAB(0),)),
    "denosumab, stopped": Arm(_LATE, (_DENOSUMAB(0, 24),)),
    "denosumab, then alendronate": Arm(_LATE, (_DENOSUMAB(0, 24), _ALENDRONATE(24, 48))),
    "denosumab, then zoledronate": Arm(_LATE, (_DENOSUMAB(0, 24), course("zoledronate", 5.0, None, 24))),
    "teriparatide, stopped": Arm(_LATE, (_TERIPARATIDE(0, 24),)),
    "teriparatide, then alendronate": Arm(_LATE, (_TERIPARATIDE(0, 24), _ALENDRONATE(24))),
    "teriparatide, then denosumab": Arm(_LATE, (_TERIPARATIDE(0, 24), _DENOSUMAB(24))),
}


class Outcome(NamedTuple):
    """What one arm came to."""

    curves: Curves
    course: r.HormoneCourse


@jax.jit
def _run(people: Patient, protocols: r.Protocol, p: r.BoneParameters, drugs: r.DrugEffectParameters):
    TRACES.append(1)
    edges = jnp.arange(MONTHS * PER_MONTH + 1.0) * (MONTH / PER_MONTH)

    def one(patient, protocol):
        return outcome(patient, protocol, edges, p, drugs)

    return jax.vmap(one)(people, protocols)


TRACES: list[int] = []
"""One entry a tracing of the program."""


def outcome(patient: Patient, protocol: r.Protocol, edges, p, drugs=None, axis=None, density=None):
    """Trajectory and hormones of one person: exposure, axes, history, bone."""
    person = patient.person
    density = jnp.asarray(DENSITY) if density is None else density
    given = r.exposure(protocol, person.weight_kg, edges)
    levels = r.course_of_exposure(
        person, given, step_days=MONTH, per_step=PER_MONTH, axis_parameters=axis, drug_parameters=drugs
    )
    past = r.history_course(
        patient.before, levels.baseline, years=patient.years, onset_years=patient.onset_years
    )
    history = r.start_from_history(density, past, p, female=person.female, compact=jnp.asarray(COMPACT))
    trajectory, _ = r.simulate(
        density,
        r.make_surrogate(),
        levels,
        p,
        compartments=jnp.array([0, 1]),
        female=person.female,
        history=history,
        options=r.make_options(compartments=2, report_every=12, solve_every=12),
    )
    return trajectory, levels


def run(p: r.BoneParameters | None = None, drugs: r.DrugEffectParameters | None = None) -> dict[str, Outcome]:
    """Every arm under given parameters."""
    everybody = patients()
    chosen = [everybody[arm.patient] for arm in ARMS.values()]
    people = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(x, float) for x in leaves]), *chosen)
    protocols = r.stack_protocols(
        [
            r.make_protocol(arm.doses, duration_days=MONTHS * MONTH, missed_days=arm.missed_days)
            for arm in ARMS.values()
        ]
    )
    p = r.default_parameters() if p is None else p
    drugs = r.make_drug_effect_parameters() if drugs is None else drugs
    trajectories, courses = jax.device_get(_run(people, protocols, p, drugs))
    return {
        name: Outcome(
            curves_of(jax.tree.map(lambda leaf, k=k: leaf[k], trajectories)),
            jax.tree.map(lambda leaf, k=k: leaf[k], courses),
        )
        for k, name in enumerate(ARMS)
    }


@functools.cache
def outcomes() -> dict[str, Outcome]:
    """Every arm of ARMS, in one compilation."""
    return run()
