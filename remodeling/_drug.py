"""What a drug is, as data: numbers with their sources, kinetics, what it acts on."""

import math
from dataclasses import dataclass
from typing import Literal

Status = Literal["measured", "fitted", "assumed"]
Mode = Literal["level", "rate", "effect", "inhibition"]

_DAYS = {"min": 1.0 / 1440.0, "h": 1.0 / 24.0, "d": 1.0}


@dataclass(frozen=True)
class Number:
    """One number of a drug."""

    name: str
    "what it is"
    value: float
    "value in `unit`"
    unit: str
    "unit"
    status: Status
    "measured (in people, published), fitted (to published levels), or assumed"
    source: str
    "where it is from, and how sure that is"

    def rate(self) -> float:
        """1/day of a half-life in min, h or d."""
        return math.log(2.0) / (self.value * _DAYS[self.unit])


@dataclass(frozen=True)
class Phase:
    """One of the parallel ways into blood: a chain of first-order steps, entered at once or evenly."""

    share: float
    "part of the absorbed dose that takes this way"
    rates_per_day: tuple[float, ...]
    "rates of the chain depot -> ... -> blood -> gone, 1/day, distinct; the last is the elimination"
    release_days: float = 0.0
    "days over which the dose enters the chain evenly (patch, pump, microspheres); 0: at once"


@dataclass(frozen=True)
class Saturable:
    """Target-mediated elimination beside a linear one: C' = J / V - (k + Vm / (Km + C)) C."""

    absorption_per_day: float
    "rate of absorption, 1/day"
    volume_l_per_kg: float
    "apparent volume, L/kg"
    elimination_per_day: float
    "k, linear elimination, 1/day"
    maximum_ng_ml_day: float
    "Vm, largest saturable elimination, ng/mL/day"
    half_ng_ml: float
    "Km, concentration of half of it, ng/mL"


@dataclass(frozen=True)
class Action:
    """What the blood level of a drug adds to one field of Exposure."""

    field: str
    "field of Exposure"
    mode: Mode
    """how: level, factor times mean concentration; rate, factor times mean rate of leaving blood; effect, the
    mean of c / (c + 1) with c = factor times concentration, given as m / (1 - m); inhibition, 1 - prod (1 -
    most c / (1 + c))"""
    factor: float
    "factor on the concentration (ng/mL, or IU/L) or on the rate (dose unit per day)"
    most: float = 1.0
    "largest inhibition"
    per_kg: bool = False
    "divide by body weight"


@dataclass(frozen=True)
class Drug:
    """A drug as data."""

    name: str
    "registry name"
    routes: tuple[str, ...]
    "routes the numbers hold for; the first is the default"
    actions: tuple[Action, ...]
    "what it acts on"
    numbers: tuple[Number, ...]
    "every number with its status and source"
    dose_range_mg: tuple[float, float]
    "range of a single dose that is accepted, in the dose unit; assumed limits against typing errors"
    phases: tuple[Phase, ...] = ()
    "linear kinetics; empty for saturable"
    absorbed: float = 1.0
    "active substance that enters the chains per unit of dose"
    clearance_l_per_day: float = 1.0
    "clearance, L/day (L/day/kg with `per_kg`); concentration = k_e amount / clearance"
    per_kg: bool = False
    "clearance is per kg of body weight"
    saturable: Saturable | None = None
    "saturable kinetics instead of phases"
    dose_unit: str = "mg"
    "unit of `Dose.amount_mg`: mg, IU, U, or mg/day for what is released evenly over `release_days`"
    unit_ng: float = 1000.0
    "concentration unit (ng/mL, IU/L) of one dose unit per liter"
    caution: str = ""
    "what a run with this drug must say, empty if nothing"

    def assumed(self) -> tuple[Number, ...]:
        """Its numbers that are assumed."""
        return tuple(number for number in self.numbers if number.status == "assumed")
