"""Derivatives of the whole chain, doses to bone, by amounts, intervals, starts, stops and constants.

Reverse mode against central differences of the areal change at 24 months. Every dose is given well inside
an interval of the daily grid, because a drug that enters the blood at once bends its mean where a dose
crosses an edge; stops lie away from whole numbers of intervals, where their derivative jumps.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r
from tests.bone_arms import MONTH, TRABECULAR_SHARE
from tests.switching_arms import PER_MONTH, outcome, patients

STEPS = 24
DOSES = {
    "testosterone-cypionate": 43,
    "anastrozole": 66,
    "triptorelin-depot": 8,
    "estradiol-patch-twice-weekly": 58,
    "teriparatide": 88,
    "denosumab": 2,
    "alendronate": 17,
}
"""Doses of each drug in anybody's prescription; those a person does not get are of amount 0."""
GIVEN = {
    # drug: amount, days between doses, start, stop; a person switches from one to the next
    "hypogonadal man": {
        "testosterone-cypionate": (100.0, 7.1, 2.6, 301.7),
        "anastrozole": (0.5, 3.55, 20.6, 250.4),
        "triptorelin-depot": (3.75, 28.4, 400.3, 610.2),
    },
    "woman, 5 years": {
        "estradiol-patch-twice-weekly": (0.05, 3.55, 1.3, 205.2),
        "teriparatide": (0.02, 2.03, 204.4, 380.2),
        "denosumab": (60.0, 177.55, 382.0, 700.3),
        "alendronate": (70.0, 7.1, 610.3, 725.2),
    },
}
CONSTANTS = {
    "bone": (
        "estradiol_resorption",
        "estradiol_balance",
        "formation_time",
        "mineralization_rate",
        "teriparatide_modeling",
        "bisphosphonate_balance",
    ),
    "drugs": ("denosumab_resorption", "precursor_time"),
    "axis": ("estradiol_feedback", "gonadotrope_memory_days"),
}
TABLES = {
    "bone": r.default_parameters,
    "drugs": r.make_drug_effect_parameters,
    "axis": r.make_axis_parameters,
}


@jax.jit
def final(x, patient):
    """Areal change at 24 months, %, of a person under `x`: lines by drug, constants by table."""
    lines = [
        r.repeated_dose(
            drug, x[drug][0], every_days=x[drug][1], start_day=x[drug][2], stop_day=x[drug][3], doses=doses
        )
        for drug, doses in DOSES.items()
    ]
    tables = {
        kind: replace(table(), **dict(zip(CONSTANTS[kind], x[kind], strict=True)))
        for kind, table in TABLES.items()
    }
    edges = jnp.arange(STEPS * PER_MONTH + 1.0) * (MONTH / PER_MONTH)
    trajectory, _ = outcome(
        patient, r.join_protocols(lines), edges, tables["bone"], tables["drugs"], tables["axis"]
    )
    weights = jnp.array([TRABECULAR_SHARE, 1.0 - TRABECULAR_SHARE])
    return 100.0 * jnp.sum(weights * (trajectory.density_mean[-1] / trajectory.density_mean[0] - 1.0))


gradient_of = jax.jit(jax.grad(final))


@pytest.mark.slow
@pytest.mark.parametrize("who", list(GIVEN))
def test_gradient_from_doses_to_bone_equals_central_differences(who):
    """d(areal change at 24 months) / d(amount, interval, start, stop of each drug, constants), to 1e-4."""
    one = jax.tree.map(lambda x: jnp.asarray(x, float), patients()[who])
    at = {drug: jnp.array(GIVEN[who].get(drug, (0.0, 7.3, 2.2, 100.4))) for drug in DOSES}
    at |= {
        kind: jnp.stack([getattr(TABLES[kind](), name) for name in names])
        for kind, names in CONSTANTS.items()
    }
    gradient = gradient_of(at, one)
    for name, values in at.items():
        if name in DOSES and name not in GIVEN[who]:
            continue
        for k, value in enumerate(values):
            h = 1e-5 if name in DOSES and k > 0 else 1e-4 * float(value)
            up, down = ({**at, name: values.at[k].add(s * h)} for s in (1, -1))
            numeric = float(final(up, one) - final(down, one)) / (2 * h)
            np.testing.assert_allclose(
                gradient[name][k], numeric, rtol=1e-4, atol=1e-8, err_msg=f"{name} {k}"
            )
            assert name not in DOSES or abs(numeric) > 1e-6, (name, k)
