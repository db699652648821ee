"""Voxel models as input of ParOSol (HDF5)."""

import os
from pathlib import Path

import numpy as np

from meshes import atomic_path

from ._export_model import VoxelModel

_LARGEST_COORDINATE = np.iinfo(np.int16).max
_UNITS = {"GPa": 1000.0, "MPa": 1.0}


def write_parosol(path: str | os.PathLike[str], model: VoxelModel, *, unit: str = "GPa") -> None:
    """Write a model as the input file of ParOSol, whole or not at all.

    The file holds one modulus per voxel as float32 (rounding 6e-8 of each), void as zero, axes z, y, x; one
    Poisson ratio; the held components of the nodes, pins included, in mm; and the forces on nodes in N.

    Args:
      path: target ending in .h5 or .hdf5; replaced if it exists.
      model: the model of `export_model`.
      unit: of the moduli in the file. ParOSol as published and the one inside parosol-py read GPa and write
        forces in N and energy densities in MPa; the version kept at TU Wien documents MPa. The wrong one
        makes forces wrong by a thousand.

    Raises:
      ImportError: h5py is not installed.
      ValueError: another suffix or unit, or something that the format cannot hold: a material that is not
        isotropic, a Poisson ratio below zero, a box of more than 32,767 voxels along an axis, moduli beyond
        float32.
      FileNotFoundError: the folder does not exist.

    Reference: ParOSol User's Guide, "File Format", Flaig 2012, and its revision at TU Wien (names and shapes
      of the data sets, order of the axes).
    """
    h5py = _h5py()
    target = Path(path)
    if target.suffix.lower() not in (".h5", ".hdf5"):
        raise ValueError(f"`path` must end in .h5 or .hdf5, got {target.name!r}")
    if unit not in _UNITS:
        raise ValueError(f"`unit` must be one of {', '.join(_UNITS)}, got {unit!r}")
    _require_representable(model)
    image = np.zeros(model.shape, np.float32)
    image[tuple(model.elements.T)] = model.modulus / _UNITS[unit]
    with atomic_path(target) as partial, h5py.File(partial, "w") as file:
        group = file.create_group("Image_Data")
        group.create_dataset("Image", data=np.ascontiguousarray(image.transpose(2, 1, 0)), dtype="<f4")
        group.create_dataset("Voxelsize", data=[model.voxel_mm], dtype="<f8")
        # the format's own spelling
        group.create_dataset("Poisons_ratio", data=[model.material.poisson], dtype="<f8")
        _write_components(group, "Fixed_Displacement", model, model.held | model.pins, model.value)
        _write_components(group, "Loaded_Nodes", model, model.force != 0, model.force)


def _write_components(group, name: str, model: VoxelModel, where: np.ndarray, values: np.ndarray) -> None:
    """Rows z, y, x, direction of the nodal components that are set, and their values."""
    node, component = np.nonzero(where)
    rows = np.column_stack([model.nodes[node][:, ::-1], component])
    group.create_dataset(f"{name}_Coordinates", data=rows, dtype="<u2")
    group.create_dataset(f"{name}_Values", data=values[node, component], dtype="<f4")


def _require_representable(model: VoxelModel) -> None:
    if not model.isotropic:
        raise ValueError(
            f"`model` has the material {model.material.name!r}, and ParOSol knows isotropic voxels only; "
            "write it with write_inp"
        )
    if not 0 <= model.material.poisson < 0.5:
        raise ValueError(
            f"`model` has the Poisson ratio {model.material.poisson:g}, and ParOSol takes 0 to below 0.5"
        )
    if max(model.shape) > _LARGEST_COORDINATE:
        raise ValueError(
            f"`model` is {model.shape} voxels large, and ParOSol reads node coordinates as 16-bit numbers, "
            f"at most {_LARGEST_COORDINATE}; crop or coarsen the image"
        )
    with np.errstate(over="ignore", under="ignore"):
        stored = (model.modulus / _UNITS["GPa"]).astype(np.float32)
    lost = ~np.isfinite(stored) | (stored < np.finfo(np.float32).tiny)
    if lost.any():
        first = int(np.argmax(lost))
        raise ValueError(
            f"`model` has {int(lost.sum())} moduli beyond float32, the first {model.modulus[first]} MPa at "
            f"voxel {model.elements[first].tolist()}; ParOSol would take it for void or infinite"
        )


def _h5py():
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            "ParOSol files need the package h5py; install it with pip install 'osteon[export]'"
        ) from error
    return h5py
