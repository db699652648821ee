"""A vertebra under changed load: what scans would show, as a function of the four parameters of load."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import calibration
import remodeling
from benchmarks._strength_body import Bone, cap, coupled, stiffness_and_strength

LOADED = ("overload_balance", "disuse_balance", "overload_resorption", "disuse_resorption")
"""Parameters of the answer to load, names of remodeling.PARAMETERS."""
COLUMNS = ("spine_trabecular_vbmd", "spine_integral_vbmd")
"""What is compared, observables of the trial tables, in % of the start."""
MONTHS, READINGS = 12, 6
"""Months of a simulation and places for scans: the same in all data, so that one compiled fit serves them."""
OPTIONS = remodeling.make_options(substeps=2, solve_every=3, report_every=MONTHS, compartments=2)
RTOL = 1e-8
"""Relative residual of the solves: differences of the loss must show its derivatives."""


class Scans(NamedTuple):
    """Changes of density that were seen, under the load of each month."""

    load: jax.Array
    "load of each month over the habitual one, (MONTHS,)"
    month: jax.Array
    "months of the scans, (READINGS,)"
    change: jax.Array
    "in % of the start, (READINGS, COLUMNS)"
    standard_error: jax.Array
    "in % of the start, inf where nothing was seen, (READINGS, COLUMNS)"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Body:
    """Bone, its mechanics and what is known of the person."""

    density: jax.Array
    "g/cm3 hydroxyapatite, (nb,)"
    cortical: jax.Array
    "0 trabecular, 1 cortical, integer, (nb,)"
    mechanics: remodeling.Mechanics
    "finite elements, or the 0-D surrogate"
    course: remodeling.HormoneCourse
    "constant hormones, levels (MONTHS,)"
    fixed: remodeling.BoneParameters
    "parameters; those in LOADED are replaced"


class Course(NamedTuple):
    """What becomes of a body."""

    change: jax.Array
    "change of density in % of the start at the ends of months, (MONTHS + 1, COLUMNS)"
    stiffness: jax.Array
    "change of axial stiffness in % of the start at the solves, (solves + 1,); nan of the surrogate"
    converged: jax.Array
    "whether every solve may be used, ()"


def make_body(bone: Bone) -> Body:
    """The vertebra between caps of cement, of a person with the hormones of the young reference."""
    modulus, _ = stiffness_and_strength(bone.density)
    cortical = bone.compartments == calibration.CORTICAL
    return body_of(bone.density, cortical, coupled(cap(bone, bone.body), modulus, rtol=RTOL))


def body_of(density: Any, cortical: Any, mechanics: remodeling.Mechanics) -> Body:
    """A body of the young reference.

    Args:
      density: g/cm3 hydroxyapatite, (nb,).
      cortical: whether a voxel is of the cortex, (nb,).
      mechanics: finite elements of these voxels, or the 0-D surrogate.
    """
    return Body(
        density=jnp.asarray(density),
        cortical=jnp.asarray(cortical, jnp.int32),
        mechanics=mechanics,
        course=remodeling.make_hormone_course(
            remodeling.make_hormone_levels(), steps=MONTHS, step_days=365.25 / 12
        ),
        fixed=remodeling.default_parameters(),
    )


def course_of(loaded: Mapping[str, Any], body: Body, load: jax.Array) -> Course:
    """Density and stiffness of a body under a load, (MONTHS,), with the given parameters of LOADED."""
    compact = body.cortical.astype(body.density.dtype)
    trajectory, info = remodeling.simulate(
        body.density,
        body.mechanics,
        body.course,
        replace(body.fixed, **loaded),
        compartments=body.cortical,
        load_factor=load,
        compact=compact,
        options=OPTIONS,
    )
    cortical_share = jnp.mean(compact)
    trabecular, cortical = trajectory.density_mean.T
    mean = jnp.stack([trabecular, trabecular + cortical_share * (cortical - trabecular)], axis=1)
    stiffness = trajectory.force_n / trajectory.force_n[0]
    return Course(100.0 * (mean / mean[0] - 1.0), 100.0 * (stiffness - 1.0), info.converged)


def residuals(loaded: Mapping[str, Any], data: tuple[Body, Scans]) -> jax.Array:
    """(simulated - seen) / standard error, (READINGS, COLUMNS); nan where a solve did not converge."""
    body, scans = data
    course = course_of(loaded, body, scans.load)
    rows = jnp.arange(MONTHS + 1, dtype=scans.month.dtype)
    simulated = jax.vmap(lambda c: jnp.interp(scans.month, rows, c), in_axes=1, out_axes=1)(course.change)
    return jnp.where(course.converged, (simulated - scans.change) / scans.standard_error, jnp.nan)


def loss(loaded: Mapping[str, Any], data: tuple[Body, Scans], prior: calibration.LogNormalPrior) -> jax.Array:
    """What `calibration.fit` makes small, of the parameters themselves, ()."""
    logs = {name: jnp.log(value) for name, value in loaded.items()}
    return 0.5 * jnp.sum(residuals(loaded, data) ** 2) + calibration.prior_penalty(logs, prior)


def counted(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[[], int]]:
    """A traced function that is counted every time it runs, and what reads the count."""
    runs = [0]

    def count() -> None:
        runs[0] += 1

    def called(*arguments: Any) -> Any:
        jax.debug.callback(count)
        return function(*arguments)

    def read() -> int:
        jax.effects_barrier()
        return runs[0]

    return called, read


def make_scans(load: Sequence[float] | np.ndarray, rows: Sequence[tuple[float, str, float, float]]) -> Scans:
    """Scans from rows of month, observable of COLUMNS, change in % and its standard error.

    Raises:
      ValueError: more months than READINGS, or loads that are not one for each month.
    """
    months = sorted({row[0] for row in rows})
    if len(months) > READINGS or len(load) != MONTHS:
        raise ValueError(
            f"`rows` may have {READINGS} months and `load` needs {MONTHS} numbers, got {len(months)} and "
            f"{len(load)}"
        )
    month = np.array(months + [0.0] * (READINGS - len(months)))
    change = np.zeros((READINGS, len(COLUMNS)))
    error = np.full(change.shape, np.inf)
    for at, column, value, spread in rows:
        place = months.index(at), COLUMNS.index(column)
        change[place], error[place] = value, spread
    return Scans(jnp.asarray(load, float), *map(jnp.asarray, (month, change, error)))


def scans_of_trial(trials: calibration.Trials, arm: str) -> Scans:
    """The densities of an arm, under its load from month 0 on."""
    rows = [
        (seen.end_month, seen.observable, seen.value, seen.standard_error)
        for seen in trials.observations
        if seen.arm == arm and seen.observable in COLUMNS
    ]
    return make_scans([trials.arms[arm].load_factor] * MONTHS, rows)


def simulated_scans(
    truth: Mapping[str, float],
    body: Body,
    load: Sequence[float],
    *,
    standard_error: float,
    seed: int | None = None,
) -> Scans:
    """Scans at every second month of a body whose parameters are known, in both columns.

    Args:
      truth: values of LOADED.
      body: the bone.
      load: load of each month over the habitual one.
      standard_error: of every number, % of the start.
      seed: of normal errors of that size; none when omitted.
    """
    course = jax.jit(course_of)(dict(truth), body, jnp.asarray(load, float))
    if not bool(course.converged):
        raise RuntimeError("a finite element solve of the simulated scans did not converge; raise RTOL")
    months = np.linspace(0, MONTHS, READINGS + 1)[1:].astype(int)
    change = np.asarray(course.change)[months]
    if seed is not None:
        change = change + np.random.default_rng(seed).normal(scale=standard_error, size=change.shape)
    return make_scans(
        load,
        [
            (float(month), column, float(change[row, place]), standard_error)
            for row, month in enumerate(months)
            for place, column in enumerate(COLUMNS)
        ],
    )
