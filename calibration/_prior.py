"""Prior knowledge of positive parameters."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LogNormalPrior:
    """Independent lognormal priors: ln p is normal about ln median."""

    median: Any
    """medians in the units of the parameters, positive; pytree like the parameters"""
    log_sd: Any
    """standard deviations of ln p, positive (0.3: about 30 %); inf means no prior; pytree like `median`"""


def make_prior(median: Any, log_sd: Any) -> LogNormalPrior:
    """Checked lognormal prior.

    Args:
      median: pytree of positive numbers or arrays, in the units of the parameters.
      log_sd: one positive number for all, or a pytree like `median`; inf leaves a parameter free.

    Raises:
      ValueError: a median or spread is not positive (names it), or the trees differ.
    """
    medians = jax.tree.map(np.asarray, median)
    if np.ndim(log_sd) == 0 and isinstance(log_sd, int | float):
        spreads = jax.tree.map(lambda m: np.full(np.shape(m), float(log_sd)), medians)
    else:
        spreads = jax.tree.map(np.asarray, log_sd)
    require_same_structure("log_sd", spreads, "median", medians)
    require_positive("median", medians)
    require_positive("log_sd", spreads, allow_infinite=True)
    return LogNormalPrior(jax.tree.map(jnp.asarray, medians), jax.tree.map(jnp.asarray, spreads))


def prior_penalty(log_parameters: Any, prior: LogNormalPrior) -> jax.Array:
    """Negative log density of the prior up to a constant, 1/2 sum ((ln p - ln median) / log_sd)^2."""
    terms = jax.tree.map(
        lambda value, median, spread: 0.5 * jnp.sum(((value - jnp.log(median)) / spread) ** 2),
        log_parameters,
        prior.median,
        prior.log_sd,
    )
    return jnp.asarray(sum(jax.tree.leaves(terms)))


def require_positive(argument: str, tree: Any, *, allow_infinite: bool = False) -> None:
    """ValueError that names the first entry that is not positive (and finite), and how many there are."""
    bad = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        values = np.asarray(leaf)
        fine = (values > 0) & (np.isfinite(values) | allow_infinite)
        bad += [(path, index, values[index]) for index in map(tuple, np.argwhere(~fine))]
    if bad:
        path, index, value = bad[0]
        place = jax.tree_util.keystr(path) + (str(list(map(int, index))) if index else "")
        raise ValueError(
            f"`{argument}` must be positive{'' if allow_infinite else ' and finite'}: {place or 'it'} is "
            f"{value} ({len(bad)} such value{'s' if len(bad) > 1 else ''}); fit positive quantities"
        )


def require_same_structure(argument: str, tree: Any, other: str, like: Any) -> None:
    """ValueError when two pytrees differ in structure or in the shape of a leaf."""
    if jax.tree.structure(tree) != jax.tree.structure(like):
        raise ValueError(
            f"`{argument}` must be a pytree like `{other}`: needed {jax.tree.structure(like)}, "
            f"came {jax.tree.structure(tree)}"
        )
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        wanted = np.shape(dict(jax.tree_util.tree_leaves_with_path(like))[path])
        if np.shape(leaf) != wanted:
            raise ValueError(
                f"`{argument}`{jax.tree_util.keystr(path)} must have the shape {wanted} it has in `{other}`, "
                f"came {np.shape(leaf)}"
            )
