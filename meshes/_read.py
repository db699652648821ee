"""Reading of images, labels and masks by suffix, from files and from folders of slices."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ._dicom import DICOM_SUFFIXES, is_dicom, read_dicom, series_files
from ._files import data_file_beside, existing_file, suffix_of
from ._image import Image, geometry_of, make_image
from ._metaimage import META_SUFFIXES, metaimage_data_file, read_metaimage
from ._nifti import NIFTI_SUFFIXES, read_nifti, require_written_as
from ._nrrd import NRRD_SUFFIXES, nrrd_data_file, read_nrrd
from ._numpy_files import NUMPY_SUFFIXES, read_numpy
from ._scanco import SCANCO_SUFFIXES, read_scanco
from ._tiff import TIFF_SUFFIXES, read_tiff, tiff_pages

IMAGE_SUFFIXES = (
    *NIFTI_SUFFIXES,
    *META_SUFFIXES,
    *NRRD_SUFFIXES,
    *NUMPY_SUFFIXES,
    *TIFF_SUFFIXES,
    *SCANCO_SUFFIXES,
    *DICOM_SUFFIXES,
)
"""Suffixes of files that `read_image` knows; a folder holds a DICOM series or TIFF pages."""


def read_image(
    path: str | os.PathLike[str],
    *,
    quantity: str = "hu",
    density_type: str | None = None,
    spacing_mm: ArrayLike | None = None,
    assume_units: str | None = None,
) -> Image:
    """Image of a file or of a folder of slices.

    NIfTI (.nii, .nii.gz), MetaImage (.mha, .mhd), NRRD (.nrrd, .nhdr), NumPy (.npy, .npz), TIFF (.tif, .tiff
    of many pages, or a folder of single pages in natural order), a DICOM series (a folder, or one file of
    it) and Scanco's AIM and ISQ. Array axes stay as stored; `to_ras` turns them. NumPy arrays are indexed
    [x, y, z].

    Args:
      path: the file or folder.
      quantity: what its numbers are; a density is read as mg/cm3 and kept as g/cm3.
      density_type: of a density: "k2hpo4", "ha", "ash" or "apparent".
      spacing_mm: voxel size, mm, one number or three along the array axes: needed for TIFF, .npy and for .npz
        without `voxel_mm` or `spacing`; elsewhere it replaces the size in the file.
      assume_units: "mm": what lengths are in where a file states no unit; None refuses such a file.

    Raises:
      FileNotFoundError: nothing is there.
      ImportError: an optional reader is missing; names the extra to install.
      ValueError: unknown suffix, damaged file, not three axes, NaN or infinite values, affine that is NaN,
        sheared, without a voxel size or unit or contradicts itself, a file without spacing; of a DICOM series
        see docs/inputs.md.
    """
    if assume_units not in (None, "mm"):
        raise ValueError(f"`assume_units` can only be 'mm'; got {assume_units!r}.")
    place = _existing(path)
    values, affine = _values_and_affine(place, quantity, density_type, spacing_mm, assume_units)
    if quantity == "density":
        values = values / np.asarray(1000.0, values.dtype if values.dtype.kind == "f" else float)
    spacing, origin, direction = geometry_of(affine, name=f"affine of {place.name}")
    try:
        return make_image(
            values, spacing, origin=origin, direction=direction, quantity=quantity, density_type=density_type
        )
    except ValueError as error:
        raise ValueError(f"{str(place)!r}: {error}") from error


def read_labels(
    path: str | os.PathLike[str], *, spacing_mm: ArrayLike | None = None, assume_units: str | None = None
) -> Image:
    """Label image of a file: whole numbers, at least one of them not 0.

    Args:
      path: the file or folder, as for `read_image`.
      spacing_mm: as for `read_image`.
      assume_units: as for `read_image`.

    Raises:
      ValueError: fractions, or nothing but 0; and as `read_image`.
    """
    labels = read_image(path, quantity="label", spacing_mm=spacing_mm, assume_units=assume_units)
    if not np.any(labels.values):
        raise ValueError(f"{str(path)!r} holds no label: all {labels.values.size} voxels are 0.")
    return labels


def read_mask(
    path: str | os.PathLike[str], *, voxel_mm: ArrayLike | None = None, assume_units: str | None = None
) -> Image:
    """Binary mask of a file: booleans, 0 and 1, 0 and 127 (Scanco) or 0 and 255; at least one voxel set.

    Args:
      path: the file or folder, as for `read_image`.
      voxel_mm: voxel size, mm, as `spacing_mm` of `read_image`.
      assume_units: as for `read_image`.

    Raises:
      ValueError: other values, or an empty mask; and as `read_image`.
    """
    raw = read_image(path, quantity="label", spacing_mm=voxel_mm, assume_units=assume_units)
    found = np.unique(raw.values)
    if not any(np.isin(found, (0, high)).all() for high in (1, 127, 255)):
        listed = ", ".join(str(int(value)) for value in found[:8]) + (", ..." if len(found) > 8 else "")
        raise ValueError(
            f"{str(path)!r} is no mask: a mask holds 0 and 1, 0 and 127, or 0 and 255; found {len(found)} "
            f"({listed}). Read it with `read_labels` and choose a label."
        )
    if not found.any():
        raise ValueError(f"{str(path)!r} is an empty mask: all {raw.values.size} voxels are 0.")
    return make_image(
        raw.values != 0, raw.spacing, origin=raw.origin, direction=raw.direction, quantity="mask"
    )


def image_files(path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Files that `read_image` reads for a path: header and voxels of .mhd and .nhdr, all slices of a series.

    Args:
      path: as for `read_image`; the voxels are not read.

    Raises:
      FileNotFoundError, ImportError, ValueError: as `read_image` where the files cannot be told.
    """
    place = _existing(path)
    form = _form(place)
    if form == "dicom":
        return tuple(series_files(place))
    if place.is_dir():
        return tuple(tiff_pages(place))
    beside = {".mhd": metaimage_data_file, ".nhdr": nrrd_data_file}.get(form)
    name = None if beside is None else beside(place)
    return (place,) if name is None else (place, data_file_beside(place, name))


def _existing(path: str | os.PathLike[str]) -> Path:
    place = Path(path)
    return place if place.is_dir() else existing_file(place)


def _form(place: Path) -> str:
    """Suffix that says how a file is read; "dicom" and "tiff" for those and for folders of them.

    Raises:
      ValueError: unknown suffix, or a folder without slices.
    """
    if place.is_dir():
        files = [item for item in place.iterdir() if item.is_file()]
        if any(item.suffix.lower() in TIFF_SUFFIXES for item in files):
            return "tiff"
        if any(is_dicom(item) for item in files):
            return "dicom"
        raise ValueError(
            f"{str(place)!r} is a folder without DICOM images or TIFF pages; give the folder that holds the "
            "slices themselves, or an image file."
        )
    suffix = suffix_of(place)
    if suffix in TIFF_SUFFIXES:
        return "tiff"
    if suffix in DICOM_SUFFIXES or (suffix not in IMAGE_SUFFIXES and is_dicom(place)):
        return "dicom"
    if suffix not in IMAGE_SUFFIXES:
        known = ", ".join(IMAGE_SUFFIXES)
        raise ValueError(f"{str(place)!r}: unknown suffix {suffix!r}; images are read from {known}.")
    return suffix


def _values_and_affine(
    place: Path,
    quantity: str,
    density_type: str | None,
    spacing_mm: ArrayLike | None,
    assume_units: str | None,
) -> tuple[np.ndarray, np.ndarray]:
    form = _form(place)
    if form in NIFTI_SUFFIXES:
        require_written_as(place, quantity, density_type)
        return read_nifti(place, spacing_mm=spacing_mm, assume_units=assume_units)
    if form in NUMPY_SUFFIXES or form == "tiff":
        values, stated = read_numpy(place) if form in NUMPY_SUFFIXES else (read_tiff(place), None)
        return values, _placed_at_origin(place, stated, spacing_mm)
    if form == "dicom":
        values, affine = read_dicom(place, quantity=quantity)
    elif form in META_SUFFIXES:
        values, affine = read_metaimage(place)
    elif form in NRRD_SUFFIXES:
        values, affine = read_nrrd(place, assume_units="mm" if spacing_mm is not None else assume_units)
    else:
        values, affine = read_scanco(place, quantity=quantity, density_type=density_type)
    if spacing_mm is not None:
        direction = geometry_of(affine, name=f"affine of {place.name}")[2]
        affine[:3, :3] = direction * np.broadcast_to(np.asarray(spacing_mm, float), (3,))
    return values, affine


def _placed_at_origin(place: Path, stated: np.ndarray | None, spacing_mm: ArrayLike | None) -> np.ndarray:
    """Affine of a file that knows no place: first voxel at the origin, axes along those of the world."""
    spacing = stated if spacing_mm is None else np.asarray(spacing_mm, float)
    if spacing is None:
        raise ValueError(
            f"{str(place)!r} states no voxel size; give one in mm (`spacing_mm` in a study and from Python, "
            "`voxel_mm` of a mask, `--voxel-mm`)."
        )
    if spacing.size not in (1, 3) or not np.isfinite(spacing).all() or (spacing <= 0).any():
        raise ValueError(f"{str(place)!r}: voxel size must be positive numbers (mm); got {spacing.tolist()}.")
    affine = np.eye(4)
    affine[:3, :3] *= np.broadcast_to(spacing.ravel(), (3,))
    return affine
