"""Daily loading: several habitual load cases, their cycles, and the stimulus that they make together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import fem

DAILY_EXPONENT = 4.0
"""m of the daily stress stimulus (Beaupre, Orr, Carter 1990)."""


@dataclass(frozen=True)
class DailyCase:
    """One habitual activity."""

    name: str
    "name for reports, such as standing or flexion"
    forces: Mapping[str, float]
    "force (N) or moment (N mm) by name of the load case, compression negative; loads not named stay unmoved"
    cycles: float
    "cycles a day; only their ratios matter"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DailyLoading:
    """Habitual activities as combinations of load cases on the same held components."""

    prescribed: jax.Array
    "displacements of the load cases, mm, (loads, nn, 3)"
    sizes: jax.Array
    "their sizes, mm or rad, (loads,)"
    forces: jax.Array
    "force or moment of each load in each activity, N or N mm, (cases, loads)"
    acts: jax.Array
    "1 where that is given; 0 where the platen does not move in that way, (cases, loads)"
    cycles: jax.Array
    "share of each activity in the cycles of a day, sum 1, (cases,)"
    exponent: jax.Array
    "m of the daily stress stimulus, ()"


class DailyAnswer(NamedTuple):
    """Mechanics of a day."""

    energy: jax.Array
    "strain energy density that stands for the day, MPa, (ne,)"
    displacement: jax.Array
    "displacements under the load cases at their sizes, mm, (loads, nn, 3)"
    force_n: jax.Array
    "force of the first load case at its size, N, ()"
    info: Any
    "fem.SolveInfo with a leading axis of loads"


class ActivityAnswer(NamedTuple):
    """Activities superposed from the load cases."""

    energy: jax.Array
    "strain energy density, element mean, MPa, (cases, ne)"
    sizes: jax.Array
    "displacement or angle of each load in each activity, mm or rad, (cases, loads)"
    stiffness: jax.Array
    "stiffness that couples the load cases, N/mm, N, N mm, (loads, loads)"


def make_daily_loading(
    plan: Any,
    loads: Sequence[fem.LoadCase],
    cases: Sequence[DailyCase],
    *,
    exponent: float = DAILY_EXPONENT,
    dtype=None,
) -> DailyLoading:
    """Checked daily loading.

    Args:
      plan: plan of the body.
      loads: load cases that hold the same components as that of the plan, such as pmma-axial and
        pmma-bending-x for a plan of pmma-axial. Their sizes only set the scale of the solves.
      cases: activities. Compression with flexion is {"pmma-axial": -900.0, "pmma-bending-x": -8000.0} in RAS
        axes: y points forward, and a positive moment about x lifts the front of the upper platen.
      exponent: m, weight of magnitude against number of cycles, 1 or more.

    Raises:
      ValueError: no load or case, a load that holds other components or is not the motion of a platen, a
        name that is not among the loads, forces or cycles that are not finite or are zero.
    """
    if not loads or not cases:
        raise ValueError(
            f"`loads` and `cases` must hold one entry or more each, got {len(loads)} and {len(cases)}"
        )
    names = [load.name for load in loads]
    if len(set(names)) < len(names):
        raise ValueError(f"`loads` must differ by name, got {', '.join(names)}")
    for load in loads:
        if load.definition.motion not in ("x", "y", "z", "turn-x", "turn-y", "twist"):
            raise ValueError(f"`loads` must move a platen, got {load.name!r}")
    moved = [fem.with_load(plan, load) for load in loads]
    forces, acts = np.zeros((len(cases), len(loads))), np.zeros((len(cases), len(loads)))
    for row, case in enumerate(cases):
        unknown = sorted(set(case.forces) - set(names))
        if unknown or not case.forces:
            raise ValueError(
                f"`forces` of the case {case.name!r} must name some of {', '.join(names)}, got "
                f"{', '.join(unknown) or 'none'}"
            )
        if not (np.isfinite(case.cycles) and case.cycles > 0):
            raise ValueError(f"`cycles` of the case {case.name!r} must be positive, got {case.cycles}")
        for name, force in case.forces.items():
            forces[row, names.index(name)] = force
            acts[row, names.index(name)] = 1.0
        if not np.isfinite(forces[row]).all() or not forces[row].any():
            raise ValueError(f"`forces` of the case {case.name!r} must be finite and not all zero")
    if not (np.isfinite(exponent) and exponent >= 1):
        raise ValueError(f"`exponent` must be 1 or more, got {exponent}")
    kind = dtype or float
    cycles = np.array([case.cycles for case in cases], float)
    return DailyLoading(
        prescribed=jnp.stack([plan.prescribed for plan in moved]).astype(kind),
        sizes=jnp.asarray([fem.load_size(plan, jnp.result_type(float)) for plan in moved], kind),
        forces=jnp.asarray(forces, kind),
        acts=jnp.asarray(acts, kind),
        cycles=jnp.asarray(cycles / cycles.sum(), kind),
        exponent=jnp.asarray(exponent, kind),
    )


def daily_energy(
    modulus: jax.Array, plan: Any, daily: DailyLoading, *, rtol: float, max_iterations: int, start=None
) -> DailyAnswer:
    """Strain energy density of a day of activities under their forces.

    One solve per load case; the activities are superposed. Their sizes a follow from their forces by the
    stiffness that couples the load cases, Q a = F over those that act, so that a force and a moment given
    together are the resultants on the platen whatever the shape of the bone. The density that stands for
    the day is (sum_c n_c U_c^(m/2) / sum_c n_c)^(2/m), U_c the density in activity c: the daily stress
    stimulus (sum n sigma^m)^(1/m) with the energy stress sigma = sqrt(2 E U). One activity gives its own U.

    Args:
      modulus: axial modulus of the elements, MPa, (ne,).
      plan: plan of the body.
      daily: the daily loading.
      rtol, max_iterations: of the solves.
      start: displacements to start from, mm, (loads, nn, 3), or None.

    Reference: Beaupre, Orr, Carter 1990, J. Orthop. Res. 8, 651; Carter, Fyhrie, Whalen 1987, J. Biomech.
      20, 785.
    """
    displacement, info = fem.solve_several(
        modulus, plan, daily.prescribed, rtol=rtol, max_iterations=max_iterations, start=start
    )
    activities = activity_energies(displacement, modulus, plan, daily)
    day = energy_of_day(activities.energy, daily)
    force = activities.stiffness[0, 0] * jnp.abs(daily.sizes[0]).astype(modulus.dtype)
    return DailyAnswer(day, displacement, force, info)


def activity_energies(
    displacement: jax.Array, modulus: jax.Array, plan: Any, daily: DailyLoading
) -> ActivityAnswer:
    """Strain energy density of every activity from the displacements of the load cases; nothing is solved.

    Args:
      displacement: under the load cases at their sizes, mm, (loads, nn, 3).
      modulus: axial modulus of the elements that the displacements belong to, MPa, (ne,).
      plan: plan of the body.
      daily: the daily loading.
    """
    unit = displacement / daily.sizes.astype(modulus.dtype)[:, None, None]
    stiffness = fem.mutual_energy(unit, modulus, plan)
    size = jnp.sqrt(jnp.diagonal(stiffness))

    def sizes_of(forces, acts):
        # scaled, so that newtons and newton millimetres meet in one well-conditioned system
        scaled = stiffness / size / size[:, None] * acts * acts[:, None] + jnp.diag(1 - acts)
        return jnp.linalg.solve(scaled, acts * forces / size) / size

    def activity(case):
        amplitude = sizes_of(*case)
        moved = jnp.einsum("l,lnc->nc", amplitude, unit)
        return fem.element_fields(moved, modulus, plan).sed_mean, amplitude

    energy, sizes = lax.map(activity, (daily.forces.astype(modulus.dtype), daily.acts.astype(modulus.dtype)))
    return ActivityAnswer(energy, sizes, stiffness)


def energy_of_day(energy: jax.Array, daily: DailyLoading) -> jax.Array:
    """(sum_c n_c U_c^(m/2) / sum_c n_c)^(2/m): the density that stands for the day, MPa, (ne,).

    Args:
      energy: strain energy density of every activity, MPa, (cases, ne).
      daily: the daily loading.
    """
    power = daily.exponent.astype(energy.dtype) / 2
    scale = lax.stop_gradient(jnp.mean(energy))
    mean = jnp.einsum("c,ce->e", daily.cycles.astype(energy.dtype), (energy / scale) ** power)
    # the small number keeps the derivative of an unloaded element finite
    return scale * (mean + jnp.finfo(energy.dtype).tiny ** 0.5) ** (1 / power)
