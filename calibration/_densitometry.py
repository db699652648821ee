"""One densitometry record of a vertebra: everything a QCT and a DXA scan would report."""

from dataclasses import dataclass

import jax

from ._compartments import CORTICAL, TRABECULAR, bone_mineral_content, compartment_density
from ._projection import projected_abmd


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Densitometry:
    """Densities and mineral mass of one vertebral body."""

    trabecular_mg_cm3: jax.Array
    """trabecular vBMD, mg/cm3, shape (...)"""
    cortical_mg_cm3: jax.Array
    """cortical vBMD, mg/cm3, shape (...)"""
    integral_mg_cm3: jax.Array
    """vBMD of both compartments, mg/cm3, shape (...)"""
    bmc_mg: jax.Array
    """mineral mass of all given voxels, mg, shape (...)"""
    abmd_g_cm2: jax.Array
    """mineral mass over projected area, g/cm2, shape (...)"""


def densitometry(
    density: jax.Array,
    elements: jax.Array,
    compartments: jax.Array,
    voxel_mm: jax.Array | float,
    *,
    axis: int = 1,
    trabecular: int = TRABECULAR,
    cortical: int = CORTICAL,
) -> Densitometry:
    """QCT and DXA record of a vertebra.

    Args:
      density: mineral mass per voxel volume, g/cm3, shape (..., nb).
      elements: voxel indices, integer, shape (nb, 3).
      compartments: compartment code of each voxel, integer, shape (nb,); voxels that are neither
        trabecular nor cortical count in BMC and aBMD only (posterior elements).
      voxel_mm: voxel edge, mm, scalar or shape (3,).
      axis: axis of the DXA beam; 1 is anterior-posterior on axes that run right, anterior, superior.
      trabecular: code of trabecular voxels.
      cortical: code of cortical voxels.

    Returns:
      the record, each entry of shape (...).
    """
    means = compartment_density(density, compartments, trabecular=trabecular, cortical=cortical)
    return Densitometry(
        trabecular_mg_cm3=means.trabecular,
        cortical_mg_cm3=means.cortical,
        integral_mg_cm3=means.integral,
        bmc_mg=bone_mineral_content(density, voxel_mm),
        abmd_g_cm2=projected_abmd(density, elements, voxel_mm, axis),
    )
