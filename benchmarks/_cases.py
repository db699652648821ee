"""The bodies that are measured, by name."""

from pathlib import Path

import numpy as np
from scipy import ndimage

MODULUS_MPA = 10_000.0
POISSON = 0.3
STRAIN = -0.01
CUBE_VOXEL_MM = 0.05

CUBES = ("cube_32", "cube_64", "cube_96", "cube_128")
MASKS = {
    "lhdl_50": "trab_human_lhdl3155_mask_50.npz",
    "lhdl_100": "trab_human_lhdl3155_mask_100.npz",
    "lhdl_200": "trab_human_lhdl3155_mask_200.npz",
    "thin_50": "trab_human_lhdl3155_mask_50.npz",
}
"""Micro-CT of human trabecular bone; "thin_50" is "lhdl_50" less a layer of voxels, BV/TV 0.07."""
CASES = (*CUBES, *MASKS)


def missing_file(name: str, data: Path) -> Path | None:
    """The file a case needs and does not find in `data`, None when nothing is missing."""
    path = data / MASKS[name] if name in MASKS else None
    return path if path is not None and not path.is_file() else None


def read_case(name: str, data: Path) -> tuple[np.ndarray, float]:
    """Mask (bool, [x, y, z]) and voxel edge (mm) of a case: a solid cube or a micro-CT mask."""
    if name in CUBES:
        return np.ones((int(name.removeprefix("cube_")),) * 3, bool), CUBE_VOXEL_MM
    with np.load(data / MASKS[name], allow_pickle=False) as archive:
        mask, voxel_mm = archive["mask"] > 0, float(archive["voxel_mm"])
    return (thinned(mask) if name == "thin_50" else mask), voxel_mm


def thinned(mask: np.ndarray, layers: int = 1) -> np.ndarray:
    """The largest part that is left without the outer layers of voxels, cropped along z."""
    labels, count = ndimage.label(ndimage.binary_erosion(mask, iterations=layers, border_value=1))
    largest = labels == 1 + np.argmax(np.bincount(labels.ravel(), minlength=count + 1)[1:])
    filled = np.flatnonzero(largest.any(axis=(0, 1)))
    return largest[:, :, filled[0] : filled[-1] + 1]
