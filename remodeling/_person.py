"""The person treated: what is measured before treatment, converted and checked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import jax
import jax.numpy as jnp

from ._aromatized import estradiol_from_testosterone
from ._axis_parameters import make_axis_parameters
from ._conditions import InsulinDeficiency, Thyrotoxicosis, finite_day
from ._person_defaults import MENOPAUSE_AGE_YEARS, Menopause, Sex, typical_levels
from ._units import (
    NG_DL_PER_NMOL_L_TESTOSTERONE,
    NG_DL_PER_PMOL_L_THYROXINE,
    NG_ML_PER_NMOL_L_IGF1,
    PG_ML_PER_PMOL_L_ESTRADIOL,
)

Axis = Literal["intact", "primary", "secondary"]

AXIS_CODES = {"intact": 0.0, "primary": 1.0, "secondary": 2.0, "measured": 3.0}
"""Numbers that stand for what sets LH, so that persons of different kinds go into one batch."""
REFERENCE_FREE_T4_NG_DL = 1.2
"""Free T4 of thyroid index 0, ng/dL (assumed, middle of the usual range 0.8 to 1.8)."""
FOREVER_YEARS = 100.0
"""Years to the final menstrual period of a woman for whom none is foreseen."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Person:
    """A man or a woman before treatment; numbers are scalars (), in a batch (persons,)."""

    age_years: jax.Array
    "age, years; recorded"
    weight_kg: jax.Array
    "body weight, kg"
    female: jax.Array
    "1 a woman, 0 a man"
    testosterone_ng_dl: jax.Array
    "total testosterone, ng/dL"
    estradiol_pg_ml: jax.Array
    "total estradiol, pg/mL; of a premenopausal woman the mean over the cycle"
    shbg_nmol_l: jax.Array
    "sex-hormone-binding globulin, nmol/L"
    albumin_g_l: jax.Array
    "albumin, g/L"
    lh_iu_l: jax.Array
    "luteinizing hormone, IU/L; used if `axis` is 3"
    axis: jax.Array
    "what sets LH: 0 intact, 1 primary, 2 secondary failure, 3 it is measured"
    years_since_menopause: jax.Array
    "years since the final menstrual period or the removal of the ovaries, negative before; women"
    surgical: jax.Array
    "1 if menopause is the removal of the ovaries, 0 if natural"
    igf1_ng_ml: jax.Array
    "IGF-1, ng/mL"
    free_t4_ng_dl: jax.Array
    "free T4 apart from thyrotoxicosis, ng/dL"
    tsh_miu_l: jax.Array
    "TSH apart from thyrotoxicosis, mIU/L"
    toxic_free_t4_ng_dl: jax.Array
    "free T4 during thyrotoxicosis, ng/dL"
    toxic_start_day: jax.Array
    "start of thyrotoxicosis, day"
    toxic_end_day: jax.Array
    "end of thyrotoxicosis, day"
    insulin_sensitivity: jax.Array
    "insulin sensitivity, 1 the reference; insulin at rest goes with its inverse"
    insulin_remaining: jax.Array
    "share of insulin secretion left during insulin deficiency"
    insulin_start_day: jax.Array
    "start of insulin deficiency, day"
    insulin_end_day: jax.Array
    "end of insulin deficiency, day"


_RANGES = {
    "age_years": (18.0, 100.0),
    "weight_kg": (35.0, 250.0),
    "testosterone_ng_dl": (3.0, 1000.0),
    "estradiol_pg_ml": (1.0, 100.0),
    "shbg_nmol_l": (5.0, 250.0),
    "albumin_g_l": (20.0, 60.0),
    "lh_iu_l": (0.05, 50.0),
    "years_since_menopause": (-40.0, 60.0),
    "igf1_ng_ml": (20.0, 600.0),
    "free_t4_ng_dl": (0.2, 2.5),
    "tsh_miu_l": (0.005, 150.0),
    "toxic_free_t4_ng_dl": (1.3, 15.0),
    "insulin_sensitivity": (0.05, 5.0),
    "insulin_remaining": (0.01, 1.0),
}
"""Accepted ranges (assumed): wider than any patient, narrow enough to catch a wrong unit."""
_RANGES_WOMEN = {
    "testosterone_ng_dl": (1.0, 200.0),
    "estradiol_pg_ml": (0.5, 400.0),
    "lh_iu_l": (0.05, 100.0),
}
"""Ranges that differ in women (assumed)."""


def make_person(
    *,
    sex: Sex = "male",
    age_years: float = 60.0,
    weight_kg: float | None = None,
    menopause: Menopause | None = None,
    years_since_menopause: float | None = None,
    testosterone_ng_dl: float | None = None,
    testosterone_nmol_l: float | None = None,
    estradiol_pg_ml: float | None = None,
    estradiol_pmol_l: float | None = None,
    shbg_nmol_l: float | None = None,
    albumin_g_l: float = 43.0,
    lh_iu_l: float | None = None,
    axis: Axis = "intact",
    igf1_ng_ml: float | None = None,
    igf1_nmol_l: float | None = None,
    free_t4_ng_dl: float | None = None,
    free_t4_pmol_l: float | None = None,
    tsh_miu_l: float = 1.5,
    insulin_sensitivity: float = 1.0,
    thyrotoxicosis: Thyrotoxicosis | None = None,
    insulin_deficiency: InsulinDeficiency | None = None,
    dtype=None,
) -> Person:
    """A person with checked baseline levels; what is not given is typical of the sex and the age.

    Not given: testosterone, weight, and a woman's estradiol and SHBG are those of `typical_levels`; a man's
    SHBG is 40 nmol/L, and his estradiol what the typical aromatase of his age makes of his testosterone
    (`estradiol_from_testosterone`). IGF-1 is 180 ng/mL, the young reference with which the bone parameters
    were fitted, not the typical level of the age: give the measured one for growth hormone and secretagogues.
    Albumin 43 g/L, free T4 1.2 ng/dL and TSH 1.5 mIU/L are assumed.

    Args:
      sex: "male" or "female".
      age_years, weight_kg: age and weight.
      menopause: "premenopausal", "natural" or "surgical". None: natural from age 52, premenopausal before;
        or, with `years_since_menopause` given, natural.
      years_since_menopause: since the final menstrual period or the operation; negative: it lies ahead, and
        the transition runs during the simulation. None: the years over 51 (at least 1) after menopause;
        before, none is foreseen.
      testosterone_ng_dl, testosterone_nmol_l: total testosterone, in one of the units. Likewise estradiol,
        IGF-1 and free T4.
      shbg_nmol_l, albumin_g_l: binding proteins.
      lh_iu_l: untreated LH; with it both the pituitary drive and the gonad follow from data and `axis` is
        moot.
      axis: what sets LH when it is not measured. "intact": a man's LH is 4.5 IU/L, a woman's follows from the
        feedback; "primary": pituitary normal, LH from the feedback; "secondary": testis normal, LH from
        testosterone (needs 20 ng/dL or more; men only).
      free_t4_ng_dl, tsh_miu_l: thyroid apart from thyrotoxicosis. TSH is an index only.
      insulin_sensitivity: 1 the reference.
      thyrotoxicosis, insulin_deficiency: conditions with dates.

    Raises:
      ValueError: a level outside its range or given twice, an unknown sex, axis or menopausal status.
    """
    if sex not in get_args(Sex):
        raise ValueError(f"`sex` must be one of {get_args(Sex)}, got {sex!r}")
    if axis not in get_args(Axis):
        raise ValueError(f"`axis` must be one of {get_args(Axis)}, got {axis!r}")
    female = sex == "female"
    status, years = _menopause(female, age_years, menopause, years_since_menopause)
    typical = typical_levels(sex=sex, age_years=age_years, menopause=status, years_since_menopause=years)
    testosterone = _one(
        "testosterone_ng_dl",
        testosterone_ng_dl,
        testosterone_nmol_l,
        NG_DL_PER_NMOL_L_TESTOSTERONE,
        typical.testosterone_ng_dl,
    )
    shbg = (typical.shbg_nmol_l if female else 40.0) if shbg_nmol_l is None else shbg_nmol_l
    expected = typical.estradiol_pg_ml
    if not female and testosterone > 0 and estradiol_pg_ml is None and estradiol_pmol_l is None:
        # A number also where a person is made inside of a traced function.
        with jax.ensure_compile_time_eval():
            expected = float(
                estradiol_from_testosterone(
                    testosterone,
                    typical.testosterone_ng_dl,
                    typical.estradiol_pg_ml,
                    shbg,
                    albumin_g_l,
                    make_axis_parameters(),
                )
            )
    estradiol = _one(
        "estradiol_pg_ml", estradiol_pg_ml, estradiol_pmol_l, PG_ML_PER_PMOL_L_ESTRADIOL, expected
    )
    toxic = thyrotoxicosis or Thyrotoxicosis(start_day=math.inf)
    lack = insulin_deficiency or InsulinDeficiency(start_day=math.inf)
    numbers = {
        "age_years": age_years,
        "weight_kg": typical.weight_kg if weight_kg is None else weight_kg,
        "testosterone_ng_dl": testosterone,
        "estradiol_pg_ml": estradiol,
        "shbg_nmol_l": shbg,
        "albumin_g_l": albumin_g_l,
        "igf1_ng_ml": _one("igf1_ng_ml", igf1_ng_ml, igf1_nmol_l, NG_ML_PER_NMOL_L_IGF1, 180.0),
        "free_t4_ng_dl": _one(
            "free_t4_ng_dl",
            free_t4_ng_dl,
            free_t4_pmol_l,
            NG_DL_PER_PMOL_L_THYROXINE,
            REFERENCE_FREE_T4_NG_DL,
        ),
        "tsh_miu_l": tsh_miu_l,
        "toxic_free_t4_ng_dl": toxic.free_t4_ng_dl,
        "insulin_sensitivity": insulin_sensitivity,
        "insulin_remaining": lack.remaining,
        "lh_iu_l": 4.5 if lh_iu_l is None else lh_iu_l,
    }
    ranges = _RANGES | (_RANGES_WOMEN if female else {})
    for name, value in numbers.items():
        low, high = ranges[name]
        if not low <= float(value) <= high:
            raise ValueError(f"`{name}` must be between {low:g} and {high:g}, got {value}; check its unit")
    if lh_iu_l is None and axis == "secondary":
        if female:
            raise ValueError(
                '`axis` "secondary" of a woman needs `lh_iu_l`, got none: her ovaries cannot tell it; '
                "measure it"
            )
        if testosterone < 20:
            raise ValueError(
                f"`testosterone_ng_dl` must be 20 or more for a secondary axis without LH, got "
                f"{testosterone}; "
                "a healthy testis without LH makes about 15 ng/dL here; give `lh_iu_l`"
            )
    numbers |= {
        "female": float(female),
        "axis": AXIS_CODES[axis if lh_iu_l is None else "measured"],
        "years_since_menopause": years,
        "surgical": float(status == "surgical"),
        "toxic_start_day": finite_day(toxic.start_day),
        "toxic_end_day": finite_day(toxic.end_day),
        "insulin_start_day": finite_day(lack.start_day),
        "insulin_end_day": finite_day(lack.end_day),
    }
    return Person(**{name: jnp.asarray(value, dtype or float) for name, value in numbers.items()})


def _one(name: str, value: float | None, other: float | None, per_unit: float, default: float) -> float:
    """The level in the unit of the field, from whichever unit was given."""
    if value is not None and other is not None:
        raise ValueError(f"`{name}` was given in two units, {value} and {other}; give one of them")
    if other is not None:
        return other * per_unit
    return default if value is None else value


def _menopause(
    female: bool, age_years: float, menopause: Menopause | None, years: float | None
) -> tuple[Menopause, float]:
    """Kind of menopause, come or ahead, and years since it."""
    if not female:
        if menopause is not None or years is not None:
            raise ValueError(
                f"`menopause` and `years_since_menopause` are for a woman, got {menopause!r} and {years} "
                f"for a "
                'man; set `sex` to "female" or leave them out'
            )
        return "premenopausal", -FOREVER_YEARS
    if menopause is not None and menopause not in get_args(Menopause):
        raise ValueError(f"`menopause` must be one of {get_args(Menopause)}, got {menopause!r}")
    if years is not None:
        low, high = _RANGES["years_since_menopause"]
        if not low <= years <= high:
            raise ValueError(f"`years_since_menopause` must be between {low:g} and {high:g}, got {years}")
    if menopause is None:
        after = age_years > MENOPAUSE_AGE_YEARS if years is None else True
        menopause = "natural" if after else "premenopausal"
    if menopause == "premenopausal":
        if years is not None and years >= 0:
            raise ValueError(
                f"`years_since_menopause` of a premenopausal woman must be negative, got {years}; "
                'set `menopause` to "natural" or "surgical"'
            )
        return ("premenopausal", -FOREVER_YEARS) if years is None else ("natural", years)
    if years is None:
        return menopause, max(age_years - MENOPAUSE_AGE_YEARS, 1.0)
    return menopause, years


def stack_people(people: Sequence[Person]) -> Person:
    """One batch, fields (persons,), for `jax.vmap`; men and women together.

    Raises:
      ValueError: nobody.
    """
    if not people:
        raise ValueError("`people` must hold at least one person, got none")
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *people)
