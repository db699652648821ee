"""NIfTI files for tests, with a unit of length: nibabel writes none unless told, and that is refused."""

from pathlib import Path

import nibabel
import numpy as np


def save_nifti(values: np.ndarray, affine: np.ndarray, path: Path) -> Path:
    """A file in mm with the given affine; its path."""
    image = nibabel.Nifti1Image(values, affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path
