"""DICOM series of single-frame CT images, as one volume.

What comes from the headers and reaches a sentence is numbers and counts, never their text: any field may hold
a person's name.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._dicom_stack import Slice, stack_of
from ._files import require_room

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
_DEFLATED = "1.2.840.10008.1.2.1.99"
# Implicit and explicit little endian, explicit big endian: voxels as they are. Others are left to pydicom and
# what is installed beside it; ITK also knows them, but its DICOM library ends the process on some bad input.
_PLAIN = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
_TAGS = (
    "SeriesInstanceUID", "Modality", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated",
    "PhotometricInterpretation", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "RescaleSlope", "RescaleIntercept", "RescaleType", "GantryDetectorTilt", "SOPInstanceUID",
)  # fmt: skip


@dataclass(frozen=True)
class _Header:
    file: Path
    series: str
    data: Any


def is_dicom(path: Path) -> bool:
    """Whether a file has the mark of DICOM's Part 10 after its preamble."""
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def read_dicom(path: Path, *, quantity: str) -> tuple[np.ndarray, np.ndarray]:
    """Values (nx, ny, nz) and affine (4, 4) in RAS mm of a series.

    Slices are sorted by their positions along their common normal, which also give the distance between
    them; instance numbers, file names and slice thickness are not believed. Stored values become
    slope * value + intercept with the numbers of each slice.

    Args:
      path: a folder with one series, or one file of it (other series in its folder are then left out).
      quantity: "hu" asks for CT with a rescaling to HU; other quantities take any modality.

    Raises:
      ImportError: pydicom is missing.
      ValueError: no image or several series in the folder, one image alone, images of several frames, in
        colour or not CT, of different sizes, directions or spacings, a tilted gantry, missing or doubled
        slices, a scaling that is missing or not finite, voxels that cannot be unpacked.
    """
    headers = _series(path)
    slices = [_slice(header, len(headers), quantity, str(path)) for header in headers]
    order, affine = stack_of(slices, where=str(path))
    for header, image in zip(headers, slices, strict=True):
        _require_room(header, image, str(path))
    rows, columns = slices[0].shape
    values = np.empty((columns, rows, len(slices)), np.float32)
    for place, index in enumerate(order):
        values[:, :, place] = _values(headers[index], slices[index], str(path)).T
    whole = np.round(values)
    if np.array_equal(whole, values) and np.abs(values).max() <= np.iinfo(np.int16).max:
        return values.astype(np.int16), affine
    return values, affine


def series_files(path: Path) -> list[Path]:
    """Files of the series that `read_dicom` reads, in no order that matters."""
    return [header.file for header in _series(path)]


def _series(path: Path) -> list[_Header]:
    folder = path if path.is_dir() else path.parent
    where = str(path)
    headers = [
        header
        for file in sorted(item for item in folder.iterdir() if item.is_file())
        if (header := _header(file)) is not None
    ]
    if path.is_file():
        mine = next((header for header in headers if header.file == path), None)
        if mine is None:
            raise ValueError(f"{where!r} cannot be read as a DICOM image: it is damaged or holds no image.")
        headers = [header for header in headers if header.series == mine.series]
    if not headers:
        raise ValueError(f"{where!r}: no DICOM image in this folder; give the one that holds the slices.")
    groups: dict[str, list[_Header]] = {}
    for header in headers:
        groups.setdefault(header.series, []).append(header)
    if len(groups) > 1:
        listed = "; ".join(
            f"{len(group)} of {_number(group[0].data, 'Columns')} x {_number(group[0].data, 'Rows')}"
            for group in sorted(groups.values(), key=len, reverse=True)[:6]
        )
        more = "; ..." if len(groups) > 6 else ""
        raise ValueError(
            f"{where!r} holds images of {len(groups)} series ({listed}{more}); give a file of the wanted one."
        )
    if len(headers) < 2:
        raise ValueError(
            f"{where!r}: its series has one image here; a volume needs all its slices in one folder."
        )
    return headers


def _header(file: Path) -> _Header | None:
    """Header without voxels; None for files that are no DICOM images (DICOMDIR, reports, notes)."""
    import_pydicom(file)
    from pydicom import dcmread
    from pydicom.filereader import read_file_meta_info

    try:
        if not is_dicom(file):
            return None
        # pydicom warns about odd values by quoting them.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A deflated data set is unpacked whole, however large it gets: it is not opened.
            if str(read_file_meta_info(file).get("TransferSyntaxUID", "")) == _DEFLATED:
                data = None
            else:
                data = dcmread(file, stop_before_pixels=True, specific_tags=list(_TAGS))
                series = str(data.get("SeriesInstanceUID", ""))
                return None if data.get("Rows") is None else _Header(file, series, data)
    except Exception:
        # pydicom raises many kinds on damaged bytes, and their text may quote them.
        raise ValueError(
            f"{str(file.parent)!r}: a DICOM file in this folder is damaged; copy it again."
        ) from None
    raise ValueError(f"{str(file.parent)!r}: a DICOM file is deflated, which is not read; save it unpacked.")


def import_pydicom(path: Path) -> None:
    """Nothing if pydicom is there.

    Raises:
      ImportError: it is not; names the extra to install.
    """
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{str(path)!r}: reading DICOM needs pydicom; install it with `pip install 'osteon[readers]'`."
        ) from error


def _number(data: Any, name: str) -> int:
    values = _numbers(data, name)
    return int(values[0]) if values is not None and len(values) == 1 else 0


def _numbers(data: Any, name: str) -> np.ndarray | None:
    """Finite numbers of a field; None where it is missing, and an empty array where it is something else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = data.get(name)
        if value is None or value == "":
            return None
        parts = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
        numbers = np.array([float(part) for part in parts])
    except Exception:
        return np.array([])
    return numbers if np.isfinite(numbers).all() else np.array([])


def _text(data: Any, name: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(data.get(name, "") or "")
    except Exception:
        return ""


def _slice(header: _Header, count: int, quantity: str, where: str) -> Slice:
    data = header.data
    modality = _text(data, "Modality")
    if quantity == "hu" and modality != "CT":
        known = modality if modality in ("MR", "PT", "NM", "US", "CR", "DX", "SC", "OT", "SEG") else "unknown"
        raise ValueError(f"{where!r}: HU come from CT; one of its {count} images has the modality {known}.")
    if _number(data, "NumberOfFrames") > 1:
        raise ValueError(
            f"{where!r}: an image has {_number(data, 'NumberOfFrames')} frames (enhanced CT, or a "
            "segmentation); convert it to NIfTI or to single-frame images."
        )
    if _number(data, "SamplesPerPixel") != 1 or _text(data, "PhotometricInterpretation") != "MONOCHROME2":
        raise ValueError(f"{where!r}: an image is in colour or inverted; CT images are MONOCHROME2.")
    shape = (_number(data, "Rows"), _number(data, "Columns"))
    if min(shape) < 1 or _number(data, "BitsAllocated") not in (8, 16, 32):
        raise ValueError(f"{where!r}: an image has {shape[0]} rows and {shape[1]} columns of unknown voxels.")
    fields = {}
    for name, length, what in (
        ("ImagePositionPatient", 3, "its position"),
        ("ImageOrientationPatient", 6, "its directions"),
        ("PixelSpacing", 2, "the size of its pixels"),
    ):
        numbers = _numbers(data, name)
        if numbers is None or len(numbers) != length:
            raise ValueError(f"{where!r}: an image does not state {what} ({name}, {length} finite numbers).")
        fields[name] = numbers
    slope, intercept = _rescaling(data, quantity, where)
    tilt = _numbers(data, "GantryDetectorTilt")
    return Slice(
        shape=shape,
        position=fields["ImagePositionPatient"],
        orientation=fields["ImageOrientationPatient"],
        pixel_spacing=fields["PixelSpacing"],
        tilt=0.0 if tilt is None or len(tilt) != 1 else float(tilt[0]),
        slope=slope,
        intercept=intercept,
    )


def _rescaling(data: Any, quantity: str, where: str) -> tuple[float, float]:
    slope, intercept = _numbers(data, "RescaleSlope"), _numbers(data, "RescaleIntercept")
    if slope is None and intercept is None and quantity != "hu":
        return 1.0, 0.0
    if slope is None or intercept is None or len(slope) != 1 or len(intercept) != 1 or slope[0] == 0:
        raise ValueError(
            f"{where!r}: an image lacks a finite RescaleSlope (other than 0) or RescaleIntercept, so its "
            "stored numbers cannot become HU; export it again."
        )
    if quantity == "hu" and _text(data, "RescaleType") not in ("", "HU", "US"):
        raise ValueError(f"{where!r}: an image is scaled to something else than HU (RescaleType).")
    return float(slope[0]), float(intercept[0])


def _require_room(header: _Header, image: Slice, where: str) -> None:
    syntax = str(header.data.file_meta.get("TransferSyntaxUID", ""))
    itemsize = _number(header.data, "BitsAllocated") // 8
    available = header.file.stat().st_size
    require_room(Path(where), image.shape, itemsize, available, packed=syntax not in _PLAIN)


def _values(header: _Header, image: Slice, where: str) -> np.ndarray:
    """Rescaled values of one slice, (rows, columns)."""
    from pydicom import dcmread

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = np.asarray(dcmread(header.file).pixel_array, np.float64)
    except Exception:
        raise ValueError(
            f"{where!r}: the voxels of an image cannot be unpacked; it is damaged, or its compression needs "
            "another package (`pip install python-gdcm`): copy it again or export it without compression."
        ) from None
    if stored.shape != image.shape:
        raise ValueError(f"{where!r}: an image holds {stored.shape} voxels where {image.shape} are promised.")
    return (image.slope * stored + image.intercept).astype(np.float32)
