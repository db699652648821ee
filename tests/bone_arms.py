"""Arms of trials on two voxels of bone, all in one vmapped program: what the cell model says of each."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import remodeling as r

MONTH = 365.25 / 12
MONTHS = 180
DENSITY = np.array([0.117, 0.95])
"""Trabecular bone of the built-in vertebra, compact bone of its posterior elements, g/cm3."""
COMPACT = np.array([0.0, 1.0])
TRABECULAR_SHARE = 0.285
"""Share of trabecular bone in the mineral that spine DXA sees of the built-in vertebra: 0.54 of the body,
with posterior elements behind it that hold 0.47 of all.
"""
SKELETON = np.array([0.58, 0.42])
"""Shares of trabecular and compact bone in the turnover of a skeleton: a fifth and four fifths of its bone
(assumed), with surfaces of 22 and 4 per mm.
"""

CYCLING = {"estradiol_pg_ml": 100.0, "testosterone_ng_dl": 30.0}
POSTMENOPAUSE = {"estradiol_pg_ml": 6.0, "testosterone_ng_dl": 25.0}
GH_DEFICIENT = {"igf1_ng_ml": 80.0}
GROWTH_HORMONE_MEN, GROWTH_HORMONE_WOMEN = {"igf1_ng_ml": 330.0}, {"igf1_ng_ml": 255.0}
"""Levels that the kinetics make of the doses of Bex 2002."""
THYROTOXIC = {**CYCLING, "thyroid_index": float(np.log(2.5))}


class Arm(NamedTuple):
    """What happened before, and what is given."""

    before: dict
    now: dict
    years: float
    onset_years: float
    female: float
    given: dict


class Curves(NamedTuple):
    """Changes from the start of an arm, each month."""

    areal: np.ndarray
    trabecular: np.ndarray
    ctx: np.ndarray
    p1np: np.ndarray
    trajectory: r.Trajectory


def _menopause() -> np.ndarray:
    """Estradiol around the final menstrual period, 24 months after the start, pg/mL: half way down half a
    year before it (assumed).
    """
    years = (np.arange(MONTHS) + 0.5) / 12 - 1.5
    return 6.0 + 94.0 / (1.0 + np.exp(years / 0.5))


def _until(month: int, level: float, after: float) -> np.ndarray:
    return np.where(np.arange(MONTHS) < month, level, after)


ARMS = {
    "menopause": Arm(CYCLING, CYCLING, 1.0, 0.0, 1.0, {"estradiol_pg_ml": _menopause()}),
    "untreated": Arm(CYCLING, POSTMENOPAUSE, 5.0, 1.0, 1.0, {}),
    "estrogen": Arm(CYCLING, POSTMENOPAUSE, 5.0, 1.0, 1.0, {"estradiol_pg_ml": 45.0}),
    "estrogen, stopped": Arm(
        CYCLING, POSTMENOPAUSE, 5.0, 1.0, 1.0, {"estradiol_pg_ml": _until(36, 45.0, 6.0)}
    ),
    "low-dose estrogen": Arm(CYCLING, POSTMENOPAUSE, 15.0, 1.0, 1.0, {"estradiol_pg_ml": 9.7}),
    "untreated, late": Arm(CYCLING, POSTMENOPAUSE, 15.0, 1.0, 1.0, {}),
    "estrogen and progestogen": Arm(
        CYCLING, POSTMENOPAUSE, 5.0, 1.0, 1.0, {"estradiol_pg_ml": 45.0, "progestogen": 100.0}
    ),
    "progesterone alone": Arm(CYCLING, POSTMENOPAUSE, 5.0, 1.0, 1.0, {"progestogen": 300.0}),
    "testosterone in women": Arm(CYCLING, POSTMENOPAUSE, 5.0, 1.0, 1.0, {"testosterone_ng_dl": 50.0}),
    "growth hormone, men": Arm(GH_DEFICIENT, GH_DEFICIENT, 1.0, 0.0, 0.0, GROWTH_HORMONE_MEN),
    "growth hormone, women": Arm(GH_DEFICIENT, GH_DEFICIENT, 1.0, 0.0, 1.0, GROWTH_HORMONE_WOMEN),
    "thyrotoxicosis": Arm(CYCLING, THYROTOXIC, 1.0, 0.0, 1.0, {}),
    "thyrotoxicosis, cured": Arm(CYCLING, THYROTOXIC, 1.0, 0.0, 1.0, {"thyroid_index": 0.0}),
    "insulin deficiency": Arm(CYCLING, CYCLING, 1.0, 0.0, 1.0, {"insulin_index": float(np.log(0.3))}),
    "androgen deprivation, stopped": Arm(
        {}, {}, 1.0, 0.0, 0.0,
        {"testosterone_ng_dl": _until(12, 20.0, 550.0), "estradiol_pg_ml": _until(12, 4.0, 30.0)},
    ),
}  # fmt: skip


def _stacked(trees):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def past_of(arm: Arm) -> r.HormoneCourse:
    """Course of the years before the arm."""
    return r.make_history(
        r.make_hormone_levels(**arm.before),
        r.make_hormone_levels(**arm.now),
        years=arm.years,
        onset_years=arm.onset_years,
    )


def course_of(arm: Arm) -> r.HormoneCourse:
    """Course of the arm."""
    now = r.make_hormone_levels(**arm.now)
    return r.make_hormone_course(now, steps=MONTHS, step_days=MONTH, **arm.given)


def simulated(past: r.HormoneCourse, course: r.HormoneCourse, female: jax.Array, p: r.BoneParameters):
    """Trajectory of one arm."""
    density = jnp.asarray(DENSITY)
    history = r.start_from_history(density, past, p, female=female, compact=jnp.asarray(COMPACT))
    options = r.make_options(compartments=2, report_every=12, solve_every=12)
    trajectory, _ = r.simulate(
        density,
        r.make_surrogate(),
        course,
        p,
        compartments=jnp.array([0, 1]),
        female=female,
        history=history,
        options=options,
    )
    return trajectory


@functools.cache
def curves() -> dict[str, Curves]:
    """Every arm of ARMS, in one compilation."""
    past = _stacked([past_of(arm) for arm in ARMS.values()])
    course = _stacked([course_of(arm) for arm in ARMS.values()])
    female = jnp.array([arm.female for arm in ARMS.values()])
    run = jax.jit(jax.vmap(simulated, in_axes=(0, 0, 0, None)))
    trajectories = jax.device_get(run(past, course, female, r.default_parameters()))
    return {
        name: curves_of(jax.tree.map(lambda leaf, k=k: leaf[k], trajectories)) for k, name in enumerate(ARMS)
    }


def curves_of(trajectory: r.Trajectory) -> Curves:
    """Spine DXA and trabecular change in %, skeletal markers in % of the start."""
    gain = 100 * (np.asarray(trajectory.density_mean) / np.asarray(trajectory.density_mean)[0] - 1)
    return Curves(
        areal=gain @ np.array([TRABECULAR_SHARE, 1 - TRABECULAR_SHARE]),
        trabecular=gain[:, 0],
        ctx=np.asarray(trajectory.resorption_index) @ SKELETON,
        p1np=np.asarray(trajectory.formation_index) @ SKELETON,
        trajectory=trajectory,
    )
