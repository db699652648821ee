"""One file through SimpleITK, which is imported only here and only when used."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
"Turns the patient coordinates of ITK and DICOM (left, posterior, superior) into RAS."


def read_itk(path: Path, form: str, *, check: Callable[[Path], None]) -> tuple[np.ndarray, np.ndarray]:
    """Values (nx, ny, nz) and affine (4, 4) in RAS mm of one file.

    Args:
      path: the file.
      form: name of its format, for the sentences.
      check: judges the header before ITK does, which allocates first and repairs silently.

    Raises:
      ImportError: SimpleITK is missing.
      ValueError: what `check` refuses, and a file that ITK cannot read or that has several numbers a voxel.
    """
    try:
        import SimpleITK as sitk
    except ImportError as error:
        raise ImportError(
            f"{str(path)!r}: reading {form} needs SimpleITK; install it with `pip install 'osteon[readers]'`."
        ) from error
    check(path)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ValueError(f"{str(path)!r} cannot be read as {form}: {reason}") from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise ValueError(f"{str(path)!r}: needs one number per voxel; the file has several (colour).")
    affine = np.eye(4)
    direction = np.array(image.GetDirection(), float).reshape(3, 3)
    affine[:3, :3] = LPS_TO_RAS @ direction * np.array(image.GetSpacing(), float)
    affine[:3, 3] = LPS_TO_RAS @ np.array(image.GetOrigin(), float)
    return np.ascontiguousarray(sitk.GetArrayFromImage(image).transpose(2, 1, 0)), affine
