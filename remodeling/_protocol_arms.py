"""Prescriptions as arrays: doses at traced times, and arms of one shape for one compilation."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ._drugs import DRUGS
from ._protocol import Protocol


def repeated_dose(
    drug: str,
    amount_mg: jax.Array | float,
    *,
    every_days: jax.Array | float,
    doses: int,
    start_day: jax.Array | float = 0.0,
    stop_day: jax.Array | float | None = None,
    dtype=None,
) -> Protocol:
    """One line of a prescription with everything traced but the number of its doses.

    Dose k is given on day `start_day + k every_days`. What is given after the stop is zero, and the last dose
    before it has the share of its interval that lies before the stop, so that the exposure is continuous in
    `stop_day` and has a derivative there; a stop after a whole number of intervals is that of
    `make_protocol`. The derivative by `stop_day` jumps at whole numbers of intervals.

    Args:
      drug: name in DRUGS (static).
      amount_mg: single dose in the dose unit of the drug, () or (doses,); 0 where a dose is missed.
      every_days: days between doses, ().
      doses: number of doses (static); enough to reach `stop_day`.
      start_day: day of the first dose, ().
      stop_day: no dose at or after it, (); None: all are given.

    Raises:
      ValueError: an unknown drug or a number of doses below 1.
    """
    if drug not in DRUGS:
        raise ValueError(f"`drug` must be one of {sorted(DRUGS)}, got {drug!r}")
    if doses < 1:
        raise ValueError(f"`doses` must be at least 1, got {doses}")
    number = jnp.arange(doses, dtype=dtype or float)
    day = start_day + every_days * number
    share = jnp.ones_like(day) if stop_day is None else jnp.clip((stop_day - day) / every_days, 0.0, 1.0)
    return Protocol(dose_day=(day,), dose_mg=(amount_mg * share,), drugs=(drug,))


def join_protocols(protocols: Sequence[Protocol]) -> Protocol:
    """The lines of several prescriptions in one, for one person."""
    return Protocol(
        dose_day=tuple(day for protocol in protocols for day in protocol.dose_day),
        dose_mg=tuple(dose for protocol in protocols for dose in protocol.dose_mg),
        drugs=tuple(drug for protocol in protocols for drug in protocol.drugs),
    )


def stack_protocols(protocols: Sequence[Protocol]) -> Protocol:
    """Arms with different drugs and numbers of doses as one batch for `jax.vmap`.

    Every arm gets one line of each drug that any arm gets, of one length; what it does not get are doses of
    zero on day 0, which do nothing. `exposure` of an arm of the batch is that of the arm alone, and one
    program serves all of them.

    Args:
      protocols: the arms; amounts and days may be traced.

    Returns:
      prescription with fields (arms, doses of a drug).

    Raises:
      ValueError: no arm.
    """
    if not protocols:
        raise ValueError("`protocols` must hold at least one prescription, got none; no treatment is one too")
    drugs = tuple(dict.fromkeys(drug for protocol in protocols for drug in protocol.drugs))
    leaves = jax.tree.leaves(tuple(protocols))
    dtype = jnp.result_type(*leaves) if leaves else float
    days, doses = [], []
    for drug in drugs:
        arms = [_of_drug(protocol, drug, dtype) for protocol in protocols]
        length = max(day.shape[0] for day, _ in arms)
        days.append(jnp.stack([jnp.pad(day, (0, length - day.shape[0])) for day, _ in arms]))
        doses.append(jnp.stack([jnp.pad(dose, (0, length - dose.shape[0])) for _, dose in arms]))
    return Protocol(dose_day=tuple(days), dose_mg=tuple(doses), drugs=drugs)


def _of_drug(protocol: Protocol, drug: str, dtype) -> tuple[jax.Array, jax.Array]:
    """Days and amounts of all lines of a drug, one after the other; of none: empty."""
    lines = [n for n, name in enumerate(protocol.drugs) if name == drug]
    none = jnp.zeros(0, dtype)
    return (
        jnp.concatenate([none, *(protocol.dose_day[n] for n in lines)]),
        jnp.concatenate([none, *(protocol.dose_mg[n] for n in lines)]),
    )
