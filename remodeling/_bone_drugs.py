"""Drugs that act on bone directly: from what is in the body to the drives of the cells.

With occupancy o(x) = x / (1 + x) of an exposure x in units of half effect (denosumab: x / x_d),

    calcium          log resorption  - Bc o               less PTH
    bisphosphonate   log resorption  - Bb o               osteoclasts that take it up die, while it is on bone
                     log balance       Cb s               bone that holds it is dug less deep
                     s' = (o - s) / tau_b                 remodeling buries it, over years
    denosumab        log resorption  - Bd o + ln(1 + g q)  free RANKL, times waiting precursors
                     q' = (1 - e^(-Bd o) - q) / tau_q     they gather while RANKL is bound
                     modeling          Md o                formation on quiescent surface goes on
    teriparatide     modeling          Mt o (1 - v)        formation first
                     log balance       Ft o (1 - v)        v' = (o(10 x) - v) / tau_v
                     log resorption  + Rt l (1 - v)        l' = (o - l) / tau_t, resorption later
    romosozumab      modeling          Mr o (1 - s)        s' = (o - s) / tau_r: the brake of sclerostin is
                     log resorption  - Br o                replaced within months
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from ._exposure import Exposure
from ._follow import follow
from ._parameters import ParameterEntry, of_numbers, with_defaults
from ._response import share


def _row(name, symbol, unit, default, status, meaning, source):
    return ParameterEntry(name, symbol, unit, default, None, status, meaning, source)


_BONE = "bone of the built-in vertebra, 15 years after menopause"

DRUG_EFFECTS: tuple[ParameterEntry, ...] = (
    _row("calcium_resorption", "Bc", "-", 0.17, "fitted",
         "brake of calcium supplements on log resorption at full effect",
         "spine +1.2 % (0.8 to 1.7) at 12 months over none, +1.1 at 24, +1.0 later (Tai 2015, BMJ 351:h4183, "
         "table 5); 1000 mg/day give +1.1, +1.2 and +1.2 % ten years after menopause"),
    _row("bisphosphonate_resorption", "Bb", "-", 1.48, "fitted",
         "brake of a bisphosphonate on log resorption at full occupancy",
         "urinary NTX -72 % at 6 months of alendronate and spine +5.5 % at 18 (McClung 2005), here -67 and "
         f"+7.4; occupancy 0.77 assumed; {_BONE}"),
    _row("bisphosphonate_balance", "Cb", "-", 0.57, "fitted",
         "log balance where all bone holds a bisphosphonate: shallower cavities, overfilled",
         "spine +13.7 % (12.0 to 15.5) at 120 months of alendronate (Bone 2004); direction from wall "
         f"thickness up and erosion depth down at 24 months (Chavassieux 1997, abstract); {_BONE}"),
    _row("bisphosphonate_burial", "tau_b", "d", 3650.0, "assumed",
         "time in which bone takes up a bisphosphonate and loses it",
         "of the order of the terminal half-life of alendronate, over 10 years"),
    _row("denosumab_resorption", "Bd", "-", 1.8, "assumed",
         "brake of denosumab on log resorption at full occupancy, precursors at rest",
         "set by hand: spine at 24 months (FREEDOM), resorption to three tenths with precursors gathered; no "
         "marker among the trials"),
    _row("denosumab_half", "x_d", "-", 0.08, "assumed",
         "exposure of half effect on resorption, in units of `Exposure.denosumab`",
         "set by hand: about 15 ng/mL, so that the trough before the next dose still brakes; half of the "
         "saturable elimination (188 ng/mL) would let turnover rise above pretreatment in the sixth month"),
    _row("denosumab_modeling", "Md", "-", 0.125, "fitted",
         "formation on quiescent surface under denosumab at full occupancy",
         f"spine +7.7, +13.7, +18.4 % at 24, 60, 96 months (FREEDOM and its extension); {_BONE}; "
         "the mechanism is assumed"),
    _row("precursor_gain", "g", "-", 1.0, "assumed",
         "osteoclast precursors at full blockade over those at rest, less one",
         "set by hand: turnover above pretreatment after the last dose (Tsourdi 2021, qualitative)"),
    _row("precursor_time", "tau_q", "d", 200.0, "assumed",
         "time in which precursors gather and are used up", "set by hand with precursor_gain"),
    _row("teriparatide_balance", "Ft", "-", 0.65, "assumed",
         "log balance under teriparatide at full occupancy, before it fades",
         "set with teriparatide_modeling; not separable from it by density and markers"),
    _row("teriparatide_modeling", "Mt", "-", 2.6, "fitted",
         "formation on quiescent surface under teriparatide at full occupancy, before it fades",
         "spine +10.3 % areal at 18 months (McClung 2005), 20 ug/d taken as half effect; of the same trial "
         f"+19.0 % volumetric comes out as +25, P1NP +218 as +95 % at 6; {_BONE}"),
    _row("teriparatide_resorption", "Rt", "-", 1.7, "fitted",
         "log resorption under teriparatide at full occupancy, before it fades",
         "urinary NTX +58 % at 6 months, with teriparatide_modeling"),
    _row("teriparatide_lag", "tau_t", "d", 60.0, "assumed",
         "time in which resorption follows", "set by hand: formation leads resorption"),
    _row("teriparatide_tolerance", "tau_v", "d", 240.0, "assumed",
         "time in which its effects fade", "set by hand: density rises less in the third half-year"),
    _row("romosozumab_modeling", "Mr", "-", 1.83, "fitted",
         "formation on quiescent surface at the start of romosozumab at full occupancy",
         f"spine +13 % at 12 months (FRAME, Cosman 2018) at a mean occupancy of 0.82 (assumed); {_BONE}"),
    _row("romosozumab_resorption", "Br", "-", 0.7, "assumed",
         "brake of romosozumab on log resorption at full occupancy",
         "set by hand: eroded surface halved in biopsies at 2 and 12 months (Chavassieux 2019)"),
    _row("romosozumab_tolerance", "tau_r", "d", 120.0, "assumed",
         "time in which its anabolic effect fades",
         "set by hand: formation up at 2 months, below placebo at 12 (Chavassieux 2019)"),
)  # fmt: skip
"""Constants of the drugs that act on bone, in the order of the fields of DrugEffectParameters."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DrugEffectParameters:
    """Values of DRUG_EFFECTS, scalars ()."""

    calcium_resorption: jax.Array
    "Bc"
    bisphosphonate_resorption: jax.Array
    "Bb"
    bisphosphonate_balance: jax.Array
    "Cb"
    bisphosphonate_burial: jax.Array
    "tau_b, d"
    denosumab_resorption: jax.Array
    "Bd"
    denosumab_half: jax.Array
    "x_d"
    denosumab_modeling: jax.Array
    "Md"
    precursor_gain: jax.Array
    "g"
    precursor_time: jax.Array
    "tau_q, d"
    teriparatide_balance: jax.Array
    "Ft"
    teriparatide_modeling: jax.Array
    "Mt"
    teriparatide_resorption: jax.Array
    "Rt"
    teriparatide_lag: jax.Array
    "tau_t, d"
    teriparatide_tolerance: jax.Array
    "tau_v, d"
    romosozumab_modeling: jax.Array
    "Mr"
    romosozumab_resorption: jax.Array
    "Br"
    romosozumab_tolerance: jax.Array
    "tau_r, d"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DrugEffects:
    """What drugs add to the drives of bone cells, means over intervals, (intervals,)."""

    resorption: jax.Array
    "log resorption: `HormoneLevels.drug_resorption`"
    balance: jax.Array
    "log balance: `HormoneLevels.drug_balance`"
    modeling: jax.Array
    "formation on quiescent surface: `HormoneLevels.drug_modeling`"


def make_drug_effect_parameters(*, dtype=None, **values: float) -> DrugEffectParameters:
    """Checked parameters: the defaults of DRUG_EFFECTS with `values` in place.

    Raises:
      ValueError: an unknown name, or a value that is negative or not finite (times and half effects: not
        positive).
    """
    merged = with_defaults(DRUG_EFFECTS, values, "remodeling.DRUG_EFFECTS")
    for name, value in values.items():
        divides = name.endswith("_half") or next(row.unit for row in DRUG_EFFECTS if row.name == name) == "d"
        if not 0 <= float(value) < float("inf") or (divides and float(value) == 0):
            raise ValueError(f"`{name}` must be {'positive' if divides else 'not negative'}, got {value}")
    return of_numbers(DrugEffectParameters, merged, dtype)


def drug_effects(
    exposure: Exposure, interval_days: jax.Array | float, parameters: DrugEffectParameters | None = None
) -> DrugEffects:
    """What the drugs that act on bone directly add to its drives.

    Args:
      exposure: fields (intervals,) on a uniform grid, from a start without such drugs.
      interval_days: length of an interval, days, (); about one, at most a few.
      parameters: constants; defaults if None.

    Returns:
      effects, fields (intervals,), for the drug fields of `HormoneLevels`.
    """
    p = make_drug_effect_parameters(dtype=exposure.denosumab.dtype) if parameters is None else parameters
    bisphosphonate = share(exposure.bisphosphonate)
    denosumab = share(exposure.denosumab / p.denosumab_half)
    teriparatide = share(exposure.teriparatide)
    romosozumab = share(exposure.romosozumab)
    blocked = p.denosumab_resorption * denosumab
    presence = share(10.0 * exposure.teriparatide)
    targets = jnp.stack([bisphosphonate, -jnp.expm1(-blocked), teriparatide, presence, romosozumab], axis=1)
    times = jnp.stack(
        [
            p.bisphosphonate_burial,
            p.precursor_time,
            p.teriparatide_lag,
            p.teriparatide_tolerance,
            p.romosozumab_tolerance,
        ]
    )
    followed, _ = follow(targets, times, interval_days)
    buried, precursors, late, faded, tolerance = followed.T
    # The drug present times what tolerance leaves of it: positive, smooth, and nothing after the last dose.
    anabolic = romosozumab * (1.0 - tolerance)
    return DrugEffects(
        resorption=-p.calcium_resorption * share(exposure.calcium)
        - p.bisphosphonate_resorption * bisphosphonate
        - blocked
        + jnp.log1p(p.precursor_gain * precursors)
        + p.teriparatide_resorption * late * (1.0 - faded)
        - p.romosozumab_resorption * romosozumab,
        balance=p.bisphosphonate_balance * buried + p.teriparatide_balance * teriparatide * (1.0 - faded),
        modeling=p.denosumab_modeling * denosumab
        + p.teriparatide_modeling * teriparatide * (1.0 - faded)
        + p.romosozumab_modeling * anabolic,
    )
