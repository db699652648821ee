"""Functions of `calibration`, for the table of `kernels`."""

import jax
import jax.numpy as jnp

import calibration
from tests.kernel_body import Kernel, body_compartments, body_density, body_elements, vector


def _fit_residuals(parameters, data):
    return (parameters["gain"] * (1 - jnp.exp(-parameters["rate"] * data["time"])) - data["observed"]) / 0.1


def _fit(optimiser):
    def run(start, data, prior):
        return calibration.fit_traced(_fit_residuals, start, data, prior, steps=5, optimiser=optimiser)

    return run


def _fit_arguments(dtype):
    start = {"gain": jnp.asarray(2.0, dtype), "rate": jnp.asarray(0.5, dtype)}
    time = jnp.linspace(0.0, 24.0, 7, dtype=dtype)
    prior = calibration.LogNormalPrior(start, jax.tree.map(lambda _: jnp.asarray(0.5, dtype), start))
    return start, {"time": time, "observed": 6.0 * (1 - jnp.exp(-0.1 * time))}, prior


CALIBRATION = [
    Kernel(
        "calibration.compartment_density",
        calibration.compartment_density,
        lambda dtype: (body_density(dtype), body_compartments()),
    ),
    Kernel(
        "calibration.bone_mineral_content",
        calibration.bone_mineral_content,
        lambda dtype: (body_density(dtype), 1.5),
    ),
    Kernel(
        "calibration.densitometry",
        calibration.densitometry,
        lambda dtype: (body_density(dtype), body_elements(), body_compartments(), 1.5),
    ),
    Kernel(
        "calibration.projected_abmd",
        calibration.projected_abmd,
        lambda dtype: (body_density(dtype), body_elements(), 1.5),
    ),
    Kernel(
        "calibration.projected_area",
        lambda voxel_mm, elements: calibration.projected_area(elements, voxel_mm),
        lambda dtype: (jnp.asarray(1.5, dtype), body_elements()),
    ),
    Kernel(
        "calibration.areal_density_map",
        lambda density, elements: calibration.areal_density_map(density, elements, 1.5, grid=(5, 4, 6)),
        lambda dtype: (body_density(dtype), body_elements()),
    ),
    Kernel(
        "calibration.turnover_index",
        calibration.turnover_index,
        lambda dtype: (vector(dtype, 1e-4, 2e-4), vector(dtype, 1e-4, 1e-3)),
    ),
    Kernel(
        "calibration.skeletal_turnover_index",
        calibration.skeletal_turnover_index,
        lambda dtype: (
            vector(dtype, 1e-4, 2e-4),
            vector(dtype, 0.1, 0.8),
            vector(dtype, 1e-4, 1e-3),
            vector(dtype, 0.2, 0.7),
            body_compartments(),
        ),
    ),
    Kernel(
        "calibration.single_energy_density",
        calibration.single_energy_density,
        lambda dtype: (vector(dtype, 50.0, 300.0, 4),),
    ),
    Kernel(
        "calibration.single_energy_change",
        calibration.single_energy_change,
        lambda dtype: (vector(dtype, -5.0, 15.0, 4),),
    ),
    Kernel(
        "calibration.prior_penalty",
        calibration.prior_penalty,
        lambda dtype: (_fit_arguments(dtype)[0], _fit_arguments(dtype)[2]),
    ),
    Kernel("calibration.fit_traced[LBFGS]", _fit(calibration.LBFGS()), _fit_arguments, differentiable=False),
    Kernel("calibration.fit_traced[Adam]", _fit(calibration.Adam()), _fit_arguments, differentiable=False),
]
