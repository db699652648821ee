"""Runs of the hormone axes for the tests of each axis."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import remodeling as r

PEOPLE = {
    "eugonadal man": {"testosterone_ng_dl": 600.0, "estradiol_pg_ml": 28.0},
    "secondary": {"testosterone_ng_dl": 200.0, "estradiol_pg_ml": 15.0, "axis": "secondary"},
    "primary": {"testosterone_ng_dl": 230.0, "estradiol_pg_ml": 20.0, "lh_iu_l": 12.0, "igf1_ng_ml": 110.0},
    "woman of 35": {"sex": "female", "age_years": 35.0, "insulin_sensitivity": 0.6},
    "woman of 60": {"sex": "female", "years_since_menopause": 15.0, "igf1_ng_ml": 90.0, "free_t4_ng_dl": 0.7},
    "without ovaries": {"sex": "female", "age_years": 50.0, "menopause": "surgical", "lh_iu_l": 60.0},
    "hypothalamic": {"sex": "female", "age_years": 25.0, "lh_iu_l": 1.0, "estradiol_pg_ml": 20.0},
    "toxic": {"thyrotoxicosis": r.Thyrotoxicosis()},
    "without insulin": {"insulin_deficiency": r.InsulinDeficiency()},
}
"""Persons of every kind that the axes know, as arguments of make_person."""
GIVEN = {
    "testosterone_ng_dl": 150.0,
    "estradiol_pg_ml": 20.0,
    "oral_estrogen": 1.0,
    "progestogen": 100.0,
    "aromatase_inhibition_men": 0.4,
    "aromatase_inhibition_women": 0.7,
    "gonadorelin_mg_per_day": 0.05,
    "gnrh_agonist": 0.3,
    "gnrh_antagonist": 0.4,
    "hcg_lh_iu_l": 2.0,
    "gh_ng_ml": 0.3,
    "ghrh_drive": 0.3,
    "ghs_drive": 0.2,
    "thyroxine_ug_per_day": 60.0,
    "insulin_index": 0.4,
}
"""Something of every drug that the axes answer to."""
LENGTHS = (60, 200, 600, 3000)
"""Days that `daily` runs."""
_levels = jax.jit(r.hormone_levels)


def exposure(days: int, **given: Any) -> r.Exposure:
    """An exposure by daily means: numbers, or one value a day."""
    levels = {name: jnp.asarray(np.broadcast_to(value, days), float) for name, value in given.items()}
    return dataclasses.replace(r.no_exposure(days), **levels)


def daily(
    person: r.Person, days: int, constants: r.AxisParameters | None = None, **given: Any
) -> r.HormoneLevels:
    """Daily levels of a person under drugs given as daily means.

    Runs a few lengths only, so that the tests share compiled programs; what comes after `days` is cut off.
    """
    length = next(length for length in LENGTHS if length >= days)
    constants = r.make_axis_parameters() if constants is None else constants
    given = {name: np.resize(np.broadcast_to(value, days), length) for name, value in given.items()}
    levels = _levels(person, exposure(length, **given), jnp.arange(length + 1.0), constants)
    return jax.tree.map(lambda values: values[:days], levels)


def for_days(value: float, until: int, days: int) -> np.ndarray:
    """A drug given from day 0 to `until`."""
    return np.where(np.arange(days) < until, value, 0.0)
