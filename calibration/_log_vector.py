"""The parameters of a fit as one vector of logarithms, and the residuals of a fit as one vector."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ._prior import LogNormalPrior, require_positive, require_same_structure


def floating(parameters: Any) -> Any:
    """The parameters as arrays of real numbers: integers in the default precision, others in their own."""

    def convert(leaf):
        array = jnp.asarray(leaf)
        return jnp.asarray(array, jnp.result_type(array, 1.0))

    return jax.tree.map(convert, parameters)


def log_vector(parameters: Any) -> tuple[jax.Array, Callable[[jax.Array], Any]]:
    """ln p of all parameters, shape (n,), and the function from such a vector back to positive parameters."""
    vector, restore = ravel_pytree(jax.tree.map(lambda p: jnp.log(jnp.asarray(p)), parameters))
    return vector, lambda logs: jax.tree.map(jnp.exp, restore(logs))


def parameter_names(parameters: Any) -> tuple[str, ...]:
    """Name of every entry of the vector of logarithms: "gain", "rate[1]", "bone.lag"."""
    names = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(parameters):
        name = jax.tree_util.keystr(path, simple=True, separator=".") or "parameter"
        shape = np.shape(leaf)
        names += [name + (f"[{', '.join(map(str, index))}]" if shape else "") for index in np.ndindex(shape)]
    return tuple(names)


def prior_vectors(prior: LogNormalPrior | None, vector: jax.Array) -> tuple[jax.Array, jax.Array]:
    """ln median and standard deviation of ln p, each (n,); 0 and inf without a prior."""
    if prior is None:
        return jnp.zeros_like(vector), jnp.full_like(vector, jnp.inf)
    median = ravel_pytree(jax.tree.map(lambda m: jnp.log(jnp.asarray(m)), prior.median))[0]
    return median.astype(vector.dtype), ravel_pytree(prior.log_sd)[0].astype(vector.dtype)


def residual_vector(residuals: Callable[[Any, Any], Any], parameters: Any, data: Any) -> jax.Array:
    """Standardised residuals of all data as one vector, shape (m,)."""
    return ravel_pytree(residuals(parameters, data))[0]


def all_residuals(
    residuals: Callable[[Any, Any], Any],
    vector: jax.Array,
    restore: Callable[[jax.Array], Any],
    data: Any,
    prior: LogNormalPrior | None,
) -> jax.Array:
    """Residuals of the data, then those of the prior, (ln p - ln median) / log_sd; shape (m + n,).

    Half the sum of their squares is the loss that `fit` minimises.
    """
    median, spread = prior_vectors(prior, vector)
    return jnp.concatenate([residual_vector(residuals, restore(vector), data), (vector - median) / spread])


def require_problem(residuals: Any, argument: str, parameters: Any, prior: LogNormalPrior | None) -> None:
    """Raise unless `residuals` is a function, the parameters are positive and the prior is like them."""
    if not callable(residuals):
        raise TypeError(f"`residuals` must be a function (parameters, data), came {type(residuals).__name__}")
    require_positive(argument, parameters)
    if prior is not None:
        require_same_structure("prior.median", prior.median, argument, parameters)


def require_share(argument: str, value: float) -> None:
    """ValueError unless `value` lies between 0 and 1, both excluded."""
    if not 0 < value < 1:
        raise ValueError(f"`{argument}` must lie between 0 and 1, came {value}; 0.95 is usual")
