"""The fit of the four parameters of load, what data tell of them, and what they predict of a flight."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import calibration
import remodeling
from benchmarks._load_study import (
    COLUMNS,
    LOADED,
    MONTHS,
    OPTIONS,
    Body,
    Scans,
    counted,
    course_of,
    residuals,
)
from benchmarks._measure import timed

ARM, OTHER_ARM = "spaceflight-flight", "spaceflight-burkhart"
"""The arm that is fitted, and one that is predicted: they may share crew, so both would count it twice."""
STEPS = 60
"""Most iterations of a fit."""


class Problem:
    """The prior of LOADED and one compiled fit for all data: `fit` compiles once per function object."""

    def __init__(self) -> None:
        rows = {row.name: row for row in remodeling.PARAMETERS}
        priors = {name: rows[name].prior for name in LOADED}
        self.prior = calibration.make_prior(
            {name: float(prior[1]) for name, prior in priors.items() if prior},
            {name: float(prior[2]) for name, prior in priors.items() if prior},
        )
        # all of one type, so that none of them compiles the fit anew
        self.no_prior = replace(self.prior, log_sd=jax.tree.map(lambda sd: sd + jnp.inf, self.prior.log_sd))
        self.start = dict(self.prior.median)
        self.defaults = {name: jnp.asarray(rows[name].default, float) for name in LOADED}
        self._residuals, self._evaluations = counted(residuals)

    def fit(
        self,
        body: Body,
        scans: Scans,
        start: Mapping[str, Any] | None = None,
        prior: calibration.LogNormalPrior | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Parameters that `calibration.fit` finds, and what it took."""
        before = self._evaluations()
        (found, info), spent = timed(
            lambda: jax.block_until_ready(
                calibration.fit(
                    self._residuals,
                    dict(start or self.start),
                    data=(body, scans),
                    prior=prior or self.prior,
                    steps=STEPS,
                    optimiser=calibration.BacktrackingLBFGS(),
                )
            )
        )
        return found, {
            "converged": bool(info.converged),
            "stalled": bool(info.stalled),
            "iterations": int(info.iterations),
            "values_of_line_searches": self._evaluations() - before - int(info.iterations),
            "loss_at_start": float(info.loss_history[0]),
            "loss": float(info.loss),
            "data_loss": float(info.data_loss),
            "gradient_norm": float(info.gradient_norm),
            **spent,
        }


def told(
    problem: Problem,
    values: Mapping[str, Any],
    data: tuple[Body, Scans],
    prior: calibration.LogNormalPrior,
) -> dict[str, Any]:
    """Prior, value, 95 % interval of the Laplace approximation and shrinkage of each parameter."""
    known = calibration.identifiability(residuals, dict(values), data=data, prior=prior)
    rows = {}
    for name in LOADED:
        row = known.names.index(name)
        value, spread = float(values[name]), 1.96 * float(known.log_sd[row])
        rows[name] = {
            "prior_median": float(prior.median[name]),
            "prior_log_sd": float(prior.log_sd[name]),
            "default": float(problem.defaults[name]),
            "value": value,
            "interval_95": [value * np.exp(-spread), value * np.exp(spread)],
            "posterior_log_sd": float(known.log_sd[row]),
            "shrinkage": float(known.shrinkage[row]),
            "told_by_prior_alone": name in known.flat,
        }
    return rows


def shown(values: Mapping[str, Any], body: Body, scans: Scans) -> dict[str, Any]:
    """What parameters predict of a flight beside what was printed, in % of the start.

    Strength is that of Crawford (2003), proportional to axial stiffness; no fit saw it.
    """
    course = jax.jit(course_of)(dict(values), body, scans.load)
    solve_month = np.arange(0, MONTHS + 1, OPTIONS.solve_every)
    rows = {}
    for seen in calibration.read_trials().observations:
        month = float(seen.end_month or 0.0)
        if seen.arm == ARM and seen.observable in COLUMNS:
            column = course.change[:, COLUMNS.index(seen.observable)]
            predicted, fitted = float(np.interp(month, np.arange(MONTHS + 1), column)), True
        elif seen.arm == OTHER_ARM and seen.observable == "spine_strength":
            predicted, fitted = float(np.interp(month, solve_month, course.stiffness)), False
        else:
            continue
        if np.isfinite(predicted):
            rows[seen.observable] = {
                "month": month,
                "seen": seen.value,
                "standard_error": seen.standard_error,
                "predicted": predicted,
                "in_the_fit": fitted,
            }
    return rows
