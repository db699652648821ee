"""What the data tell of each parameter, in numbers and in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._laplace import describe_direction, flat_threshold
from ._log_vector import log_vector, parameter_names, prior_vectors, require_problem, require_share
from ._prior import LogNormalPrior
from ._profile import ProfileInfo


@dataclass(frozen=True)
class Identifiability:
    """What data and prior tell of every parameter at a mode; vectors follow `names`."""

    names: tuple[str, ...]
    """names of the parameters"""
    log_sd: np.ndarray
    """posterior standard deviation of ln p, shape (n,); inf along a flat direction"""
    shrinkage: np.ndarray
    """1 - posterior / prior variance, shape (n,)"""
    flat: tuple[str, ...]
    """parameters the data hardly tell: shrinkage below the threshold or no bound at all"""
    flat_directions: tuple[str, ...]
    """combinations of ln p that neither data nor prior fix"""
    correlated: tuple[tuple[str, str, float], ...]
    """pairs of strong posterior correlation, the strongest first"""
    open_profiles: tuple[tuple[str, str], ...]
    """(parameter, side) whose profile stays below its threshold: "below", "above", "on both sides" """
    groups: tuple[str, ...]
    """names of the groups of data"""
    growth: np.ndarray
    """posterior sd without the group over the sd with all, shape (groups, n); 1: adds nothing, inf: alone"""

    def sentences(self) -> tuple[str, ...]:
        """The same in words, one statement each."""
        said = []
        for direction in self.flat_directions:
            said.append(f"Neither data nor prior fix the direction {direction}.")
        for i, name in enumerate(self.names):
            if not np.isfinite(self.log_sd[i]):
                continue
            known = f"{name} is known to a factor of {np.exp(1.96 * self.log_sd[i]):.3g} (95 %)"
            told = ", by its prior: the data add little" if name in self.flat else self._source(i)
            said.append(f"{known}, shrinkage {self.shrinkage[i]:.2g}{told}.")
        for name, side in self.open_profiles:
            said.append(f"The profile of {name} is open {side}: its interval has no end there.")
        for first, second, value in self.correlated:
            kind = "ratio" if value > 0 else "product"
            said.append(f"{first} and {second} are correlated {value:+.3f}: the data tell their {kind} best.")
        return tuple(said)

    def _source(self, index: int) -> str:
        """The group without which the parameter loses most."""
        if len(self.groups) < 2:
            return ""
        growth = self.growth[:, index]
        best = int(np.argmax(growth))
        if not np.isfinite(growth[best]):
            return f"; only {self.groups[best]} informs it"
        if growth[best] < 1.1:
            return "; no group of data is needed for it"
        return f"; most from {self.groups[best]}, without which its sd grows {growth[best]:.3g}-fold"


def identifiability(
    residuals: Callable[[Any, Any], Any],
    parameters: Any,
    *,
    data: Any = None,
    prior: LogNormalPrior | None = None,
    labels: Sequence[str] | None = None,
    profiles: Mapping[str, ProfileInfo] | None = None,
    flat_below: float = 0.1,
    correlated_above: float = 0.9,
) -> Identifiability:
    """Which parameters the data tell, which they do not, and which data tell which, on the host.

    By the Gauss-Newton Hessian, which adds up over groups of data: leaving a group out is leaving out its
    J^T J. Local statements about the given point; only a profile sees beyond it (Raue 2009).

    Args:
      residuals: function (parameters, data) -> standardised residuals, as in `fit`. A dict or tuple of them
        is one group of data per entry.
      parameters: the mode, as `fit` returns it.
      data: as in `fit`.
      prior: as in `fit`.
      labels: group of every entry of the residuals laid out as one vector, when they are not one pytree
        entry per group.
      profiles: records of `profile` by parameter name.
      flat_below: shrinkage below which a parameter counts as flat, between 0 and 1.
      correlated_above: magnitude of a correlation that counts as strong, between 0 and 1.

    Returns:
      The findings; `sentences()` has them in words.

    Raises:
      ValueError: a threshold is no share, a label is missing, or a profile names no parameter.
      TypeError: `residuals` cannot be called.
    """
    require_problem(residuals, "parameters", parameters, prior)
    require_share("flat_below", flat_below)
    require_share("correlated_above", correlated_above)
    names = parameter_names(parameters)
    for name in profiles or {}:
        if name not in names:
            raise ValueError(f"`profiles` must name parameters ({', '.join(names)}), came {name}")
    parameters = jax.tree.map(jnp.asarray, parameters)
    jacobian, of_rows = _rows(_jacobian_compiled(residuals, parameters, data), len(names))
    spreads = np.asarray(prior_vectors(prior, log_vector(parameters)[0])[1])
    of_rows = np.asarray(of_rows if labels is None else labels, dtype=str)
    if of_rows.shape != jacobian.shape[:1]:
        raise ValueError(
            f"`labels` must name the group of each of the {jacobian.shape[0]} residuals, came {of_rows.size}"
        )
    groups = tuple(dict.fromkeys(of_rows.tolist()))
    spread_of = partial(_covariance, floor=flat_threshold(len(names), jacobian.dtype))
    total = jacobian.T @ jacobian + np.diag(spreads**-2.0)
    covariance, directions = spread_of(total)
    log_sd = np.sqrt(np.diag(covariance))
    growth = np.ones((len(groups), len(names)))
    known = np.isfinite(log_sd)
    for row, group in enumerate(groups):
        others = jacobian[of_rows != group]
        without = np.sqrt(np.diag(spread_of(others.T @ others + np.diag(spreads**-2.0))[0]))
        growth[row, known] = without[known] / log_sd[known]
    # An unbounded parameter without a prior has learnt nothing either.
    shrinkage = np.where(known, 1 - (np.where(known, log_sd, 1) / spreads) ** 2, 0)
    return Identifiability(
        names=names,
        log_sd=log_sd,
        shrinkage=shrinkage,
        flat=tuple(name for name, told in zip(names, shrinkage, strict=True) if told < flat_below),
        flat_directions=tuple(describe_direction(names, direction) for direction in directions),
        correlated=_strong_pairs(names, covariance, correlated_above),
        open_profiles=tuple(
            (name, "on both sides" if info.open_below and info.open_above else side)
            for name, info in (profiles or {}).items()
            for side, is_open in (("below", info.open_below), ("above", info.open_above))
            if bool(is_open) and not (side == "above" and bool(info.open_below))
        ),
        groups=groups,
        growth=growth,
    )


def _jacobian(residuals, parameters, data):
    """d residuals / d ln p without the prior: pytree like the residuals, leaves (..., n)."""
    vector, restore = log_vector(parameters)
    return jax.jacfwd(lambda logs: residuals(restore(logs), data))(vector)


_jacobian_compiled = jax.jit(_jacobian, static_argnums=0)


def _rows(jacobian: Any, size: int) -> tuple[np.ndarray, list[str]]:
    """The Jacobian as one matrix, (m, n), and the entry of the residuals' pytree of every row.

    A bare array is the group "data".
    """
    parts, labels = [], []
    for path, leaf in jax.tree_util.tree_leaves_with_path(jacobian):
        parts.append(np.asarray(leaf).reshape(-1, size))
        labels += [jax.tree_util.keystr(path[:1], simple=True) or "data"] * len(parts[-1])
    return np.concatenate(parts), labels


def _covariance(hessian: np.ndarray, *, floor: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """Inverse of a Hessian with inf variance along its flat directions, and those directions in ln p."""
    diagonal = np.diag(hessian)
    scale = np.where(diagonal > 0, np.sqrt(np.abs(diagonal)), 1)
    values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    flat = values <= floor
    vectors = vectors / scale[:, None]
    curved = vectors[:, ~flat]
    covariance = (curved / values[~flat]) @ curved.T
    directions = [column / column[np.argmax(np.abs(column))] for column in vectors[:, flat].T]
    unbounded = np.any(np.abs(directions) > np.sqrt(floor), axis=0) if directions else np.zeros(0, int)
    covariance[unbounded, unbounded] = np.inf
    return covariance, directions


def _strong_pairs(names, covariance, least) -> tuple[tuple[str, str, float], ...]:
    """Pairs of bounded parameters whose correlation is at least `least` in magnitude."""
    sd = np.sqrt(np.diag(covariance))
    pairs = [
        (names[i], names[j], float(covariance[i, j] / (sd[i] * sd[j])))
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if np.isfinite(sd[i]) and np.isfinite(sd[j])
    ]
    return tuple(sorted((p for p in pairs if abs(p[2]) >= least), key=lambda p: -abs(p[2])))
