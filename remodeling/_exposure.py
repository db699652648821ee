"""What the drugs of a prescription amount to in blood, by what they act on."""

from dataclasses import dataclass, fields

import jax
import jax.numpy as jnp


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Exposure:
    """Means over the intervals of a time grid, (intervals,); zero where nothing is given."""

    testosterone_ng_dl: jax.Array
    "testosterone that the dosing alone gives, at the reference clearance, ng/dL"
    estradiol_pg_ml: jax.Array
    "estradiol, or its equivalent on bone for conjugated estrogens, that the dosing alone gives, pg/mL"
    oral_estrogen: jax.Array
    "oral estrogen through the liver, mg/day of estradiol or its equivalent; raises SHBG, lowers IGF-1"
    progestogen: jax.Array
    "progestogen, mg/day of oral micronized progesterone or its equivalent on bone"
    aromatase_inhibition: jax.Array
    "share of aromatase activity that inhibitors take away, 0 to 1"
    gonadorelin_mg_per_day: jax.Array
    "gonadorelin entering the blood as pulses, mg/day"
    gnrh_agonist: jax.Array
    "continuous GnRH agonist over its concentration of half effect"
    gnrh_antagonist: jax.Array
    "GnRH antagonist over its concentration of half effect"
    hcg_lh_iu_l: jax.Array
    "hCG as the LH that stimulates the testis as much, IU/L"
    gh_ng_ml: jax.Array
    "growth hormone that the dosing alone gives, mean, ng/mL"
    ghrh_drive: jax.Array
    "GHRH analogs (sermorelin, tesamorelin, CJC-1295): effect on GH secretion, 0 none, 1 half of the largest"
    ghs_drive: jax.Array
    "ghrelin-receptor agonists (ipamorelin, hexarelin, MK-677): likewise"
    thyroxine_ug_per_day: jax.Array
    "levothyroxine absorbed, ug/day"
    insulin_index: jax.Array
    "exogenous insulin over the need of the person, 0 to about 1"
    bisphosphonate: jax.Array
    "bisphosphonate active at the bone surface over its amount of half effect"
    denosumab: jax.Array
    "denosumab over its concentration of half effect"
    teriparatide: jax.Array
    "teriparatide over its daily dose of half effect"
    romosozumab: jax.Array
    "romosozumab over its concentration of half effect"


def no_exposure(intervals: int, dtype=None) -> Exposure:
    """Nothing given."""
    return Exposure(**{field.name: jnp.zeros(intervals, dtype or float) for field in fields(Exposure)})
