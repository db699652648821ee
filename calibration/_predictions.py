"""What the fast model says of every observation of trials, all people in one program."""

import jax
import jax.numpy as jnp

import remodeling

from ._arm_courses import ArmBatch
from ._arm_curves import person_curves
from ._fast_vertebra import FastVertebra, compact_classes
from ._observation_table import ObservationTable


def arm_curves(parameters: remodeling.BoneParameters, batch: ArmBatch, vertebra: FastVertebra) -> jax.Array:
    """`person_curves` of everybody in a batch, (people, QUANTITIES, months + 1)."""

    def ended(history: remodeling.HormoneCourse, female: jax.Array) -> remodeling.PastBone:
        # A person of a few voxels fits into memory with all steps, which spares derivatives to repeat them.
        return remodeling.start_from_history(
            vertebra.density,
            history,
            parameters,
            female=female,
            compact=compact_classes(vertebra),
            checkpoint=False,
        )

    # People with one history share it: half of the work of a prediction is in the years before.
    pasts = jax.vmap(ended)(batch.history, batch.history_female)
    own = jax.tree.map(lambda leaf: leaf[batch.history_of], pasts)
    run = jax.vmap(person_curves, in_axes=(0, 0, 0, None, None, 0))
    return run(batch.course, own, batch.female, parameters, vertebra, batch.load_factor)


def predict(
    parameters: remodeling.BoneParameters,
    batch: ArmBatch,
    vertebra: FastVertebra,
    table: ObservationTable,
) -> jax.Array:
    """Prediction of every observation in its own unit, to be compared with its value or interval.

    Changes are in % of the first of the two months; rates are the change over the years between, as trials
    print them. An arm of both sexes is the mean of the changes of its men and its women. Differentiable in
    both modes; one program serves all parameters.

    Args:
      parameters: biological parameters.
      batch: hormone courses of the arms.
      vertebra: classes of bone that stand for the spine of everybody.
      table: observations.

    Returns:
      predictions, (observations,).
    """
    curves = arm_curves(parameters, batch, vertebra)
    change = changes_of(curves, table.person, table) * table.person_share
    against = changes_of(curves, table.reference, table) * table.reference_share
    return table.scale * jnp.sum(change - against, axis=1)


def changes_of(curves: jax.Array, people: jax.Array, table: ObservationTable) -> jax.Array:
    """Change of people from the start to the end of observations, %, (observations, 2)."""

    def at(moment: int) -> jax.Array:
        row, way = table.row[:, moment, None], table.way[:, moment, None]
        quantity = table.quantity[:, None]
        return (1.0 - way) * curves[people, quantity, row] + way * curves[people, quantity, row + 1]

    return 100.0 * (at(1) / at(0) - 1.0)
