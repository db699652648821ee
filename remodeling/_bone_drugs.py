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

What does not depend on Bc, Bb, Cb, Md, Mt, Ft, Rt, Mr and Br (`BoneParameters`, which trials teach) are the
signals of `drug_signals`: means over the steps of a course stand for them in `HormoneLevels`, and the drives
are sums of a constant times a signal. Only the brake of denosumab is not: it is a signal as a whole.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from ._exposure import Exposure
from ._follow import follow
from ._hormones import HormoneLevels
from ._parameters import BoneParameters, ParameterEntry, of_numbers, with_defaults
from ._response import share


def _row(name, symbol, unit, default, status, meaning, source):
    return ParameterEntry(name, symbol, unit, default, None, status, meaning, source)


DRUG_EFFECTS: tuple[ParameterEntry, ...] = (
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
    _row("precursor_gain", "g", "-", 1.0, "assumed",
         "osteoclast precursors at full blockade over those at rest, less one",
         "set by hand: turnover above pretreatment after the last dose (Tsourdi 2021, qualitative)"),
    _row("precursor_time", "tau_q", "d", 200.0, "assumed",
         "time in which precursors gather and are used up", "set by hand with precursor_gain"),
    _row("teriparatide_lag", "tau_t", "d", 60.0, "assumed",
         "time in which resorption follows", "set by hand: formation leads resorption"),
    _row("teriparatide_tolerance", "tau_v", "d", 240.0, "assumed",
         "time in which its effects fade", "set by hand: density rises less in the third half-year"),
    _row("romosozumab_tolerance", "tau_r", "d", 120.0, "assumed",
         "time in which its anabolic effect fades",
         "set by hand: formation up at 2 months, below placebo at 12 (Chavassieux 2019)"),
)  # fmt: skip
"""Constants of the drugs that act on bone, in the order of the fields of DrugEffectParameters."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DrugEffectParameters:
    """Values of DRUG_EFFECTS, scalars ()."""

    bisphosphonate_burial: jax.Array
    "tau_b, d"
    denosumab_resorption: jax.Array
    "Bd"
    denosumab_half: jax.Array
    "x_d"
    precursor_gain: jax.Array
    "g"
    precursor_time: jax.Array
    "tau_q, d"
    teriparatide_lag: jax.Array
    "tau_t, d"
    teriparatide_tolerance: jax.Array
    "tau_v, d"
    romosozumab_tolerance: jax.Array
    "tau_r, d"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DrugSignals:
    """What drugs are at bone, means over intervals, (intervals,); fields of `HormoneLevels`."""

    drug_resorption: jax.Array
    "log resorption by denosumab and its rebound"
    calcium: jax.Array
    "o"
    bisphosphonate: jax.Array
    "o"
    bisphosphonate_held: jax.Array
    "s"
    denosumab: jax.Array
    "o"
    teriparatide: jax.Array
    "o (1 - v)"
    teriparatide_late: jax.Array
    "l (1 - v)"
    romosozumab: jax.Array
    "o"
    romosozumab_fresh: jax.Array
    "o (1 - s)"


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


def drug_signals(
    exposure: Exposure, interval_days: jax.Array | float, parameters: DrugEffectParameters | None = None
) -> DrugSignals:
    """What the drugs that act on bone directly are there, before the constants that say how much they do.

    Args:
      exposure: fields (intervals,) on a uniform grid, from a start without such drugs.
      interval_days: length of an interval, days, (); about one, at most a few.
      parameters: constants; defaults if None.

    Returns:
      signals, fields (intervals,), for the fields of `HormoneLevels` of the same names.
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
    return DrugSignals(
        drug_resorption=jnp.log1p(p.precursor_gain * precursors) - blocked,
        calcium=share(exposure.calcium),
        bisphosphonate=bisphosphonate,
        bisphosphonate_held=buried,
        denosumab=denosumab,
        teriparatide=teriparatide * (1.0 - faded),
        teriparatide_late=late * (1.0 - faded),
        romosozumab=romosozumab,
        romosozumab_fresh=romosozumab * (1.0 - tolerance),
    )


def drug_resorption(levels: HormoneLevels, parameters: BoneParameters) -> jax.Array:
    """What drugs add to log resorption, shape of the levels."""
    p = parameters
    return (
        levels.drug_resorption
        - p.calcium_resorption * levels.calcium
        - p.bisphosphonate_resorption * levels.bisphosphonate
        + p.teriparatide_resorption * levels.teriparatide_late
        - p.romosozumab_resorption * levels.romosozumab
    )


def drug_balance(levels: HormoneLevels, parameters: BoneParameters) -> jax.Array:
    """What drugs add to the log balance of a remodeling unit, shape of the levels."""
    p = parameters
    return (
        levels.drug_balance
        + p.bisphosphonate_balance * levels.bisphosphonate_held
        + p.teriparatide_balance * levels.teriparatide
    )


def drug_modeling(levels: HormoneLevels, parameters: BoneParameters) -> jax.Array:
    """Formation on quiescent surface by drugs, in units of the resorption rate at reference hormones."""
    p = parameters
    return (
        levels.drug_modeling
        + p.denosumab_modeling * levels.denosumab
        + p.teriparatide_modeling * levels.teriparatide
        + p.romosozumab_modeling * levels.romosozumab_fresh
    )
