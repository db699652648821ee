"""Reading of images, labels and masks by suffix."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ._files import existing_file, suffix_of
from ._image import Image, geometry_of, make_image
from ._metaimage import META_SUFFIXES, read_metaimage
from ._nifti import NIFTI_SUFFIXES, read_nifti
from ._numpy_files import NUMPY_SUFFIXES, read_numpy


def read_image(
    path: str | os.PathLike[str],
    *,
    quantity: str = "hu",
    density_type: str | None = None,
    spacing_mm: ArrayLike | None = None,
) -> Image:
    """Image of a file: NIfTI (.nii, .nii.gz), MetaImage (.mha, .mhd) or NumPy (.npy, .npz).

    Array axes stay as stored; `to_ras` turns them. NumPy arrays are indexed [x, y, z].

    Args:
      path: the file.
      quantity: what its numbers are; a density is read as mg/cm3 and kept as g/cm3.
      density_type: of a density: "k2hpo4", "ha", "ash" or "apparent".
      spacing_mm: voxel size, mm, one number or three: needed for .npy and for .npz without `voxel_mm` or
        `spacing`; elsewhere it replaces the size in the file.

    Raises:
      FileNotFoundError: no such file.
      ImportError: MHA or MHD without SimpleITK.
      ValueError: unknown suffix, damaged file, not three axes, NaN or infinite values, affine that is NaN,
        sheared, without a voxel size or contradicts itself, NumPy file without spacing.
    """
    place = existing_file(path)
    values, affine = _values_and_affine(place, spacing_mm)
    if quantity == "density":
        values = values / np.asarray(1000.0, values.dtype if values.dtype.kind == "f" else float)
    spacing, origin, direction = geometry_of(affine, name=f"affine of {place.name}")
    try:
        return make_image(
            values, spacing, origin=origin, direction=direction, quantity=quantity, density_type=density_type
        )
    except ValueError as error:
        raise ValueError(f"{str(place)!r}: {error}") from error


def read_labels(path: str | os.PathLike[str], *, spacing_mm: ArrayLike | None = None) -> Image:
    """Label image of a file: whole numbers, at least one of them not 0.

    Args:
      path: the file, as for `read_image`.
      spacing_mm: as for `read_image`.

    Raises:
      ValueError: fractions, or nothing but 0; and as `read_image`.
    """
    labels = read_image(path, quantity="label", spacing_mm=spacing_mm)
    if not np.any(labels.values):
        raise ValueError(f"{str(path)!r} holds no label: all {labels.values.size} voxels are 0.")
    return labels


def read_mask(path: str | os.PathLike[str], *, voxel_mm: ArrayLike | None = None) -> Image:
    """Binary mask of a file: booleans, 0 and 1, or 0 and 255; at least one voxel set.

    Args:
      path: the file, as for `read_image`.
      voxel_mm: voxel size, mm, as `spacing_mm` of `read_image`.

    Raises:
      ValueError: other values, or an empty mask; and as `read_image`.
    """
    raw = read_image(path, quantity="label", spacing_mm=voxel_mm)
    found = np.unique(raw.values)
    if not (np.isin(found, (0, 1)).all() or np.isin(found, (0, 255)).all()):
        listed = ", ".join(str(int(value)) for value in found[:8]) + (", ..." if len(found) > 8 else "")
        raise ValueError(
            f"{str(path)!r} is no mask: a mask holds 0 and 1, or 0 and 255; found {len(found)} ({listed}). "
            "Read it with `read_labels` and choose a label."
        )
    if not found.any():
        raise ValueError(f"{str(path)!r} is an empty mask: all {raw.values.size} voxels are 0.")
    return make_image(
        raw.values != 0, raw.spacing, origin=raw.origin, direction=raw.direction, quantity="mask"
    )


def _values_and_affine(place: Path, spacing_mm: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    suffix = suffix_of(place)
    if suffix in NIFTI_SUFFIXES:
        return read_nifti(place, spacing_mm=spacing_mm)
    if suffix in META_SUFFIXES:
        values, affine = read_metaimage(place)
        if spacing_mm is not None:
            direction = geometry_of(affine, name=f"affine of {place.name}")[2]
            affine[:3, :3] = direction * np.broadcast_to(np.asarray(spacing_mm, float), (3,))
        return values, affine
    if suffix in NUMPY_SUFFIXES:
        values, stated = read_numpy(place)
        spacing = stated if spacing_mm is None else np.asarray(spacing_mm, float)
        if spacing is None:
            raise ValueError(
                f"{str(place)!r} states no voxel size; give one in mm (`spacing_mm`, `voxel_mm`)."
            )
        if spacing.size not in (1, 3) or not np.isfinite(spacing).all() or (spacing <= 0).any():
            raise ValueError(
                f"{str(place)!r}: voxel size must be positive numbers (mm); got {spacing.tolist()}."
            )
        affine = np.eye(4)
        affine[:3, :3] *= np.broadcast_to(spacing.ravel(), (3,))
        return values, affine
    known = ", ".join((*NIFTI_SUFFIXES, *META_SUFFIXES, *NUMPY_SUFFIXES))
    raise ValueError(f"{str(place)!r}: unknown suffix {suffix!r}; images are read from {known}.")
