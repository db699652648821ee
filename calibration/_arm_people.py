"""Who the people of a trial arm are: sex, menopause, hormones before treatment, and the years before it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp

import remodeling

from ._trials import HormoneLevel, TrialArm

PersonSex = Literal["male", "female"]
TYPICAL_AGE_YEARS = {"male": 60.0, "female": 35.0}
"""Age where none is printed (assumed; of women before menopause): it sets typical levels alone."""
HIGHEST_NORMAL_FREE_T4_NG_DL = 2.5
"""Free T4 above which a person is taken as thyrotoxic (assumed)."""

_OPERATION_YEARS = -0.01
"""An operation at month 0 is put four days after it, so that the bone of month 0 is that of before."""


@dataclass(frozen=True)
class AssumedMenopause:
    """Menopause of the women of a group whose papers did not print the years since it."""

    status: Literal["premenopausal", "natural", "surgical"]
    "kind of menopause"
    years: float | None
    "years since it at month 0; None: it has not come"
    reason: str
    "what the assumption goes by"


def _after(years: float, reason: str) -> AssumedMenopause:
    return AssumedMenopause("natural", years, reason)


def _before(reason: str) -> AssumedMenopause:
    return AssumedMenopause("premenopausal", None, reason)


ASSUMED_MENOPAUSE: Mapping[str, AssumedMenopause] = {
    "atac": _after(12.0, "postmenopausal breast cancer, usually near 63 years"),
    "pepi": _after(5.0, "56 years"),
    "ultra-2004": _after(16.0, "60 to 80 years"),
    "tts-1989": _after(2.0, "early postmenopausal"),
    "lydeking-olsen-2004": _after(8.0, "postmenopausal, no age printed"),
    "hope-2002": _after(2.0, "at most 4 years from the last menses"),
    "genant-1982": AssumedMenopause("surgical", _OPERATION_YEARS, "removal of the ovaries at month 0"),
    "prior-1997": AssumedMenopause("surgical", _OPERATION_YEARS, "removal of the ovaries at month 0"),
    "gallagher-1991": _after(1.0, "51.7 years"),
    "women-testosterone-2014": _after(5.0, "postmenopausal, no age printed"),
    "singh-ospina-2017": _before("transgender men, usually young"),
    "vlot-2019": _before("transgender men, usually young"),
    "bex-2002": _before("49.7 years, 25 to 65"),
    "gh-1996": _before("adults of all ages"),
    "sartorio-2001": _before("25 to 59 years"),
    "gh-qct-1995": _before("41.5 years"),
    "murphy-2001": _after(20.0, "64 to 85 years"),
    "murphy-1999": _after(20.0, "65 years and over"),
    "hexarelin-1998": _after(20.0, "elderly"),
    "thyrotoxicosis-recovery": _before("no age printed; Graves' disease is one of young women"),
    "freedom": _after(21.0, "60 to 90 years"),
    "mcclung-2005": _after(15.0, "postmenopausal osteoporosis, no age printed"),
    "bone-2004": _after(15.0, "postmenopausal osteoporosis, no age printed"),
    "devogelaer-1996": _after(12.0, "45 to 80 years"),
    "grey-2017": _after(14.0, "late after menopause"),
    "frame": _after(20.0, "no age printed"),
    "arch": _after(20.0, "no age printed"),
    "romosozumab-japan": _after(20.0, "osteoporosis with fracture, no age printed"),
    "riggs-2008": _before("young adults"),
    "spaceflight": _before("crew of working age"),
    "wham-2020": AssumedMenopause("surgical", _OPERATION_YEARS, "removal of the ovaries at month 0"),
    "finkelstein-2010": _after(15.0, "postmenopausal, no age printed"),
    "horizon-qct": _after(20.0, "postmenopausal osteoporosis, no age printed"),
    "premenopausal-iop": _before("before menopause"),
}
"""Menopause by group, where no paper prints the years since it or the ovaries were removed (assumed)."""


def menopause_of(arm: TrialArm) -> AssumedMenopause | None:
    """Menopause of the women of an arm: assumed for the group, printed, or from the age; None: not known.

    By age: before menopause up to 52 years, and the years over 51 after that, as in `remodeling.make_person`.
    """
    assumed = ASSUMED_MENOPAUSE.get(arm.group)
    if assumed is not None:
        return assumed
    if arm.years_since_menopause is not None:
        return AssumedMenopause("natural", arm.years_since_menopause, "printed")
    if arm.age_years is None:
        return None
    if arm.age_years > 52.0:
        return _after(arm.age_years - 51.0, "printed age")
    return _before("printed age")


def sexes_of(arm: TrialArm) -> tuple[PersonSex, ...]:
    """Sexes of the people of an arm; arms of both are one half men, one half women (assumed)."""
    return ("male", "female") if arm.sex == "both" else (arm.sex,)


def person_of(arm: TrialArm, sex: PersonSex, *, dtype: Any = None) -> remodeling.Person:
    """The mean person of an arm and sex before treatment: printed levels, and typical ones for the rest.

    A free T4 above 2.5 ng/dL is thyrotoxicosis since ever; a level on treatment below that cures it on day 0.

    Raises:
      ValueError: the menopause of its women is not known, or a level that `remodeling.make_person` refuses.
    """
    given = _described(arm, sex)
    for level in arm.baseline:
        if level.hormone == "free_t4" and level.value > HIGHEST_NORMAL_FREE_T4_NG_DL:
            cured = any(
                after.hormone == "free_t4" and after.value <= HIGHEST_NORMAL_FREE_T4_NG_DL
                for after in arm.on_treatment
            )
            given["thyrotoxicosis"] = remodeling.Thyrotoxicosis(
                level.value, -math.inf, 0.0 if cured else math.inf
            )
        else:
            given[level.argument] = level.value
    return remodeling.make_person(**given, dtype=dtype)


def person_before(arm: TrialArm, sex: PersonSex, *, dtype: Any = None) -> remodeling.Person:
    """The same person before the deficiency: typical levels, and of a woman those before menopause."""
    given = _described(arm, sex)
    if sex == "female":
        given |= {"menopause": "premenopausal", "years_since_menopause": None, "age_years": 35.0}
    return remodeling.make_person(**given, dtype=dtype)


def _described(arm: TrialArm, sex: PersonSex) -> dict[str, Any]:
    """Sex, age and menopause as arguments of `remodeling.make_person`."""
    age = TYPICAL_AGE_YEARS[sex] if arm.age_years is None else arm.age_years
    given: dict[str, Any] = {"sex": sex, "age_years": age}
    if sex == "male":
        return given
    menopause = menopause_of(arm)
    if menopause is None:
        raise ValueError(
            f"`arm` {arm.name!r} needs the years since menopause of its women, got none and no age; add its "
            f"group {arm.group!r} to ASSUMED_MENOPAUSE"
        )
    given["menopause"] = menopause.status
    if menopause.years is not None:
        given["years_since_menopause"] = menopause.years
        if arm.age_years is None:
            given["age_years"] = 51.0 + menopause.years
    return given


def levels_reached(arm: TrialArm, person: remodeling.Person) -> dict[str, float]:
    """Printed or assumed levels on treatment by field of `remodeling.HormoneLevels`, in its unit.

    A man's estradiol follows his testosterone by his own aromatase where it was not printed; everything else
    that was not printed stays as it is (assumed). Free T4 is that of `person_of`.
    """
    reached = {
        field: value
        for level in arm.on_treatment
        if level.hormone != "free_t4"
        for field, value in [_in_field(level, person)]
    }
    testosterone = reached.get("testosterone_ng_dl")
    if testosterone is not None and "estradiol_pg_ml" not in reached and float(person.female) == 0.0:
        estradiol = remodeling.estradiol_from_testosterone(
            testosterone,
            person.testosterone_ng_dl,
            person.estradiol_pg_ml,
            person.shbg_nmol_l,
            person.albumin_g_l,
            remodeling.make_axis_parameters(),
        )
        reached["estradiol_pg_ml"] = float(estradiol)
    return reached


def _in_field(level: HormoneLevel, person: remodeling.Person) -> tuple[str, float]:
    """Field of `remodeling.HormoneLevels` and the level in its unit."""
    if level.unit == "% change":
        field = {"igf1": "igf1_ng_ml"}[level.hormone]
        return field, float(getattr(person, field)) * (1.0 + level.value / 100.0)
    value = jnp.asarray(level.value)
    if level.unit == "nmol/L":
        return "testosterone_ng_dl", float(remodeling.testosterone_ng_dl_from_nmol_l(value))
    if level.unit == "pmol/L":
        return "estradiol_pg_ml", float(remodeling.estradiol_pg_ml_from_pmol_l(value))
    return level.argument, level.value
