"""Exposures of prescriptions, for the tests of drugs."""

import jax.numpy as jnp

import remodeling as r

EDGES = jnp.arange(0.0, 61.0)


def exposed(*doses, edges=EDGES, weight=70.0, **protocol):
    """Exposure of a prescription."""
    given = r.make_protocol(doses, duration_days=float(edges[-1]), **protocol)
    return r.exposure(given, weight, edges)
