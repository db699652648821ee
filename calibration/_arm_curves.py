"""What scanners and serum would show of one person over the months, with a vertebra of few voxels."""

import jax
import jax.numpy as jnp

import remodeling

from ._compartments import CORTICAL, TRABECULAR
from ._fast_vertebra import POSTERIOR, FastVertebra
from ._marrow_fat import spine_qct_percent
from ._spine_dxa import spine_dxa_percent
from ._turnover import skeletal_turnover_index

QUANTITIES = ("areal", "trabecular", "integral", "cortical", "resorption", "formation")
"""Curves of a person in the order of `person_curves`: densities of the spine as DXA and QCT read them, and
turnover of the skeleton."""
FIRST_MARKER = QUANTITIES.index("resorption")
"""Place of the first turnover curve, whose rows lie in the middle of months (`row_of_month`)."""


def person_curves(
    course: remodeling.HormoneCourse,
    past: remodeling.PastBone,
    female: jax.Array,
    parameters: remodeling.BoneParameters,
    vertebra: FastVertebra,
    load_factor: jax.Array | None = None,
) -> jax.Array:
    """Densities and turnover of one person in percent of month 0.

    The equations are those of `remodeling.simulate` with the 0-D mechanics, after `start_from_history`.
    Densities are at the ends of months, those of trabecular bone and of the whole body as QCT of one energy
    reads them (`spine_qct_percent`), areal and cortical density without fat. Turnover is the mean of a
    month over the turnover of month 0, of a skeleton of one fifth trabecular and four fifths cortical bone
    that turns over as this vertebra's does (`skeletal_turnover_index`).

    Args:
      course: hormones of the months, levels (months,).
      past: bone at the end of the years before, of `remodeling.start_from_history` and the same vertebra.
      female: 1 for a woman, 0 for a man, ().
      parameters: biological parameters.
      vertebra: classes of bone.
      load_factor: load of each month over the habitual one, (months,); 1 if None.

    Returns:
      percent, 100 in row 0, (QUANTITIES, months + 1).
    """
    p = parameters
    classes = vertebra.density.shape[0]
    # As with the years before, all steps fit into memory.
    options = remodeling.make_options(solve_every=1, report_every=1, compartments=classes, checkpoint=False)
    trajectory, _ = remodeling.simulate(
        vertebra.density,
        remodeling.make_surrogate(dtype=vertebra.density.dtype),
        course,
        p,
        compartments=jnp.arange(classes),
        load_factor=load_factor,
        female=female,
        history=past,
        options=options,
    )
    density = trajectory.density_mean

    def mean_over(code: int | None) -> jax.Array:
        counted = vertebra.weight if code is None else vertebra.weight * (vertebra.compartments == code)
        return density @ (counted / jnp.sum(counted))

    rear = density @ (vertebra.compartments == POSTERIOR).astype(density.dtype)
    body, cortical = mean_over(None), mean_over(CORTICAL)
    trabecular_share = jnp.sum(vertebra.weight * (vertebra.compartments == TRABECULAR))
    fat = remodeling.marrow_fat(course, p)
    resorbed, formed = _untreated_fluxes(past, p, female)

    def turnover(index: jax.Array, untreated: jax.Array) -> jax.Array:
        return skeletal_turnover_index(
            vertebra.weight * untreated * index / 100.0,
            vertebra.weight * trajectory.bone_fraction,
            vertebra.weight * untreated,
            vertebra.weight * trajectory.bone_fraction[0],
            vertebra.compartments,
        )

    return jnp.stack(
        [
            spine_dxa_percent(body, rear),
            *spine_qct_percent(1000.0 * body, 1000.0 * mean_over(TRABECULAR), trabecular_share, fat),
            100.0 * cortical / cortical[0],
            turnover(trajectory.resorption_index, resorbed),
            turnover(trajectory.formation_index, formed),
        ]
    )


def _untreated_fluxes(
    past: remodeling.PastBone, p: remodeling.BoneParameters, female: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Bone resorbed and formed per tissue volume and day just before month 0, (classes,) each."""
    drives = remodeling.cell_drives(
        past.now, past.before, past.log_stimulus, p, female=female, memory=past.igf1_memory
    )
    surface = remodeling.surface_rate(past.state.bone_fraction, p, past.activity, past.compact)
    resorbed = surface * past.state.osteoclasts
    net = remodeling.bone_rates(past.state, drives, p, past.activity, past.compact).bone_fraction
    return resorbed, net + resorbed


def row_of_month(month: float, *, marker: bool, months: int) -> tuple[int, float]:
    """Where a month lies between two rows of a curve: the lower row, and the share of the way to the next.

    Row k of a density is month k. Row k of turnover is the middle of the month that ends at k, and row 0 is
    month 0; after the last middle it stays.

    Raises:
      ValueError: a month outside 0 to `months`.
    """
    if not 0.0 <= month <= months:
        raise ValueError(f"`month` must be between 0 and {months}, got {month}")
    place = month if not marker else min(2.0 * month, month + 0.5, float(months))
    low = min(int(place), months - 1)
    return low, place - low
