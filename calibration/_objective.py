"""What a fit to trials makes small: the negative log posterior of biological parameters."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from types import MappingProxyType

import jax
import jax.numpy as jnp
import numpy as np

import remodeling

from ._arm_courses import ArmBatch
from ._fast_vertebra import FastVertebra
from ._likelihood import log_likelihood
from ._observation_table import ObservationTable, is_compared
from ._predictions import predict
from ._prior import LogNormalPrior, make_prior, prior_penalty
from ._trials import Observation, Role, Trials

BETWEEN_TRIALS = MappingProxyType(
    {"between_trials_density": "%", "between_trials_marker": "%", "between_trials_share": "-"}
)
"""Names, beside those of biological parameters, and units of the standard deviations between trials: of
densities and of markers, whatever the change, and of both as a share of the change predicted."""
_BETWEEN_PRIOR = {
    "between_trials_density": (1.0, 0.7),
    "between_trials_marker": (15.0, 0.7),
    "between_trials_share": (0.15, 0.7),
}
"""Their prior: median and log-sd (assumed)."""


def make_parameter_prior(names: Sequence[str]) -> LogNormalPrior:
    """Priors of `remodeling.PARAMETERS` for chosen parameters, and those of the deviations between trials.

    Args:
      names: biological parameters to be learned; every other one is held fixed.

    Returns:
      prior, median and log-sd by name: `names` and BETWEEN_TRIALS.

    Raises:
      ValueError: an unknown name, one given twice, or one whose prior is not lognormal.
    """
    rows = {row.name: row for row in remodeling.PARAMETERS}
    medians, spreads = {}, {}
    for name in names:
        prior = rows[name].prior if name in rows else None
        if prior is None or prior[0] != "lognormal" or name in medians:
            known = sorted(row.name for row in rows.values() if row.prior and row.prior[0] == "lognormal")
            raise ValueError(
                f"`names` must be different names of parameters with a lognormal prior, got {name!r}; choose "
                f"among {known}"
            )
        medians[name], spreads[name] = prior[1], prior[2]
    for name, (median, spread) in _BETWEEN_PRIOR.items():
        medians[name], spreads[name] = median, spread
    return make_prior(medians, spreads)


def with_learned(
    log_values: dict[str, jax.Array], fixed: remodeling.BoneParameters
) -> tuple[remodeling.BoneParameters, jax.Array]:
    """Parameters with learned values in place, and the deviations between trials, (3,)."""
    learned = {
        name: jnp.exp(value).astype(jnp.result_type(getattr(fixed, name)))
        for name, value in log_values.items()
        if name not in BETWEEN_TRIALS
    }
    between = jnp.stack([jnp.exp(log_values[name]) for name in BETWEEN_TRIALS])
    return replace(fixed, **learned), between


def negative_log_posterior(
    log_values: dict[str, jax.Array],
    prior: LogNormalPrior,
    fixed: remodeling.BoneParameters,
    batch: ArmBatch,
    vertebra: FastVertebra,
    table: ObservationTable,
    mask: jax.Array,
    *,
    robust: bool = True,
) -> jax.Array:
    """Negative log posterior up to a constant: `log_likelihood` of `predict`, and `prior_penalty`.

    Args:
      log_values: ln of the learned parameters and of BETWEEN_TRIALS, by name, ().
      prior: of `make_parameter_prior` of the same names.
      fixed: all other parameters.
      batch: hormone courses of the arms.
      vertebra: classes of bone.
      table: observations.
      mask: 1 counts, 0 does not, (observations,), of `fold_mask`.
      robust: Student t instead of normal; static.

    Returns:
      (), smaller is better.
    """
    parameters, between = with_learned(log_values, fixed)
    prediction = predict(parameters, batch, vertebra, table)
    likelihood = log_likelihood(prediction, table, mask, between, robust=robust)
    return prior_penalty(log_values, prior) - likelihood


def fold_mask(
    trials: Trials,
    observations: Sequence[Observation],
    *,
    roles: Collection[Role] = ("calibration",),
    without: str | None = None,
) -> jax.Array:
    """Which observations count in a fit: those of groups with a role, but for one group left out.

    What other rows say already does not count twice: a difference where both arms have a change or rate of
    the same observable over the same months, and mineral content beside the areal density of the same scan.

    Args:
      trials: the tables.
      observations: in the order of the table of arrays.
      roles: roles that count.
      without: group left out.

    Returns:
      1 counts, 0 does not, (observations,).

    Raises:
      ValueError: a group that the tables lack.
    """
    if without is not None and without not in trials.groups:
        raise ValueError(
            f"`without` must be a group of the trial tables, got {without!r}; see `trials.groups`"
        )
    stated = {_what(seen, seen.arm) for seen in observations if not is_compared(seen)}

    def counts(seen: Observation) -> bool:
        group = trials.groups[trials.arms[seen.arm].group]
        if group.role not in roles or group.name == without:
            return False
        if seen.observable == "spine_bmc" and _what(seen, seen.arm, "spine_areal_bmd") in stated:
            return False
        reference = trials.arms[seen.arm].reference
        repeats = {_what(seen, seen.arm), _what(seen, str(reference))} <= stated
        return not (is_compared(seen) and repeats)

    return jnp.asarray(np.array([counts(seen) for seen in observations], float))


def _what(seen: Observation, arm: str, observable: str | None = None) -> tuple:
    """What an observation measures, as if of an arm: arm, observable, months."""
    return arm, observable or seen.observable, seen.start_month, seen.end_month
