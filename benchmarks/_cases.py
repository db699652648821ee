"""The bodies that are measured, by name."""

from pathlib import Path

import numpy as np

MODULUS_MPA = 10_000.0
POISSON = 0.3
STRAIN = -0.01
CUBE_VOXEL_MM = 0.05

CUBES = ("cube_32", "cube_64", "cube_96", "cube_128")
MASKS = {
    "lhdl_200": "trab_human_lhdl3155_mask_200.npz",
    "lhdl_50": "trab_human_lhdl3155_mask_50.npz",
    "lhdl_100": "trab_human_lhdl3155_mask_100.npz",
}
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
        return archive["mask"] > 0, float(archive["voxel_mm"])
