"""The person treated: what is measured before treatment, checked, and unit conversions of hormone levels."""

from dataclasses import dataclass, field
from typing import Literal, get_args

import jax
import jax.numpy as jnp

Axis = Literal["intact", "primary", "secondary"]

NG_DL_PER_NMOL_L_TESTOSTERONE = 28.842
"""Testosterone, molar mass 288.42 g/mol."""
PG_ML_PER_PMOL_L_ESTRADIOL = 0.27238
"""Estradiol, molar mass 272.38 g/mol."""


def testosterone_nmol_l(ng_dl: jax.Array) -> jax.Array:
    """Testosterone from ng/dL to nmol/L."""
    return ng_dl / NG_DL_PER_NMOL_L_TESTOSTERONE


def testosterone_ng_dl_from_nmol_l(nmol_l: jax.Array) -> jax.Array:
    """Testosterone from nmol/L to ng/dL."""
    return nmol_l * NG_DL_PER_NMOL_L_TESTOSTERONE


def estradiol_pmol_l(pg_ml: jax.Array) -> jax.Array:
    """Estradiol from pg/mL to pmol/L."""
    return pg_ml / PG_ML_PER_PMOL_L_ESTRADIOL


def estradiol_pg_ml_from_pmol_l(pmol_l: jax.Array) -> jax.Array:
    """Estradiol from pmol/L to pg/mL."""
    return pmol_l * PG_ML_PER_PMOL_L_ESTRADIOL


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Person:
    """A man before treatment; numbers are scalars ()."""

    age_years: jax.Array
    "age, years; recorded"
    weight_kg: jax.Array
    "body weight, kg; recorded"
    testosterone_ng_dl: jax.Array
    "total testosterone, ng/dL"
    estradiol_pg_ml: jax.Array
    "total estradiol, pg/mL"
    shbg_nmol_l: jax.Array
    "sex-hormone-binding globulin, nmol/L"
    albumin_g_l: jax.Array
    "albumin, g/L"
    lh_iu_l: jax.Array | None
    "luteinizing hormone, IU/L; None: not measured, follows from `axis`"
    igf1_ng_ml: jax.Array
    "IGF-1, ng/mL"
    axis: Axis = field(metadata={"static": True})
    "where the fault lies when LH is not measured: nowhere (intact), testis (primary), pituitary (secondary)"


_RANGES = {
    "age_years": (18.0, 100.0),
    "weight_kg": (35.0, 250.0),
    "testosterone_ng_dl": (3.0, 1000.0),
    "estradiol_pg_ml": (1.0, 100.0),
    "shbg_nmol_l": (5.0, 200.0),
    "albumin_g_l": (20.0, 60.0),
    "lh_iu_l": (0.05, 50.0),
    "igf1_ng_ml": (20.0, 600.0),
}
"""Accepted ranges (assumed): wider than any patient, narrow enough to catch a wrong unit."""


def make_person(
    *,
    testosterone_ng_dl: float,
    estradiol_pg_ml: float,
    age_years: float = 60.0,
    sex: str = "male",
    weight_kg: float = 80.0,
    shbg_nmol_l: float = 40.0,
    albumin_g_l: float = 43.0,
    lh_iu_l: float | None = None,
    igf1_ng_ml: float = 180.0,
    axis: Axis = "intact",
    dtype=None,
) -> Person:
    """A man with checked baseline levels.

    SHBG 40 nmol/L, albumin 43 g/L and IGF-1 180 ng/mL (the young reference of the bone equations) are assumed
    where not measured.

    Args:
      testosterone_ng_dl, estradiol_pg_ml: untreated levels.
      sex: "male"; the axis of women is not modeled, use `make_hormone_course` with measured levels.
      lh_iu_l: untreated LH; with it both the pituitary drive and the testis follow from data and `axis` is
        moot.
      axis: what sets LH when it is not measured. "intact": LH is 4.5 IU/L; "primary": pituitary normal, LH
        from the feedback; "secondary": testis normal, LH from testosterone (needs 20 ng/dL or more).

    Raises:
      ValueError: a level outside its range, another sex, an unknown axis.
    """
    if sex != "male":
        raise ValueError(
            f'`sex` must be "male", got {sex!r}: the axis of women is not modeled; '
            "give measured levels with make_hormone_course"
        )
    if axis not in get_args(Axis):
        raise ValueError(f"`axis` must be one of {get_args(Axis)}, got {axis!r}")
    numbers = {
        "age_years": age_years,
        "weight_kg": weight_kg,
        "testosterone_ng_dl": testosterone_ng_dl,
        "estradiol_pg_ml": estradiol_pg_ml,
        "shbg_nmol_l": shbg_nmol_l,
        "albumin_g_l": albumin_g_l,
        "igf1_ng_ml": igf1_ng_ml,
    }
    if lh_iu_l is not None:
        numbers["lh_iu_l"] = lh_iu_l
    for name, value in numbers.items():
        low, high = _RANGES[name]
        if not low <= float(value) <= high:
            raise ValueError(f"`{name}` must be between {low:g} and {high:g}, got {value}; check its unit")
    if lh_iu_l is None and axis == "secondary" and testosterone_ng_dl < 20:
        raise ValueError(
            f"`testosterone_ng_dl` must be 20 or more for a secondary axis without LH, got "
            f"{testosterone_ng_dl}; "
            "a healthy testis without LH makes about 15 ng/dL here; give `lh_iu_l`"
        )
    arrays = {name: jnp.asarray(value, dtype or float) for name, value in numbers.items()}
    lh = arrays.pop("lh_iu_l", None)
    return Person(**arrays, lh_iu_l=lh, axis=axis)
