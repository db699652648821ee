"""Published trials as data: groups, arms and what was observed, as plain records."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import remodeling

Role = Literal["calibration", "validation", "context"]
Defaults = Literal["fitted", "set", "none"]
Sex = Literal["male", "female", "both"]
PersonsSource = Literal["printed", "split", "assumed"]
BaselineSource = Literal["paper", "assumed"]
LevelsSource = Literal["paper", "model", "assumed", "untreated"]
Uncertainty = Literal["printed-se", "printed-sd", "printed-ci", "computed", "assumed"]
Reading = Literal["printed", "derived-from-means", "range", "one-sided", "qualitative", "ambiguous"]
SourceLevel = Literal["abstract", "first-page", "review-table", "secondary"]
Kind = Literal["change", "difference", "annual_rate", "rate_difference", "interval", "absolute"]


@dataclass(frozen=True)
class TrialGroup:
    """Arms that share patients or come from one paper; the unit that is fitted or held out."""

    name: str
    "identifier"
    role: Role
    "calibration: may be fitted; validation: held out; context: neither"
    defaults: Defaults
    """what the group did for the default parameters: fitted; set, constants were set by hand looking at it;
    none"""
    reason: str
    "why it has this role, one sentence"


@dataclass(frozen=True)
class HormoneLevel:
    """A hormone's mean level in an arm, in the unit it was printed in."""

    hormone: str
    "name, such as testosterone"
    value: float
    "level in `unit`"
    unit: str
    "unit, such as ng/dL; '% change' is against the level before treatment"

    @property
    def argument(self) -> str:
        """Argument of `remodeling.make_person` that takes such a level, e.g. testosterone_ng_dl."""
        return f"{self.hormone}_{self.unit.lower().replace('/', '_')}"


@dataclass(frozen=True)
class TrialArm:
    """People who were treated alike."""

    name: str
    "identifier"
    group: str
    "identifier of its group"
    treatment: str
    "what was given, in words"
    reference: str | None
    "arm its differences are against: placebo, untreated or a comparator; None: none"
    sex: Sex
    "sex at birth"
    age_years: float | None
    "mean or median age, years; None: not printed"
    persons: int
    "number of persons behind its observations"
    persons_source: PersonsSource
    "printed for the arm; split: a printed total, divided among arms; assumed: not seen"
    population: str
    "who they were"
    years_since_menopause: float | None
    "years since the final menstrual period at month 0, negative before; None: not printed"
    years_deficient: float | None
    "years of hormone deficiency before month 0; None: not printed"
    baseline: tuple[HormoneLevel, ...]
    "levels before treatment; empty: not printed"
    baseline_source: BaselineSource | None
    "where they are from; None: there are none"
    doses: tuple[remodeling.Dose, ...]
    "prescription from day 0; empty: untreated, or the drug or its dose is unknown"
    on_treatment: tuple[HormoneLevel, ...]
    "levels on treatment; empty where `levels_source` is neither paper nor assumed"
    levels_source: LevelsSource | None
    """paper: printed; model: those that `doses` give; assumed; untreated: those before treatment; None: what
    was done to this arm cannot be told to the model"""
    load_factor: float
    "load from month 0 on over the habitual one, until treatment ends"
    treatment_months: float | None
    "month at which treatment ended; None: it lasted throughout"
    citation: str
    "author year, journal"
    doi: str | None
    "DOI; None: not verified"
    pmid: str | None
    "PubMed identifier; None: not verified"
    url: str | None
    "page that was read; None: none"
    note: str
    "assumptions and reservations"


@dataclass(frozen=True)
class Observation:
    """One number, or one interval, that a paper gives for an arm."""

    arm: str
    "identifier of the arm"
    observable: str
    "name in OBSERVABLES"
    kind: Kind
    """change: from `start_month`; difference: of that change from the reference arm's; annual_rate and
    rate_difference: the same per year; interval: only bounds; absolute: not in % of the start, see `unit`"""
    unit: str
    "%, %/year or % difference; of an absolute one such as g/cm2 change or Z-score"
    start_month: float | None
    "month that the change starts from; None only if not printed"
    end_month: float | None
    "month of the measurement; None only if not printed"
    value: float | None
    "measured mean (of some papers the median) in `unit`; None for an interval"
    low: float | None
    "lower 95 % confidence limit, or lower end of an interval; None: none"
    high: float | None
    "upper 95 % confidence limit, or upper end of an interval; None: none"
    standard_error: float | None
    "standard error of the mean in `unit`, for an interval that of its ends; None: unknown (absolute only)"
    persons: int | None
    "persons measured, where they are known to be fewer than those of the arm; None: those of the arm"
    uncertainty: Uncertainty | None
    """where the standard error is from: computed from a printed P value or the standard errors of two
    means, or assumed by `assumed_standard_error`"""
    reading: Reading
    "how the value was read (docs/trials.md)"
    source_level: SourceLevel
    "what was read"
    url: str | None
    "page that was read, if not that of the arm"
    note: str
    "reservations"


@dataclass(frozen=True)
class Trials:
    """All groups, arms and observations."""

    groups: Mapping[str, TrialGroup]
    "groups by identifier"
    arms: Mapping[str, TrialArm]
    "arms by identifier"
    observations: tuple[Observation, ...]
    "observations in the order of the table"


def select_observations(
    trials: Trials,
    *,
    roles: Collection[str] = ("calibration", "validation", "context"),
    observables: Collection[str] | None = None,
    kinds: Collection[str] | None = None,
) -> tuple[Observation, ...]:
    """Observations of groups with one of `roles`, of the named observables and kinds; None: all of them."""
    return tuple(
        observation
        for observation in trials.observations
        if trials.groups[trials.arms[observation.arm].group].role in roles
        and (observables is None or observation.observable in observables)
        and (kinds is None or observation.kind in kinds)
    )
