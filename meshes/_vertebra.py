"""A synthetic CT of a lumbar vertebral body with everything a calibration needs around it."""

from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from scipy import ndimage

from ._attenuation import hu_per_mg_ha, ideal_hu
from ._image import Image, make_image
from ._random_field import random_field
from ._vertebra_shape import Shape, body_distance, place_in_body, posterior_distance

TRABECULAR, SHELL, POSTERIOR = 1, 2, 3
TISSUE_LABELS = {
    "air": 1,
    "fat": 2,
    "muscle": 3,
    "blood": 4,
    "rod 0": 10,
    "rod 1": 11,
    "rod 2": 12,
    "rod 3": 13,
}

_ROD_DENSITIES_G_CM3 = (0.0, 0.05, 0.1, 0.2)
_EFFECTIVE_KEV = 70.0
# Mineral of the shell and of the posterior arch as a whole, g HA/cm3 (assumed: dense, but with pores).
_SHELL_G_CM3 = 1.0
_ARCH_G_CM3 = 0.32
# Strengths of the trabecular pattern relative to its mean (assumed): density rises towards the endplates and
# the back and falls in the core, as in lumbar CT.
_TO_ENDPLATES, _TO_BACK, _CORE, _TEXTURE = 0.30, 0.15, 0.25, 0.22
_TEXTURE_MM = (6.0, 16.0)
# Sub-voxel length at which surfaces are resolved, mm.
_FINE_MM = 0.5


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Vertebra:
    """Synthetic vertebra; make one with `make_vertebra`. All images lie on one RAS grid."""

    hu: Image
    "CT numbers, HU, as a scanner would give them, with noise."
    density: Image
    "True mineral density, g HA/cm3; zero outside bone."
    labels: Image
    "1 trabecular, 2 cortical shell and endplates, 3 pedicles and posterior arch, 0 elsewhere."
    tissues: Image
    "Pure regions by `TISSUE_LABELS`: air, fat, muscle, blood, phantom rods; 0 elsewhere."
    phantom: Any
    "True densities of the phantom's rods 0, 1, 2, ..., g HA/cm3, shape (rods,)."
    seed: int = field(metadata={"static": True})
    "Seed of texture and noise; static."


def make_vertebra(
    spacing_mm: float = 1.5,
    *,
    seed: int = 0,
    height_mm: float = 27.0,
    width_mm: float = 45.0,
    depth_mm: float = 33.0,
    trabecular_mg_cm3: float = 120.0,
    shell_thickness_mm: float = 0.35,
    pedicles: bool = False,
    noise_hu: float = 8.0,
    marrow_hu: float = -25.0,
    scanner_gain: float = 1.0,
    scanner_offset_hu: float = 0.0,
) -> Vertebra:
    """Parametric L3: bean-shaped body with waist, hollow endplates and thin shell, in a slice of trunk.

    Bone is a function of position in mm and of the seed, averaged over each voxel, so another voxel
    size gives the same bone. Around it lie psoas and back muscles, fat, the aorta, air behind the skin
    and a phantom of four HA rods. CT numbers follow from NIST's attenuation at 70 keV: mineral replaces
    marrow's water.

    Args:
      spacing_mm: voxel edge, mm, 0.3 to 4.
      seed: texture of the trabecular bone, and noise.
      height_mm: body height, rim to rim, mm.
      width_mm: body width, mm.
      depth_mm: body depth, mm.
      trabecular_mg_cm3: mean of the trabecular compartment, mg HA/cm3.
      shell_thickness_mm: shell and endplates, mm.
      pedicles: add pedicles, arch and processes.
      noise_hu: standard deviation of white noise, HU.
      marrow_hu: CT number of marrow without mineral, HU; below zero as marrow is partly fat, which makes
        every QCT read too low (by 0.75 mg/cm3 per HU).
      scanner_gain: CT numbers are multiplied by this (a scanner out of tune).
      scanner_offset_hu: then this is added.

    Returns:
      Vertebra; the default is 64 x 74 x 24 voxels.

    Raises:
      ValueError: a size out of range.
    """
    _check(spacing_mm, height_mm, width_mm, depth_mm, trabecular_mg_cm3, shell_thickness_mm, noise_hu)
    shape = Shape(height_mm, width_mm, depth_mm)
    axes = _axes(shape, spacing_mm)
    inner, shell, arch = _fractions(shape, axes, spacing_mm, shell_thickness_mm, pedicles)
    trabecular = _trabecular_g_cm3(shape, axes, spacing_mm, seed, shell_thickness_mm, trabecular_mg_cm3)
    density = inner * trabecular + shell * _SHELL_G_CM3 + arch * _ARCH_G_CM3

    bone = inner + shell + arch
    labels = np.zeros(bone.shape, np.uint8)
    solid = bone >= 0.5
    labels[solid] = TRABECULAR
    # The outermost layer counts as shell even where most of the shell lies in the voxel beyond it.
    layer = solid & ~np.asarray(ndimage.binary_erosion(solid), bool)
    labels[layer | (solid & (shell > 0.05))] = SHELL
    labels[solid & (arch > inner + shell)] = POSTERIOR

    soft, tissues = _surroundings(shape, axes, spacing_mm)
    tissues[np.asarray(ndimage.binary_dilation(bone > 0), bool)] = 0
    hu = (1 - bone) * soft + (inner + arch) * marrow_hu + 1000 * hu_per_mg_ha(_EFFECTIVE_KEV) * density
    noise = np.random.default_rng([seed, 7]).normal(size=hu.shape) * noise_hu
    hu = np.round(np.maximum(scanner_gain * hu + scanner_offset_hu + noise, -1024)).astype(np.int16)

    def image(values: np.ndarray, quantity: str, density_type: str | None = None) -> Image:
        origin = [axis[0] for axis in axes]
        return make_image(values, spacing_mm, origin=origin, quantity=quantity, density_type=density_type)

    return Vertebra(
        hu=image(hu, "hu"),
        density=image(density, "density", "ha"),
        labels=image(labels, "label"),
        tissues=image(tissues, "label"),
        phantom=np.array(_ROD_DENSITIES_G_CM3),
        seed=int(seed),
    )


def _check(spacing, height, width, depth, trabecular, shell, noise) -> None:
    ranges = (
        ("spacing_mm", spacing, 0.3, 4.0, "mm"),
        ("height_mm", height, 15.0, 45.0, "mm"),
        ("width_mm", width, 25.0, 70.0, "mm"),
        ("depth_mm", depth, 18.0, 50.0, "mm"),
        ("trabecular_mg_cm3", trabecular, 10.0, 500.0, "mg/cm3"),
        ("shell_thickness_mm", shell, 0.05, 3.0, "mm"),
        ("noise_hu", noise, 0.0, 500.0, "HU"),
    )
    for name, value, low, high, unit in ranges:
        if not low <= value <= high:
            raise ValueError(f"`{name}` must be {low:g} to {high:g} {unit}; got {value}.")


def _axes(shape: Shape, h: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voxel centres of a field of view that is a multiple of 3 mm, so that usual voxel sizes nest."""

    def centres(low: float, high: float) -> np.ndarray:
        low, high = 3 * np.floor(low / 3), 3 * np.ceil(high / 3)
        return low + (np.arange(int(np.ceil((high - low) / h - 1e-9))) + 0.5) * h

    half_width, half_depth = 0.5 * shape.width_mm, 0.5 * shape.depth_mm
    side = half_width + 25.0
    return (
        centres(-side, side),
        centres(-half_depth - 57.0, half_depth + 19.0),
        centres(-0.5 * shape.height_mm - 4.5, 0.5 * shape.height_mm + 4.5),
    )


def _fractions(shape: Shape, axes, h: float, shell_mm: float, pedicles: bool):
    """Share of each voxel inside the shell, in the shell, and in the arch, three arrays (nx, ny, nz).

    Sub-points carry a ramp of their own width over the surface, so that a shell thinner than the sub-points
    keeps its volume.
    """
    parts = max(1, int(np.ceil(h / _FINE_MM - 1e-9)))
    offsets = ((np.arange(parts) + 0.5) / parts - 0.5) * h
    fine = [(axis[:, None] + offsets).ravel() for axis in axes]
    width = h / parts
    total = tuple(len(axis) for axis in axes)
    inner, shell, arch = np.zeros(total), np.zeros(total), np.zeros(total)
    reach = 2.0 + h
    box = []
    for axis, size in zip(axes, (shape.width_mm, shape.depth_mm, shape.height_mm), strict=True):
        near = np.flatnonzero(np.abs(axis) <= 0.5 * size + reach)
        box.append((int(near[0]), int(near[-1]) + 1))
    (i0, i1), (j0, j1), (k0, k1) = box
    if pedicles:
        i0, i1, j0, k0, k1 = 0, total[0], 0, 0, total[2]
    x = fine[0][i0 * parts : i1 * parts, None, None]
    y = fine[1][None, j0 * parts : j1 * parts, None]

    def mean(values: np.ndarray) -> np.ndarray:
        nx, ny, nz = (n // parts for n in values.shape)
        return values.reshape(nx, parts, ny, parts, nz, parts).mean(axis=(1, 3, 5))

    # One layer of voxels at a time: the memory of all sub-points together would be 27 times the image's.
    for k in range(k0, k1):
        z = fine[2][None, None, k * parts : (k + 1) * parts]
        distance = body_distance(shape, x, y, z)
        outside = _inside_share(distance, width)
        core = _inside_share(distance + shell_mm, width)
        place = np.s_[i0:i1, j0:j1, k : k + 1]
        inner[place], shell[place] = mean(core), mean(outside - core)
        if pedicles:
            posterior = _inside_share(posterior_distance(shape, x, y, z), width)
            arch[place] = mean(np.minimum(posterior, 1 - outside))
    return inner, shell, arch


def _inside_share(distance: np.ndarray, width: float) -> np.ndarray:
    return np.clip(0.5 - distance / width, 0, 1)


def _trabecular_g_cm3(shape: Shape, axes, h: float, seed: int, shell_mm: float, mean_mg_cm3: float):
    """Trabecular density as a field in space, g/cm3, of stated mean over the compartment."""

    def relative(points, voxel: float) -> np.ndarray:
        x, y, z = points[0][:, None, None], points[1][None, :, None], points[2][None, None, :]
        height, radius = place_in_body(shape, x, y, z)
        height = np.clip(height, -1, 1)
        core = np.exp(-((radius / 0.5) ** 2) - (height / 0.6) ** 2)
        back = np.clip(-2 * y / shape.depth_mm, -1, 1)
        texture = random_field(points, seed=seed, stream=0, wavelengths_mm=_TEXTURE_MM, voxel_mm=voxel)
        pattern = 1 + _TO_ENDPLATES * (height**4 - 0.2) + _TO_BACK * back - _CORE * core
        # tanh keeps the texture within its strength, so density stays above zero for every seed.
        return pattern + 2 * _TEXTURE * np.tanh(texture / 2)

    # The mean is taken on one lattice of 1.5 mm, whatever the voxel size: the same bone on every grid.
    lattice = tuple(np.arange(-0.5 * size, 0.5 * size + 0.75, 1.5) for size in _sizes(shape))
    x, y, z = lattice[0][:, None, None], lattice[1][None, :, None], lattice[2][None, None, :]
    inside = body_distance(shape, x, y, z) < -shell_mm
    scale = 1e-3 * mean_mg_cm3 / relative(lattice, 0.0)[inside].mean()
    return scale * relative(axes, h)


def _sizes(shape: Shape) -> tuple[float, float, float]:
    return shape.width_mm, shape.depth_mm, shape.height_mm


def _surroundings(shape: Shape, axes, h: float) -> tuple[np.ndarray, np.ndarray]:
    """CT numbers (HU) of everything but bone, and labels of its pure regions."""
    x, y, z = axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]
    half_width, half_depth = 0.5 * shape.width_mm, 0.5 * shape.depth_mm
    at = {name: ideal_hu(name, _EFFECTIVE_KEV) for name in ("air", "fat", "muscle", "blood")}
    zero = 0 * (x + y + z)
    soft = zero + at["fat"]
    tissues = np.full(soft.shape, TISSUE_LABELS["fat"], np.uint8)

    def paint(distance: np.ndarray, value: float, label: int) -> None:
        """Fill {distance < 0} with a value; label it one voxel away from its surface."""
        distance = distance + zero
        share = _inside_share(distance, h)
        soft[...] = (1 - share) * soft + share * value
        tissues[distance < h] = 0
        tissues[distance < -h] = label

    def ellipse(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
        radius = np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)
        return (radius - 1) * min(rx, ry)

    # Discs reach into the hollows of the endplates; the body is laid over them later.
    disc = np.maximum(ellipse(0, 0, half_width, half_depth), 0.5 * shape.height_mm - 4.0 - np.abs(z))
    paint(disc, 80.0, 0)
    for sign in (-1, 1):
        paint(ellipse(sign * (half_width + 12), -2, 12, 17), at["muscle"], TISSUE_LABELS["muscle"])
        paint(ellipse(sign * 22, -half_depth - 22, 20, 11), at["muscle"], TISSUE_LABELS["muscle"])
    paint(ellipse(-9, half_depth + 10.5, 8.5, 8.5), at["blood"], TISSUE_LABELS["blood"])
    # Thecal sac in the canal: water-like, no reference tissue.
    paint(ellipse(0, -half_depth - 8, 8, 6), 10.0, 0)
    skin = y - (-half_depth - 38 + 0.004 * x**2)
    paint(skin, at["air"], TISSUE_LABELS["air"])
    paint(np.abs(y + half_depth + 51) - 5.5, 0.0, 0)
    for number, rod in enumerate(_ROD_DENSITIES_G_CM3):
        place = (number - 0.5 * (len(_ROD_DENSITIES_G_CM3) - 1)) * 18.0
        value = 1000 * hu_per_mg_ha(_EFFECTIVE_KEV) * rod
        paint(ellipse(place, -half_depth - 51, 4.8, 4.8), value, TISSUE_LABELS[f"rod {number}"])
    return soft, tissues
