"""Tables of a cohort: people, outcomes, arms, courses, and the power of the trial."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._cohort_model import DRAWS, CohortModel, Outcomes
from ._cohort_names import DEFAULT_SPREADS, ENDPOINTS, LEVELS
from ._report import RESEARCH_USE
from ._study_tables import CohortSettings

SIZES = (10, 20, 30, 50, 75, 100, 150, 200, 300, 500)
"""Persons of an arm for which power is told unless the study says others."""
WANTED = (0.8, 0.9)
"""Powers for which the number of persons is told."""
PERCENTILES = (5, 95)
"""Percentiles of people in the tables."""
PEOPLE = (*DEFAULT_SPREADS, "years_since_menopause", "share_of_doses_taken")
"""Columns of the table of people; years since menopause are of women."""


@dataclass(frozen=True)
class CohortAnswers:
    """The tables of a cohort, rows as dicts."""

    people: list[dict[str, Any]]
    "one row a person"
    outcomes: list[dict[str, Any]]
    "one row a person and arm"
    arms: list[dict[str, Any]]
    "one row an arm and endpoint"
    courses: list[dict[str, Any]]
    "one row an arm and month, of the endpoint"
    power: list[dict[str, Any]]
    "one row a compared arm and size"
    summary: dict[str, Any]
    "content of summary.json"


def cohort_answers(
    model: CohortModel, outcomes: Outcomes, posterior: np.ndarray, *, title: str, between_trials: np.ndarray
) -> CohortAnswers:
    """Everything that is read off a cohort.

    Args:
      model: of `make_cohort`.
      outcomes: of everybody.
      posterior: change of the endpoint in the middle person by draw and arm, of `posterior_changes`, %.
      title: of the study.
      between_trials: deviations between trials, in the order of `calibration.BETWEEN_TRIALS`, (3,).
    """
    settings, month = model.settings, model.cohort.months
    endpoint = list(ENDPOINTS).index(settings.endpoint)
    noise = noise_sd(settings)
    stay = (1 - settings.dropout_per_year) ** (month / 12)
    reference = model.arms.index(settings.reference)
    compared = [arm for arm in range(len(model.arms)) if arm != reference]
    change = outcomes.change[:, :, endpoint]
    results, power = [], []
    for arm in compared:
        found, rows = _comparison(
            model,
            change,
            arm,
            reference,
            noise=noise,
            stay=stay,
            deviation=_deviations(posterior[:, arm] - posterior[:, reference], between_trials),
        )
        results.append(found)
        power += rows
    arms = _arm_rows(model, outcomes, noise)
    summary = {
        "format": "osteon-cohort/1",
        "title": title,
        "research_use_only": RESEARCH_USE,
        "people": settings.people,
        "seed": settings.seed,
        "endpoint": settings.endpoint,
        "month": month,
        "reference": settings.reference,
        "arms": list(model.arms),
        "alpha": settings.alpha,
        "trials_simulated": settings.trials,
        "response_cv": settings.response_cv,
        "varied_parameters": list(model.cohort.varied),
        "doses_taken": settings.doses_taken,
        "dropout_per_year": settings.dropout_per_year,
        "share_measured": stay,
        **_error_record(settings),
        "spreads": model.spreads,
        "posterior_draws": DRAWS,
        "between_trials_percent": float(between_trials[0]),
        "between_trials_share": float(between_trials[2]),
        "results": results,
        "limits": LIMITS,
    }
    return CohortAnswers(
        people=_people_rows(outcomes),
        outcomes=_outcome_rows(model, outcomes),
        arms=arms,
        courses=_course_rows(model, outcomes),
        power=power,
        summary=summary,
    )


LIMITS = (
    "The fast model: every class of bone density answers for itself, without finite elements between them.",
    "Properties are independent of each other but for age and years since menopause, testosterone and a "
    "man's estradiol, weight and doses per kg; so are the parameters of response.",
    "Changes from other causes and the error of measurement are normal and the same in every arm.",
    "Who leaves is measured in no arm; leaving depends on nothing.",
    "Assurance lets the mean effect deviate by what the posterior of the parameters leaves open and by the "
    "deviation of one trial from another; the spread between people is taken as known.",
)
"""What a cohort assumes."""


def noise_sd(settings: CohortSettings) -> float:
    """Standard deviation of what measurement and other causes add to a change, % of the start."""
    record = _error_record(settings)
    return float(np.sqrt(2 * record["precision_percent"] ** 2 + record["own_change_percent"] ** 2))


def _error_record(settings: CohortSettings) -> dict[str, float]:
    import calibration

    known = calibration.OBSERVABLES[settings.endpoint]
    precision, own = settings.precision_percent, settings.own_change_percent
    return {
        "precision_percent": known.precision if precision is None else precision,
        "own_change_percent": float(known.spread or 0.0) if own is None else own,
    }


def _deviations(difference: np.ndarray, between_trials: np.ndarray) -> np.ndarray:
    """Deviations of a trial's true difference from the cohort's: parameters' and its own, (draws,)."""
    from scipy import stats

    import calibration

    of_parameters = difference[1:] - difference[0]
    shares = (np.random.default_rng(0).permutation(len(of_parameters)) + 0.5) / len(of_parameters)
    scale = np.asarray(calibration.deviation_between_trials(difference[1:], between_trials))
    return of_parameters + scale * stats.t.ppf(shares, calibration.FREEDOM)


def _comparison(
    model: CohortModel,
    change: np.ndarray,
    arm: int,
    reference: int,
    *,
    noise: float,
    stay: float,
    deviation: np.ndarray,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a trial of one arm against the reference would find, and its power by size."""
    import calibration

    settings = model.settings
    difference = float((change[:, arm] - change[:, reference]).mean())
    own, other = (float(np.hypot(change[:, column].std(ddof=1), noise)) for column in (arm, reference))
    names = {"arm": model.arms[arm], "reference": settings.reference}
    rows = []
    for persons in settings.persons or SIZES:
        measured = persons * stay
        trials = calibration.simulate_trials(
            np.random.default_rng([settings.seed, arm, persons]),
            change[:, arm],
            change[:, reference],
            noise_sd=noise,
            persons=persons,
            trials=settings.trials,
            stay=stay,
            alpha=settings.alpha,
        )
        known, drawn = (
            calibration.welch_power(effect, own, other, max(measured, 2.0), alpha=settings.alpha)
            for effect in (difference, difference + deviation)
        )
        rows.append(
            {
                **names,
                "persons": persons,
                "persons_measured": measured,
                "power": float(known),
                "power_simulated": trials.power,
                "power_simulated_se": trials.power_error,
                "assurance": float(drawn.mean()),
            }
        )
    needed = {
        f"{100 * wanted:.0f}": calibration.needed_persons(
            wanted, difference, own, other, alpha=settings.alpha
        )
        if wanted > settings.alpha
        else None
        for wanted in WANTED
    }
    low, high = np.quantile(difference + deviation, [0.025, 0.975])
    result = {
        **names,
        "difference_percent": difference,
        "difference_low": float(low),
        "difference_high": float(high),
        "sd_measured": own,
        "sd_measured_reference": other,
        "persons_measured_for_power": needed,
        "persons_started_for_power": {
            name: None if count is None else int(np.ceil(count / stay)) for name, count in needed.items()
        },
    }
    return result, rows


def _people_rows(outcomes: Outcomes) -> list[dict[str, Any]]:
    names = [name for name in PEOPLE if name in outcomes.people]
    return [
        {"person": int(number) + 1, **{name: float(outcomes.people[name][row]) for name in names}}
        for row, number in enumerate(outcomes.numbers)
    ]


def _outcome_rows(model: CohortModel, outcomes: Outcomes) -> list[dict[str, Any]]:
    return [
        {
            "person": int(number) + 1,
            "arm": arm,
            "month": model.cohort.months,
            **{f"{name}_change": float(outcomes.change[row, column, k]) for k, name in enumerate(ENDPOINTS)},
            **{name: float(outcomes.levels[row, column, k]) for k, name in enumerate(LEVELS)},
        }
        for row, number in enumerate(outcomes.numbers)
        for column, arm in enumerate(model.arms)
    ]


def _moments(values: np.ndarray) -> tuple[Any, Any, Any, Any]:
    """Mean, standard deviation and the two percentiles over people, the first axis."""
    return values.mean(axis=0), values.std(axis=0, ddof=1), *np.percentile(values, PERCENTILES, axis=0)


def _arm_rows(model: CohortModel, outcomes: Outcomes, noise: float) -> list[dict[str, Any]]:
    rows = []
    for column, arm in enumerate(model.arms):
        for place, name in enumerate(ENDPOINTS):
            change = outcomes.change[:, column, place]
            mean, deviation, low, high = _moments(change)
            rows.append(
                {
                    "arm": arm,
                    "endpoint": name,
                    "month": model.cohort.months,
                    "mean_change": float(mean),
                    "sd_true": float(deviation),
                    "sd_measured": float(np.hypot(deviation, noise))
                    if name == model.settings.endpoint
                    else None,
                    "p5": float(low),
                    "p95": float(high),
                }
            )
    return rows


def _course_rows(model: CohortModel, outcomes: Outcomes) -> list[dict[str, Any]]:
    rows = []
    for column, arm in enumerate(model.arms):
        moments = zip(*_moments(outcomes.course[:, column] - 100.0), strict=True)
        for month, (mean, deviation, low, high) in enumerate(moments):
            rows.append(
                {
                    "arm": arm,
                    "month": month,
                    "endpoint": model.settings.endpoint,
                    "mean_change": float(mean),
                    "sd_true": float(deviation),
                    "p5": float(low),
                    "p95": float(high),
                }
            )
    return rows
