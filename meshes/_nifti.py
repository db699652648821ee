"""NIfTI images: strict reading, atomic writing."""

import os
import zlib
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.openers import ImageOpener
from nibabel.spatialimages import HeaderDataError
from numpy.typing import ArrayLike

from ._files import atomic_path, require_room, suffix_of
from ._image import DENSITY_TYPES, Image, affine_of, corners, geometry_of

NIFTI_SUFFIXES = (".nii", ".nii.gz")

# What nibabel lets through from damaged bytes.
_DAMAGE = (OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error)

# xyzt_units of the header; 0 is unknown.
_MM_PER_UNIT = {1: 1000.0, 2: 1.0, 3: 0.001}


def read_nifti(
    path: Path, *, spacing_mm: ArrayLike | None = None, assume_units: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Values (nx, ny, nz) and affine (4, 4) in RAS mm of a NIfTI file.

    The sform is used, else the qform. Lengths in metres or micrometres are turned into mm.

    Args:
      path: .nii or .nii.gz.
      spacing_mm: replaces the voxel size of the file; the axes and the first voxel stay where they are, an
        unstated unit of their place is then taken as mm.
      assume_units: "mm": what a unit of length that the file does not state is taken as.

    Raises:
      ValueError: not a NIfTI file, not three axes, header larger than the file, NaN in the affine or in the
        scaling of the values, no orientation at all, sform, qform and pixdim that disagree, sheared axes,
        voxel size zero, no unit of length.
    """
    try:
        image = nibabel.load(path)
    except (ImageFileError, HeaderDataError, *_DAMAGE) as error:
        raise ValueError(f"{str(path)!r} cannot be read as NIfTI: {error}") from error
    if not isinstance(image, nibabel.Nifti1Pair):
        raise ValueError(f"{str(path)!r} is not a NIfTI file but {type(image).__name__}; convert it first.")
    shape = image.shape
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        raise ValueError(
            f"{str(path)!r}: an image needs 3 axes; shape is {image.shape}. Take one volume out first."
        )
    header = image.header
    packed = suffix_of(path) == ".nii.gz"
    available = path.stat().st_size - (0 if packed else int(header["vox_offset"]))
    require_room(path, shape, int(header["bitpix"]) // 8, max(available, 0), packed=packed)
    stored = _stored_header(path, image)
    _require_scaling(path, stored)
    affine = _affine(path, image, shape, spacing_mm, assume_units, stored)
    try:
        values = np.asanyarray(image.dataobj)
    except _DAMAGE as error:
        raise ValueError(f"{str(path)!r}: the voxels cannot be read, the file is damaged: {error}") from error
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{str(path)!r}: voxels need to be real numbers; the file holds {values.dtype}.")
    return np.array(values.reshape(shape)), affine


def require_written_as(path: Path, quantity: str, density_type: str | None) -> None:
    """Nothing, unless `write_nifti` wrote the file as a density and it is to be read as another or as HU.

    Raises:
      ValueError: the description in the file and what is asked for contradict each other.
    """
    try:
        with ImageOpener(str(path)) as stream:
            header = stream.read(348)
    except _DAMAGE:
        return
    if header[344:347] != b"n+1":
        return
    words = header[148:228].partition(b"\0")[0].decode("ascii", "replace").split()
    if words[:2] != ["density", "mg/cm3"] or len(words) < 3 or words[2] not in DENSITY_TYPES:
        return
    if quantity == "hu":
        raise ValueError(
            f"{str(path)!r} was written as {words[2]}-equivalent density in mg/cm3 and is read as HU; read "
            "it as a density (in a study `calibrated = true`)."
        )
    if quantity == "density" and density_type != words[2]:
        raise ValueError(
            f"{str(path)!r} was written as {words[2]}-equivalent density and is read as {density_type}; "
            "state the type that it has, it is converted where needed."
        )


def _affine(
    path: Path,
    image: nibabel.Nifti1Pair,
    shape: tuple[int, ...],
    spacing_mm: ArrayLike | None,
    assume_units: str | None,
    stored: nibabel.Nifti1Header,
) -> np.ndarray:
    header = image.header
    where = str(path)
    zooms = np.abs(np.asarray(stored["pixdim"][1:4], float))
    if not np.isfinite(zooms).all() or (zooms <= 0).any():
        raise ValueError(f"{where!r}: voxel size must be positive and finite; it is {zooms.tolist()}.")
    sform = header.get_sform(coded=True)[0]
    qform = _qform(where, header)
    if sform is None and qform is None:
        if spacing_mm is None:
            raise ValueError(
                f"{where!r}: sform and qform codes are both 0, so nothing says where the voxels lie; save it "
                "with an affine, or give `spacing_mm` to place it at the origin."
            )
        affine = np.eye(4)
    elif sform is None:
        affine = np.array(qform, float)
    else:
        affine = np.array(sform, float)
    if not np.isfinite(affine).all():
        raise ValueError(f"{where!r}: the affine holds NaN or infinity; save the image with a true one.")
    geometry_of(affine, name=f"affine of {path.name}")
    if sform is not None and qform is not None:
        apart = float(np.abs(corners(affine, shape) - corners(np.array(qform), shape)).max())
        if apart > 0.1 * float(zooms.min()):
            raise ValueError(
                f"{where!r}: sform and qform disagree by up to {apart:.3g} in the place of a corner; decide "
                "which is true and save the image with that one only."
            )
    if sform is not None and qform is None:
        columns = np.linalg.norm(affine[:3, :3], axis=0)
        if np.abs(columns / zooms - 1).max() > 0.01:
            raise ValueError(
                f"{where!r}: the sform has voxels of {_edges(columns)} and `pixdim` of {_edges(zooms)}; "
                "decide which is true and save the image so."
            )
    unit = int(header["xyzt_units"]) & 7
    if unit == 0:
        if assume_units is None and spacing_mm is None:
            raise ValueError(
                f"{where!r} states no unit of length (`xyzt_units` 0) for its voxels of {_edges(zooms)}; "
                'if these are mm, say so: assume_units="mm" from Python, `image.assume_units = "mm"` in a '
                "study, `--assume-units mm`."
            )
        unit = 2
    if unit not in _MM_PER_UNIT:
        raise ValueError(f"{where!r}: unknown length unit {unit} in `xyzt_units`; use 1 m, 2 mm or 3 um.")
    affine[:3] *= _MM_PER_UNIT[unit]
    spacing, _, direction = geometry_of(affine, name=f"affine of {path.name}")
    if spacing_mm is not None:
        affine[:3, :3] = direction * np.broadcast_to(np.asarray(spacing_mm, float), spacing.shape)
    return affine


def _edges(lengths: np.ndarray) -> str:
    return " x ".join(f"{length:.4g}" for length in lengths)


def _stored_header(path: Path, image: nibabel.Nifti1Pair) -> nibabel.Nifti1Header:
    """The header as it stands in the file: nibabel turns zeros of pixdim into ones while loading."""
    with ImageOpener(str(path)) as stream:
        return type(image.header).from_fileobj(stream, check=False)


def _require_scaling(path: Path, stored: nibabel.Nifti1Header) -> None:
    """nibabel drops a slope of NaN without a word; by the standard a slope of 0 means no scaling."""
    slope, intercept = float(stored["scl_slope"]), float(stored["scl_inter"])
    if not np.isfinite(slope) or (slope != 0 and not np.isfinite(intercept)):
        raise ValueError(
            f"{str(path)!r}: the scaling of its values is not finite (`scl_slope` {slope}, `scl_inter` "
            f"{intercept}), so nothing says what they mean; save the image again with true ones, or 1 and 0."
        )


def _qform(where: str, header: nibabel.Nifti1Header) -> np.ndarray | None:
    if int(header["qform_code"]) == 0:
        return None
    names = ("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z")
    if not all(np.isfinite(header[name]) for name in names):
        raise ValueError(f"{where!r}: the affine (qform) holds NaN; save the image again with a true affine.")
    try:
        return np.asarray(header.get_qform(), float)
    except (HeaderDataError, ValueError) as error:
        raise ValueError(f"{where!r}: the qform is not a rotation: {error}") from error


def write_nifti(path: str | os.PathLike[str], image: Image, *, description: str = "") -> None:
    """Write an image with its own affine (sform and qform, mm), whole or not at all.

    Densities are written in mg/cm3 and their type stands in the description; masks as uint8, labels as the
    smallest integer type that holds them, HU that are whole numbers as int16, all else as float32.

    Args:
      path: target ending in .nii or .nii.gz; replaced if it exists.
      image: image on any grid.
      description: put into the 79 characters of the header's `descrip`, after quantity and density type.

    Raises:
      ValueError: another suffix.
      FileNotFoundError: the folder does not exist.
    """
    target = Path(path)
    if suffix_of(target) not in NIFTI_SUFFIXES:
        raise ValueError(f"`path` must end in .nii or .nii.gz; got {target.name!r}.")
    values, unit = _stored(image)
    affine = affine_of(image)
    stored = nibabel.Nifti1Image(values, affine)
    stored.header.set_xyzt_units("mm")
    # Code 1, scanner anatomical: coordinates are those of the image that came in.
    stored.set_sform(affine, code=1)
    stored.set_qform(affine, code=1)
    text = " ".join(part for part in (image.quantity, unit, image.density_type, description) if part)
    stored.header["descrip"] = text.encode("ascii", "replace")[:79]
    with atomic_path(target) as partial:
        nibabel.save(stored, partial)


def _stored(image: Image) -> tuple[np.ndarray, str]:
    values = np.asarray(image.values)
    if image.quantity == "mask":
        return values.astype(np.uint8), ""
    if image.quantity == "label":
        low, high = int(values.min()), int(values.max())
        for kind in (np.uint8, np.int16, np.int32):
            if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
                return values.astype(kind), ""
        raise ValueError(f"`image`: labels reach from {low} to {high}; at most 32 bits are written.")
    if image.quantity == "density":
        return (1000.0 * values).astype(np.float32), "mg/cm3"
    if image.quantity == "hu":
        whole = np.abs(values).max() <= np.iinfo(np.int16).max and bool((values == np.round(values)).all())
        return values.astype(np.int16 if whole else np.float32), ""
    return values.astype(np.float32), ""
