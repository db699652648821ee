"""The reported solves evaluated: stiffness test, and what each activity of a day does to the bone."""

from typing import Any, NamedTuple

import numpy as np

from ._activities import ChosenDay


class ActivityTest(NamedTuple):
    """Numbers of the activities of a day, traced."""

    sizes: Any
    "displacement (mm) or angle (rad) of each load case in each activity, (cases, loads)"
    overloaded_share: Any
    "share of the bone voxels whose effective strain exceeds the 0.7 % of Pistoia's criterion, (cases,)"
    stimulus_share: Any
    "mean over the bone of each activity's part in sum n U^(m/2), (cases,)"


def make_load_test() -> Any:
    """The compiled evaluation of the reported solves.

    Its arguments have one row per report; the last two are those of the start. Its results have one too:
    energy, effective strain, Pistoia's strength and, of a day of activities, an `ActivityTest`.
    """
    import jax

    import fem
    from remodeling import BoneState

    def load_test(mechanics, bone_fraction, mineral_deficit, displacement, reaction_n, start, activity):
        bone = mechanics.bone_elements

        def one(report):
            fraction, deficit, displacement, reaction = report
            zero = jax.numpy.zeros_like(fraction)
            state = BoneState(zero, zero, zero, fraction, deficit)
            modulus = mechanics.modulus(state, start, activity)
            # the load test is the first load case of a day
            pushed = displacement if mechanics.daily is None else displacement[0]
            fields = fem.element_fields(pushed, modulus, mechanics.plan)
            pistoia = fem.strength_pistoia(fields.sed_centroid[bone], modulus[bone], reaction)
            if mechanics.daily is None:
                return fields.sed_mean[bone], fields.effective_strain[bone], pistoia, None
            energy, test = activity_test(displacement, modulus, mechanics)
            return energy, fem.effective_strain(energy, modulus[bone]), pistoia, test

        return jax.lax.map(one, (bone_fraction, mineral_deficit, displacement, reaction_n))

    return jax.jit(load_test)


def activity_test(displacement: Any, modulus: Any, mechanics: Any) -> tuple[Any, ActivityTest]:
    """Energy of the day in the bone voxels, and what each activity contributes; traced, nothing is solved.

    Args:
      displacement: under the load cases, mm, (loads, nn, 3).
      modulus: of the elements, MPa, (ne,).
      mechanics: `remodeling.FiniteElementMechanics` with a daily loading.

    Returns:
      energy: strain energy density of the day, element mean, MPa, (nb,).
      test: the numbers.
    """
    import jax.numpy as jnp

    import fem
    import remodeling

    daily, bone = mechanics.daily, mechanics.bone_elements
    answer = remodeling.activity_energies(displacement, modulus, mechanics.plan, daily)
    energy = answer.energy[:, bone]
    strain = fem.effective_strain(energy, modulus[bone])
    part = daily.cycles[:, None] * (energy / jnp.mean(energy)) ** (daily.exponent / 2)
    total = jnp.maximum(jnp.sum(part, axis=0), jnp.finfo(part.dtype).tiny)
    return remodeling.energy_of_day(answer.energy, daily)[bone], ActivityTest(
        answer.sizes, jnp.mean(strain > fem.PISTOIA_CRITICAL_STRAIN, axis=1), jnp.mean(part / total, axis=1)
    )


def activity_records(day: ChosenDay, test: ActivityTest, months: tuple[int, ...]) -> list[dict[str, Any]]:
    """One row per activity at baseline and one at the last month; plain JSON types.

    Args:
      day: the activities.
      test: with a leading axis of reports.
      months: of the reports.
    """
    rows = []
    for report in sorted({0, len(months) - 1}):
        for position, activity in enumerate(day.activities):
            moved = {
                load.name: {
                    "value": float(test.sizes[report, position, column]),
                    "unit": "rad" if load.definition.conjugate[1] == "N mm" else "mm",
                }
                for column, load in enumerate(day.loads)
                if load.name in activity.forces
            }
            rows.append(
                {
                    "month": months[report],
                    "activity": activity.name,
                    "moved": moved,
                    "overloaded_share": float(test.overloaded_share[report, position]),
                    "stimulus_share": float(test.stimulus_share[report, position]),
                }
            )
    return rows


def baseline_activity_energy(mechanics: Any, displacement: Any) -> np.ndarray:
    """Strain energy density of every activity in the bone voxels before treatment, MPa, (cases, nb).

    Args:
      mechanics: `remodeling.FiniteElementMechanics` with a daily loading.
      displacement: under the load cases at the start, mm, (loads, nn, 3).
    """
    import jax

    import remodeling

    answer = jax.jit(remodeling.activity_energies)(
        displacement, mechanics.baseline_modulus, mechanics.plan, mechanics.daily
    )
    return np.asarray(answer.energy[:, mechanics.bone_elements])
