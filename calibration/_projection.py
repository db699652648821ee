"""Areal mineral density by projection, as dual-energy X-ray absorptiometry (DXA) reports it."""

import jax
import jax.numpy as jnp

from ._compartments import bone_mineral_content
from ._voxel import voxel_edges

_MM2_PER_CM2 = 100.0
_MG_PER_G = 1000.0


def projected_area(elements: jax.Array, voxel_mm: jax.Array | float, axis: int = 1) -> jax.Array:
    """Area of the shadow of a set of voxels along one grid axis, cm2.

    Args:
      elements: indices of the voxels, integer, shape (nb, 3), nb >= 1.
      voxel_mm: voxel edge, mm, scalar or shape (3,).
      axis: axis of the beam; 1 (anterior-posterior) on an image whose axes run right, anterior, superior.

    Returns:
      number of distinct columns times the area of one, cm2, scalar of the default float type.
    """
    first, second = (k for k in range(3) if k != axis % 3)
    order = jnp.lexsort((elements[:, second], elements[:, first]))
    column = elements[order][:, jnp.array([first, second])]
    starts_a_column = jnp.any(column[1:] != column[:-1], axis=1)
    edges = voxel_edges(voxel_mm, jnp.result_type(float))
    return (1 + jnp.sum(starts_a_column)) * edges[first] * edges[second] / _MM2_PER_CM2


def projected_abmd(
    density: jax.Array,
    elements: jax.Array,
    voxel_mm: jax.Array | float,
    axis: int = 1,
    *,
    include: jax.Array | None = None,
) -> jax.Array:
    """Areal bone mineral density (aBMD) of a bone projected along one axis, g/cm2.

    aBMD = BMC / projected area, as DXA defines it: the mean over the pixels of the projected bone. The
    region is the shadow of the given voxels: the whole vertebra with its posterior elements for what a
    scanner sees from the front, the body alone for what it sees from the side. Fat outside the bone, beam
    hardening and the scanner's edge detection are not modelled, and the area does not follow the density:
    a voxel that loses all its mineral still counts.

    Args:
      density: mineral mass per voxel volume, g/cm3, shape (..., nb).
      elements: indices of the voxels, integer, shape (nb, 3), nb >= 1.
      voxel_mm: voxel edge, mm, scalar or shape (3,).
      axis: axis of the beam; 1 is anterior-posterior on an image whose axes run right, anterior, superior.
      include: share of each voxel's mineral that counts, shape (nb,); the area keeps all voxels.

    Returns:
      areal density in g/cm2, shape (...).
    """
    mass_g = bone_mineral_content(density, voxel_mm, include=include) / _MG_PER_G
    return mass_g / projected_area(elements, voxel_mm, axis).astype(density.dtype)


def areal_density_map(
    density: jax.Array,
    elements: jax.Array,
    voxel_mm: jax.Array | float,
    axis: int = 1,
    *,
    grid: tuple[int, int, int],
) -> jax.Array:
    """Pixel image of projected mineral, g/cm2: what a DXA picture shows.

    Args:
      density: mineral mass per voxel volume, g/cm3, shape (nb,).
      elements: indices of the voxels inside the grid, integer, shape (nb, 3).
      voxel_mm: voxel edge, mm, scalar or shape (3,).
      axis: axis of the beam.
      grid: number of voxels along x, y and z; static.

    Returns:
      mineral per area, g/cm2, shape of the grid without the axis of the beam; zero beside the bone.
    """
    first, second = (k for k in range(3) if k != axis % 3)
    depth_cm = voxel_edges(voxel_mm, density.dtype)[axis] / 10
    picture = jnp.zeros((grid[first], grid[second]), density.dtype)
    return picture.at[elements[:, first], elements[:, second]].add(density * depth_cm)
