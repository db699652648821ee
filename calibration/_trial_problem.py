"""A fit to trials as one object: who, what was seen of them, which parameters are learned, their priors."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

import remodeling

from ._arm_courses import ArmBatch, make_arm_batch
from ._fast_vertebra import FastVertebra, make_builtin_vertebra
from ._likelihood import log_likelihood
from ._objective import fold_mask, make_parameter_prior, with_learned
from ._observation_table import ObservationTable, answered, arms_of, make_observation_table
from ._predictions import predict
from ._prior import LogNormalPrior
from ._therapy_classes import AT_BONE, therapy_class
from ._trials import Observation, Role, Trials, select_observations

LEARNED: tuple[str, ...] = tuple(
    row.name for row in remodeling.PARAMETERS if row.prior is not None and row.prior[0] == "lognormal"
)
"""Parameters that a fit to trials learns unless told otherwise: all of a lognormal prior."""

DRUG_GAINS: tuple[str, ...] = tuple(
    name
    for entry in remodeling.MECHANISMS
    if entry.name in ("bisphosphonate", "denosumab", "teriparatide", "romosozumab")
    for name in entry.parameters
    if name in LEARNED
)
"""Of these what drugs at bone do: learned last, from groups of such drugs, which teach nothing else."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrialProblem:
    """Everything that a fit to trials reads. Vectors x follow `names`: x = (ln p - ln median) / log_sd."""

    prior: LogNormalPrior
    "of the learned parameters and of the deviations between trials, by name"
    fixed: remodeling.BoneParameters
    "all other parameters"
    batch: ArmBatch
    "people of the arms"
    vertebra: FastVertebra
    "their spine"
    table: ObservationTable
    "what was seen of them"
    mask: jax.Array
    "1 counts, 0 does not, (observations,)"
    names: tuple[str, ...] = field(metadata={"static": True})
    "names of the learned values in the order of vectors"
    late: jax.Array | None = None
    "1 for an observation that teaches DRUG_GAINS alone, in a second stage, (observations,); None: none"


def make_trial_problem(
    trials: Trials,
    *,
    names: Sequence[str] = LEARNED,
    roles: Collection[Role] = ("calibration",),
    months: int = 120,
    vertebra: FastVertebra | None = None,
    dtype: Any = None,
) -> tuple[TrialProblem, tuple[Observation, ...]]:
    """The fit of the observations of the groups with a role, and these observations in their order.

    Args:
      trials: the tables.
      names: biological parameters to be learned.
      roles: roles of the groups whose observations are read; those of role calibration count.
      months: length of the courses.
      vertebra: `make_builtin_vertebra` if None.
      dtype: floating type; jax's default unless given.

    Raises:
      ValueError: a name without a lognormal prior, or no observation that the fast model answers.
    """
    seen = answered(trials, select_observations(trials, roles=roles))
    prior = make_parameter_prior(names)
    prior = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype or float), prior)
    batch = make_arm_batch(arms_of(trials, seen), months=months, dtype=dtype)
    problem = TrialProblem(
        prior=prior,
        fixed=remodeling.default_parameters(dtype=dtype),
        batch=batch,
        vertebra=make_builtin_vertebra(dtype=dtype) if vertebra is None else vertebra,
        table=make_observation_table(trials, seen, batch, dtype=dtype),
        mask=fold_mask(trials, seen).astype(dtype or float),
        names=tuple(sorted(prior.median)),
        late=_of_drugs_at_bone(trials, seen).astype(dtype or float),
    )
    return problem, seen


def _of_drugs_at_bone(trials: Trials, seen: Sequence[Observation]) -> jax.Array:
    """1 for observations of a group of which an arm was given a drug that acts on bone, (observations,)."""
    groups = {arm.group for arm in trials.arms.values() if therapy_class(arm) in AT_BONE}
    return jnp.asarray([float(trials.arms[item.arm].group in groups) for item in seen])


def stages_of(problem: TrialProblem, mask: Any = None) -> list[tuple[jax.Array, jax.Array]]:
    """What counts and what is free, one after the other: all but DRUG_GAINS, then these with the rest held.

    Learned together, what the model gets wrong of drugs at bone bends what hormones do (docs/fit.md). So
    hormones do not hear of the groups of such drugs (a cut: Plummer 2015, Stat Comput 25:37).

    Args:
      problem: what is fitted.
      mask: observations that count instead of those of the problem, (observations,).

    Returns:
      one or two pairs: observations that count, (observations,), and 1 for values that are free, (names,).
    """
    counted = problem.mask if mask is None else jnp.asarray(mask, problem.mask.dtype)
    late = jnp.asarray([float(name in DRUG_GAINS) for name in problem.names], counted.dtype)
    if problem.late is None:
        return [(counted, jnp.ones_like(late))]
    stages = [(counted * (1.0 - problem.late), 1.0 - late)]
    if any(name in DRUG_GAINS for name in problem.names):
        stages.append((counted * problem.late, late))
    return stages


def heard(problem: TrialProblem) -> jax.Array:
    """1 where an observation teaches a value, (observations, names)."""
    return jnp.sum(jnp.stack([counted[:, None] * free for counted, free in stages_of(problem)]), axis=0)


def log_values(x: jax.Array, problem: TrialProblem) -> dict[str, jax.Array]:
    """ln of the learned values by name, of a vector x, (names,)."""
    prior = problem.prior
    return {
        name: jnp.log(prior.median[name]) + prior.log_sd[name] * x[row]
        for row, name in enumerate(problem.names)
    }


def vector_of(values: dict[str, Any], problem: TrialProblem) -> jax.Array:
    """The vector x of learned values by name; the prior median, 0, for a name that is not there."""
    prior = problem.prior
    rows = [
        (jnp.log(values[name]) - jnp.log(prior.median[name])) / prior.log_sd[name]
        if name in values
        else jnp.zeros_like(prior.median[name])
        for name in problem.names
    ]
    return jnp.stack(rows)


def predict_with_slopes(x: jax.Array, problem: TrialProblem) -> tuple[jax.Array, jax.Array]:
    """`predict` and its derivatives, (observations,) and (observations, names), by forward mode.

    All that a fit asks of the model: likelihood, gradient, Gauss-Newton steps and intervals are cheap after
    it, so that one program is compiled for all of them.
    """

    def run(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        parameters, _ = with_learned(log_values(x, problem), problem.fixed)
        prediction = predict(parameters, problem.batch, problem.vertebra, problem.table)
        return prediction, prediction

    slopes, prediction = jax.jacfwd(run, has_aux=True)(x)
    return prediction, slopes


def objective_of(prediction: jax.Array, x: jax.Array, mask: jax.Array, problem: TrialProblem) -> jax.Array:
    """Negative log posterior of x up to a constant, of predictions made with it."""
    _, between = with_learned(log_values(x, problem), problem.fixed)
    return 0.5 * jnp.sum(x**2) - log_likelihood(prediction, problem.table, mask, between)
