"""DICOM series made for tests: a stack of CT images with a sentinel in every text field."""

from pathlib import Path

import numpy as np

SENTINEL = "DOE^JOHN-1950"
"""Stands in every field of text of every image."""


def write_series(folder: Path, values: np.ndarray, *, change=None, series: int = 1, name: str = "IM") -> Path:
    """A series of CT images in a folder, in an order that says nothing of their place.

    Args:
      folder: made if missing.
      values: HU [x, y, z], whole numbers.
      change: function of (data set, index of the slice) that spoils an image; returning False leaves it out.
      series: number in the series' UID.
      name: beginning of the file names.

    Returns:
      folder; pixels are 0.5 mm along x and 0.75 mm along y, slices 2 mm apart from z = -10 mm on, LPS.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    folder.mkdir(parents=True, exist_ok=True)
    count = values.shape[2]
    for index in range(count):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = f"1.2.3.{series}.{index + 1}"
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SeriesInstanceUID, data.Modality = f"1.2.3.{series}", "CT"
        for field in (
            "PatientName", "PatientID", "PatientComments", "StudyDescription", "SeriesDescription",
            "InstitutionName", "ReferringPhysicianName", "ProtocolName", "ImageComments", "Manufacturer",
        ):  # fmt: skip
            setattr(data, field, SENTINEL)
        data.Columns, data.Rows = values.shape[:2]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.ImagePositionPatient = [5.0, 7.0, -10.0 + 2.0 * index]
        data.PixelSpacing = [0.75, 0.5]
        data.SliceThickness = 1.25
        # Every slice has a scaling of its own.
        data.RescaleSlope, data.RescaleIntercept, data.RescaleType = 1 + index % 2, -1024 - index, "HU"
        stored = (values[:, :, index].T + 1024 + index) / (1 + index % 2)
        data.PixelData = np.round(stored).astype("<u2").tobytes()
        if change is not None and change(data, index) is False:
            continue
        data.save_as(folder / f"{name}{(index * 7) % count:03d}.dcm", enforce_file_format=True)
    return folder
