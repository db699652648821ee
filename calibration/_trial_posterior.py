"""The posterior of a fit to trials: what is known of the parameters, with where it came from, as one file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import remodeling

from ._likelihood import FREEDOM
from ._objective import BETWEEN_TRIALS, with_learned
from ._trial_fit import TrialFit, compiled_hessian
from ._trial_problem import TrialProblem, stages_of
from ._trial_tables import TRIALS

FORMAT = "osteon-posterior/1"
"""Written into every file; another one is refused."""
T_QUANTILE = 2.7764451051977987
"""Quantile 0.975 of Student's t with 4 degrees of freedom, the likelihood's."""
NORMAL_QUANTILE = 1.959963984540054
SHIPPED_POSTERIOR = Path(__file__).parent / "posterior" / "posterior.json"
"""The posterior that comes with the package."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrialPosterior:
    """Normal approximation of the posterior of the logarithms of learned values (Laplace, at the mode)."""

    log_values: dict[str, jax.Array]
    "ln of the learned values at the mode by name, fields ()"
    log_covariance: jax.Array
    "covariance of these logarithms, in the order of the sorted names, (names, names)"

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the order of the covariance."""
        return tuple(sorted(self.log_values))

    @property
    def between_trials(self) -> jax.Array:
        """Deviations between trials, in the order of BETWEEN_TRIALS, (3,)."""
        return jnp.exp(jnp.stack([self.log_values[name] for name in BETWEEN_TRIALS]))

    def covariance_of(self, problem: TrialProblem) -> jax.Array:
        """Covariance of the vectors x of a problem of the same names, (names, names)."""
        spread = jnp.stack([problem.prior.log_sd[name] for name in self.names])
        return self.log_covariance / jnp.outer(spread, spread)

    def parameters(self, fixed: remodeling.BoneParameters) -> remodeling.BoneParameters:
        """`fixed` with the learned values at the mode in place."""
        return with_learned(self.log_values, fixed)[0]


def posterior_of(state: TrialFit, problem: TrialProblem, mask: Any = None) -> TrialPosterior:
    """Laplace approximation at the end of a fit; gains of drugs at bone vary with what is held for them.

    Raises:
      ValueError: the fit has not converged, or its second derivatives are not positive definite.
    """
    if not bool(state.converged):
        raise ValueError("`state` must be that of a converged fit; go on with fit_trials")
    inverse = laplace_covariance(state, problem, mask)
    spread = np.array([float(problem.prior.log_sd[name]) for name in problem.names])
    median = np.array([float(np.log(problem.prior.median[name])) for name in problem.names])
    mode = median + spread * np.asarray(state.x)
    covariance = inverse * np.outer(spread, spread)
    return TrialPosterior(
        log_values={name: jnp.asarray(value) for name, value in zip(problem.names, mode, strict=True)},
        log_covariance=jnp.asarray(0.5 * (covariance + covariance.T)),
    )


@dataclass(frozen=True)
class StageCurvature:
    """Second derivatives of what one stage of a fit minimizes, and what follows from them."""

    own: np.ndarray
    "places of what the stage learns among the values, integer, (own,)"
    held: np.ndarray
    "places of all others, integer, (held,)"
    covariance: np.ndarray
    "of x of its own with the others held, (own, own)"
    follows: np.ndarray
    "derivative of its minimum by x of the others, (own, held)"


def stage_curvature(
    state: TrialFit, problem: TrialProblem, counted: jax.Array, free: jax.Array
) -> StageCurvature:
    """Of one stage (a pair of `stages_of`) at the end of a fit.

    Raises:
      ValueError: second derivatives that are not positive definite.
    """
    hessian = np.asarray(compiled_hessian(state, counted, problem))
    own, held = np.flatnonzero(np.asarray(free) > 0), np.flatnonzero(np.asarray(free) == 0)
    inner = hessian[np.ix_(own, own)]
    smallest = float(np.linalg.eigvalsh(inner)[0])
    if not smallest > 0.0:
        raise ValueError(
            f"`state` must be a minimum, got a smallest second derivative of {smallest:.3g}; "
            "start the fit elsewhere"
        )
    follows = -np.linalg.solve(inner, hessian[np.ix_(own, held)])
    return StageCurvature(own, held, np.linalg.inv(inner), follows)


def laplace_covariance(state: TrialFit, problem: TrialProblem, mask: Any = None) -> np.ndarray:
    """Covariance of x, (names, names): of the first stage, and of the second that follows it."""
    covariance = np.zeros((len(problem.names),) * 2)
    for counted, free in stages_of(problem, mask):
        stage = stage_curvature(state, problem, counted, free)
        shared = stage.follows @ covariance[np.ix_(stage.held, stage.held)]
        covariance[np.ix_(stage.own, stage.own)] = stage.covariance + shared @ stage.follows.T
        covariance[np.ix_(stage.own, stage.held)] = shared
        covariance[np.ix_(stage.held, stage.own)] = shared.T
    return covariance


def predictive_half_width(slopes: jax.Array, covariance: jax.Array, trial_spread: jax.Array) -> jax.Array:
    """Half of the 95 % interval of an observation about its prediction.

    sqrt((1.96 sd)^2 + (2.776 spread)^2): sd what the parameters leave open (linear in them), spread the scale
    of the Student t of observations (`error_of_prediction`).

    Args:
      slopes: derivatives of the predictions by x, (observations, names).
      covariance: of x, (names, names).
      trial_spread: scale of observation less prediction, (observations,).
    """
    variance = jnp.maximum(jnp.einsum("ki,ij,kj->k", slopes, covariance, slopes), 0.0)
    return new_trial_half_width(NORMAL_QUANTILE * jnp.sqrt(variance), trial_spread)


def new_trial_half_width(parameter_half_width: jax.Array, trial_spread: jax.Array) -> jax.Array:
    """Half of the 95 % interval of what a trial would see, from that of what the parameters leave open.

    sqrt(h^2 + (2.776 s)^2), with the quantile of Student's t of 4 degrees of freedom. With the deviation
    between trials as s, and no standard error, that of the mean of a large new trial.

    Args:
      parameter_half_width: h, in the unit of the prediction.
      trial_spread: s, scale of Student's t, in the same unit, of a shape that broadcasts with h.
    """
    return jnp.sqrt(parameter_half_width**2 + (T_QUANTILE * trial_spread) ** 2)


def information_by_group(slopes: Any, spread: Any, mask: Any, groups: list[str]) -> dict[str, np.ndarray]:
    """Information of every trial group on every value, sum of (slope / spread)^2 by group, (names,).

    In units of the prior's: 1 is as much as the prior knows. Observations of a group are taken one by one.
    """
    found: dict[str, np.ndarray] = {}
    each = np.asarray(mask)[:, None] * (np.asarray(slopes) / np.asarray(spread)[:, None]) ** 2
    for row, group in zip(each, groups, strict=True):
        found[group] = found.get(group, 0.0) + row
    return found


def trial_tables_hash(folder: str | Path | None = None) -> str:
    """SHA-256 of the trial tables of a folder (those of the package if None), by name and content."""
    digest = hashlib.sha256()
    for name in ("groups.tsv", "arms.tsv", "observations.tsv"):
        digest.update(name.encode())
        digest.update(((TRIALS if folder is None else Path(folder)) / name).read_bytes())
    return digest.hexdigest()


def fit_settings_hash(problem: TrialProblem) -> str:
    """SHA-256 of what is learned, of its priors and of all other parameters."""
    digest = hashlib.sha256()
    for name in problem.names:
        digest.update(f"{name} {problem.prior.median[name]} {problem.prior.log_sd[name]};".encode())
    for row in remodeling.PARAMETERS:
        if row.name not in problem.names:
            digest.update(f"{row.name} {getattr(problem.fixed, row.name)};".encode())
    return digest.hexdigest()


def posterior_to_json(posterior: TrialPosterior, provenance: Mapping[str, Any]) -> str:
    """A posterior and its provenance (anything JSON holds) as text."""
    units = {row.name: row.unit for row in remodeling.PARAMETERS} | BETWEEN_TRIALS
    names = posterior.names
    data = {
        "format": FORMAT,
        "research_use_only": "Research use only, not a medical device.",
        "provenance": dict(provenance),
        "degrees_of_freedom": FREEDOM,
        "names": list(names),
        "units": [units[name] for name in names],
        "values": [float(np.exp(posterior.log_values[name])) for name in names],
        "log_covariance": np.asarray(posterior.log_covariance).tolist(),
    }
    return json.dumps(data, indent=1) + "\n"


def read_posterior(path: str | Path) -> tuple[TrialPosterior, dict[str, Any]]:
    """A posterior file of `posterior_to_json`, and its provenance.

    Raises:
      ValueError: not such a file, a name that is no parameter, or a covariance that is none (says which).
    """
    try:
        data = json.loads(Path(path).read_text())
        names, values = list(data["names"]), np.asarray(data["values"], float)
        covariance = np.asarray(data["log_covariance"], float)
        known, provenance = data["format"], dict(data["provenance"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"`path` must be a posterior file of a fit, got {path}: {error}") from error
    if known != FORMAT:
        raise ValueError(f"`path` must have the format {FORMAT!r}, got {known!r}; fit again")
    allowed = {row.name for row in remodeling.PARAMETERS} | set(BETWEEN_TRIALS)
    unknown = sorted(set(names) - allowed)
    if unknown or names != sorted(names):
        raise ValueError(f"`path` must name known parameters in their order, got {unknown or names}")
    lacking = sorted(set(BETWEEN_TRIALS) - set(names))
    if lacking:
        raise ValueError(f"`path` must hold the deviations between trials, got none of {lacking}; fit again")
    shape = (len(names), len(names))
    if values.shape != shape[:1] or not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(f"`path` needs {len(names)} positive values, got {values}")
    symmetric = covariance.shape == shape and np.allclose(covariance, covariance.T)
    if not symmetric or not np.linalg.eigvalsh(covariance)[0] > 0:
        raise ValueError(f"`path` needs a symmetric positive covariance of shape {shape}, got another")
    log_values = {name: jnp.asarray(np.log(value)) for name, value in zip(names, values, strict=True)}
    return TrialPosterior(log_values, jnp.asarray(covariance)), provenance


def shipped_posterior() -> tuple[TrialPosterior, dict[str, Any]]:
    """The posterior that comes with the package and its provenance, read and checked by `read_posterior`."""
    return read_posterior(SHIPPED_POSTERIOR)
