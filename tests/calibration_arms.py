"""A few arms of the trial tables, their hormones and observations, for the tests of the fast model."""

import functools

import jax
import jax.numpy as jnp

import calibration

MONTHS = 26
ARMS = (
    "ttrials-2017-placebo",
    "ttrials-2017-testosterone",
    "smith-2001-leuprolide",
    "tts-1989-untreated",
    "tts-1989-patch",
    "singh-ospina-2017-women",
    "vlot-2019-women",
    "gh-1996-placebo",
)
"""Arms without doses: levels on treatment that are printed or assumed, or none."""


@functools.cache
def trials() -> calibration.Trials:
    """The tables."""
    return calibration.read_trials()


@functools.cache
def batch() -> calibration.ArmBatch:
    """Hormones of ARMS."""
    return calibration.make_arm_batch([trials().arms[name] for name in ARMS], months=MONTHS)


@functools.cache
def observations() -> tuple[calibration.Observation, ...]:
    """Everything the fast model answers of ARMS."""
    return tuple(seen for seen in calibration.answered(trials()) if seen.arm in ARMS)


@functools.cache
def table() -> calibration.ObservationTable:
    """Those as arrays."""
    return calibration.make_observation_table(trials(), observations(), batch())


@functools.cache
def vertebra() -> calibration.FastVertebra:
    """The built-in L3 as one trabecular, one cortical and the posterior class."""
    return calibration.make_builtin_vertebra(voxel_mm=3.0, trabecular_classes=1, cortical_classes=1)


def as_float32(tree):
    """A pytree in single precision."""
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32) if leaf.dtype == jnp.float64 else leaf, tree)
