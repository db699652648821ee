"""A problem of a fit to trials of which only the tables are used."""

import jax
import jax.numpy as jnp
import numpy as np

import calibration
import remodeling

NAMES = ("estradiol_balance", "testosterone_balance")
SIZE = 12
SLOPES = np.random.default_rng(3).normal(size=(SIZE, 5))
SLOPES[:, :3] = 0.0


def problem():
    """Twelve changes of four trials; only its tables are used, the model of people is `curved`."""
    prior = calibration.make_parameter_prior(NAMES)
    prior = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), prior)
    zeros, index = np.zeros((SIZE, 2)), np.zeros((SIZE, 2), int)
    table = calibration.ObservationTable(
        person=jnp.asarray(index), person_share=jnp.asarray(zeros),
        reference=jnp.asarray(index), reference_share=jnp.asarray(zeros),
        quantity=jnp.zeros(SIZE, int), row=jnp.asarray(index), way=jnp.asarray(zeros),
        scale=jnp.ones(SIZE),
        value=jnp.asarray(np.random.default_rng(4).normal(size=SIZE) * 2.0),
        low=jnp.full(SIZE, -jnp.inf), high=jnp.full(SIZE, jnp.inf),
        standard_error=jnp.full(SIZE, 0.5), interval=jnp.zeros(SIZE), marker=jnp.zeros(SIZE, int),
        block=jnp.arange(SIZE) // 3, blocks=4,
    )  # fmt: skip
    return calibration.TrialProblem(
        prior=prior, fixed=remodeling.default_parameters(), batch=None, vertebra=None, table=table,
        mask=jnp.ones(SIZE), names=tuple(sorted(prior.median)),
    )  # fmt: skip
