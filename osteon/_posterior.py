"""What the posterior elements of a vertebra, which no mesh holds, add to DXA."""

import functools
from typing import Any

import numpy as np


@functools.cache
def _compiled() -> Any:
    import jax
    import jax.numpy as jnp

    import calibration
    import remodeling

    def run(course, parameters, female, history):
        density = jnp.full(1, calibration.POSTERIOR_DENSITY)
        past = (
            None
            if history is None
            else remodeling.start_from_history(density, history, parameters, female=female, compact=1.0)
        )
        steps = course.levels.aromatase.shape[0]
        trajectory, _ = remodeling.simulate(
            density,
            remodeling.make_surrogate(),
            course,
            parameters,
            female=female,
            compact=1.0,
            history=past,
            options=remodeling.make_options(report_every=steps, solve_every=steps),
        )
        return trajectory.density_mean[:, 0]

    return jax.jit(run)


def posterior_density(course: Any, parameters: Any, female: bool, history: Any) -> np.ndarray:
    """Density of the compact bone that stands for the posterior elements, g/cm3, (steps + 1,).

    One voxel of `calibration.POSTERIOR_DENSITY` under a constant load, with the hormones of the arm.

    Args:
      course: `remodeling.HormoneCourse` of the arm.
      parameters: `remodeling.BoneParameters`.
      female: whether the person is a woman.
      history: hormones of the years before the start, or None.
    """
    return np.asarray(_compiled()(course, parameters, float(female), history))
