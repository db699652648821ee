"""What the drugs of a prescription amount to in blood, by what they act on."""

from dataclasses import dataclass, fields

import jax
import jax.numpy as jnp

from ._drug import Drug
from ._drugs import DRUGS
from ._modes import Modes, dose_modes, joined, mean_level, scaled
from ._protocol import Protocol
from ._receptor_effect import mean_effect
from ._response import share
from ._saturable import mean_saturable_level


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
    aromatase_inhibition_men: jax.Array
    "share of aromatase activity that inhibitors take away from a man, 0 to 1"
    aromatase_inhibition_women: jax.Array
    "share that the same doses take away from a woman, 0 to 1"
    gonadorelin_mg_per_day: jax.Array
    "gonadorelin entering the blood as pulses, mg/day"
    gnrh_agonist: jax.Array
    "continuous GnRH agonist: m / (1 - m), m its mean effect; gonadorelin over its dose of half effect"
    gnrh_antagonist: jax.Array
    "GnRH antagonist over its concentration of half effect"
    hcg_lh_iu_l: jax.Array
    "hCG as the LH that stimulates the testis as much, IU/L"
    gh_ng_ml: jax.Array
    "growth hormone that the dosing alone gives, mean, ng/mL"
    ghrh_drive: jax.Array
    "GHRH analogs (sermorelin, tesamorelin, CJC-1295): m / (1 - m), m their mean effect on GH secretion"
    ghs_drive: jax.Array
    "ghrelin-receptor agonists (ipamorelin, hexarelin, MK-677): likewise"
    thyroxine_ug_per_day: jax.Array
    "levothyroxine absorbed, ug/day"
    insulin_index: jax.Array
    "exogenous insulin over the need of the person, 0 to about 1"
    calcium: jax.Array
    "calcium supplement over its daily dose of half effect"
    bisphosphonate: jax.Array
    "bisphosphonate active at the bone surface over its amount of half effect"
    denosumab: jax.Array
    "denosumab over its concentration of half effect"
    teriparatide: jax.Array
    "teriparatide over its daily dose of half effect, given once daily"
    romosozumab: jax.Array
    "romosozumab over its concentration of half effect"


def no_exposure(intervals: int, dtype=None) -> Exposure:
    """Nothing given."""
    return Exposure(**{field.name: jnp.zeros(intervals, dtype or float) for field in fields(Exposure)})


def exposure(protocol: Protocol, weight_kg: jax.Array | float, edges: jax.Array) -> Exposure:
    """What a prescription amounts to in a person, means over the intervals of a time grid.

    Linear drugs in closed form with exact means; antibodies that their target clears by an exponential step;
    agonists of one receptor by the mean of their saturating effect, m, given as m / (1 - m). Doses before
    `edges[0]` count. Differentiable in amounts, times of doses and weight; of times, except where a dose
    crosses an edge of the grid and its drug enters the blood at once.

    Args:
      protocol: doses.
      weight_kg: body weight, kg, ().
      edges: ends of the intervals, days, increasing, (intervals + 1,); about a day apart.

    Returns:
      exposure, fields (intervals,).
    """
    weight = jnp.asarray(weight_kg, edges.dtype)
    total = {name: jnp.zeros(edges.shape[0] - 1, edges.dtype) for name in _FIELDS}
    residual: dict[str, jax.Array] = {}
    shared: dict[str, list[Modes]] = {}
    for name, day, dose in _by_drug(protocol):
        drug = DRUGS[name]
        for action in drug.actions:
            factor = action.factor / (weight if action.per_kg else 1.0)
            if action.mode == "effect":
                modes = scaled(_concentration_modes(drug, day, dose, weight), factor)
                shared.setdefault(action.field, []).append(modes)
            elif action.mode == "inhibition":
                over_half = factor * mean_concentration(drug, day, dose, weight, edges)
                left = 1.0 - action.most * share(over_half)
                residual[action.field] = residual.get(action.field, 1.0) * left
            elif action.mode == "rate":
                # What leaves the blood is what entered it, delayed by its own half-life.
                rate = mean_concentration(drug, day, dose, weight, edges) * (
                    drug.clearance_l_per_day * (weight if drug.per_kg else 1.0) / drug.unit_ng
                )
                total[action.field] = total[action.field] + factor * rate
            else:
                level = mean_concentration(drug, day, dose, weight, edges)
                total[action.field] = total[action.field] + factor * level
    for field, parts in shared.items():
        mean = mean_effect(joined(parts), edges)
        total[field] = total[field] + mean / (1.0 - mean)
    for field, left in residual.items():
        total[field] = 1.0 - left
    return Exposure(**total)


_FIELDS = tuple(field.name for field in fields(Exposure))


def _by_drug(protocol: Protocol) -> list[tuple[str, jax.Array, jax.Array]]:
    """Lines of one drug put together; lines without doses left out."""
    lines: dict[str, tuple[list[jax.Array], list[jax.Array]]] = {}
    for name, day, dose in zip(protocol.drugs, protocol.dose_day, protocol.dose_mg, strict=True):
        if day.shape[0]:
            days, doses = lines.setdefault(name, ([], []))
            days.append(day)
            doses.append(dose)
    return [(name, jnp.concatenate(days), jnp.concatenate(doses)) for name, (days, doses) in lines.items()]


def _concentration_modes(drug: Drug, day: jax.Array, dose: jax.Array, weight: jax.Array) -> Modes:
    clearance = drug.clearance_l_per_day * (weight if drug.per_kg else 1.0)
    per_day = drug.dose_unit.endswith("/day")
    parts = []
    for phase in drug.phases:
        days_of_release = phase.release_days if per_day else 1.0
        amount = dose_modes(phase, day, drug.absorbed * days_of_release * dose)
        parts.append(scaled(amount, drug.unit_ng * phase.rates_per_day[-1] / clearance))
    return joined(parts)


def mean_concentration(
    drug: Drug, day: jax.Array, dose: jax.Array, weight_kg: jax.Array | float, edges: jax.Array
) -> jax.Array:
    """Mean blood concentration of one drug over each interval, ng/mL (IU/L for doses in IU), (intervals,).

    Args:
      drug: of DRUGS.
      day: days of the doses, (doses,).
      dose: amounts in the drug's dose unit, (doses,).
      weight_kg: body weight, kg, ().
      edges: ends of the intervals, days, increasing, (intervals + 1,).
    """
    weight = jnp.asarray(weight_kg, edges.dtype)
    if drug.saturable is not None:
        return mean_saturable_level(drug.saturable, day, dose, weight, edges)
    return mean_level(_concentration_modes(drug, day, dose, weight), edges)
