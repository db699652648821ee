"""From the image of a study to calibrated density, with the sentence that says how."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ._clean_density import LOWEST_HU
from ._errors import UserError, input_errors
from ._input_files import file_hash, read_study_labels, reading
from ._study_tables import Calibration, ImageSource


@dataclass(frozen=True)
class DensityImage:
    """Calibrated density on the grid of the file and how it came about."""

    source: Any
    "density, g/cm3, `meshes.Image` with the axes of the file"
    labels: Any
    "labels of a built-in vertebra (1 trabecular, 2 cortical), `meshes.Image`, or None"
    sentence: str
    "what the image is"
    calibration: dict[str, Any]
    "how HU became density, for summary.json"
    hashes: dict[str, str]
    "SHA-256 of every file read, by role"
    padding: Any = None
    "voxels that the scanner did not see, mask on the grid of `source`, `meshes.Image`, or None"


def read_density(image: ImageSource) -> DensityImage:
    """Calibrated density of a study's image.

    Raises:
      UserError: a file that cannot be read, or a calibration that cannot be made.
    """
    if image.builtin is not None:
        return _builtin(image)
    import meshes

    path = Path(image.folder) / str(image.path)
    quantity = "density" if image.calibrated else "hu"
    with input_errors(f"image.path '{image.path}'"):
        source = meshes.read_image(path, quantity=quantity, density_type=image.density_type, **reading(image))
        hashes = {"image": file_hash(path)}
    spacing = " x ".join(f"{edge:.4g}" for edge in np.asarray(source.spacing))
    sentence = f"CT of {' x '.join(map(str, np.shape(source.values)))} voxels of {spacing} mm"
    if image.calibrated:
        record = {
            "method": "none",
            "density_type": image.density_type,
            "sentence": f"The image already is {image.density_type}-equivalent density in mg/cm3.",
        }
        return DensityImage(source, None, sentence, record, hashes)
    assert_hu_plausible(source, image.path)
    settings = image.calibration or Calibration()
    rods, notes = None, []
    if settings.method == "phantom":
        where = "image.calibration.rods"
        rods = read_study_labels(image, str(settings.rods), where, source, hashes, notes)
    with input_errors("image.calibration"):
        calibration, record = calibrate(source, settings, image.tube_kv, rods)
        density = meshes.apply_calibration(source, calibration)
    if notes:
        record["sentence"] += f" {notes[0]}."
    unseen = np.asarray(source.values) < LOWEST_HU
    padding = replace(source, values=unseen, quantity="mask") if unseen.any() else None
    return DensityImage(density, None, sentence, record, hashes, padding)


def assert_hu_plausible(image: Any, name: Any) -> None:
    """Refuse values that cannot be HU, such as a mask, a density image or numbers with an offset of 1024.

    Raises:
      UserError: nothing in the image is below 0 HU, where fat and air lie.
    """
    low, high = float(np.min(image.values)), float(np.max(image.values))
    if low >= 0:
        raise UserError(
            f"image.path '{name}' holds values from {low:g} to {high:g}, which are no Hounsfield units (fat "
            "and air lie below 0); give the CT, or set calibrated = true and density_type for a density image"
        )


def calibrate(
    source: Any, settings: Calibration, tube_kv: float, rods: Any = None
) -> tuple[Any, dict[str, Any]]:
    """`meshes.Calibration` and its record for summary.json; `rods` is the label image of a phantom."""
    import meshes

    if settings.method == "linear":
        slope, intercept = float(settings.slope or 0), float(settings.intercept or 0)
        calibration = meshes.make_calibration(slope, intercept, str(settings.density_type))
        sentence = (
            f"Stated line: {slope:g} mg/cm3 per HU, {intercept:g} mg/cm3 at 0 HU, "
            f"{settings.density_type}-equivalent."
        )
        return calibration, {"method": "linear", **_line(calibration), "sentence": sentence}
    if settings.method == "phantom":
        labels = settings.rod_labels or tuple(range(1, len(settings.rod_mg_cm3) + 1))
        calibration, fit = meshes.calibrate_phantom(
            source,
            rods,
            dict(zip(labels, settings.rod_mg_cm3, strict=True)),
            str(settings.density_type),
            least_r2=meshes.LEAST_R2 if settings.least_r2 is None else settings.least_r2,
        )
        sentence = (
            f"By the {len(fit.hu)} {calibration.density_type}-equivalent rods of the phantom in the scan (r2 "
            f"{fit.r2:.5f}, residuals up to {np.abs(fit.residuals_mg_cm3).max():.1f} mg/cm3)."
        )
        return calibration, fit_record("phantom", calibration, fit, sentence)
    stated = {
        name: value
        for name in ("air", "fat", "muscle", "blood")
        if (value := getattr(settings, f"{name}_hu")) is not None
    }
    calibration, fit = meshes.calibrate_phantomless(
        source,
        hu={**meshes.tissue_hu(source), **stated},
        effective_kev=settings.effective_kev,
        density_type=settings.density_type or "ha",
        tube_kv=tube_kv,
    )
    tissues = ", ".join(f"{name} {hu:g} HU" for name, hu in zip(fit.materials, fit.hu, strict=True))
    sentence = (
        f"Without phantom, from {tissues}; residuals up to "
        f"{np.abs(fit.residuals_mg_cm3).max():.1f} mg/cm3; {fit.source}."
    )
    return calibration, fit_record("phantomless", calibration, fit, sentence)


def fit_record(method: str, calibration: Any, fit: Any, sentence: str) -> dict[str, Any]:
    """Entry of summary.json for a line that was fitted, `meshes.CalibrationFit`."""

    def by_name(values: Any) -> dict[str, float]:
        return dict(zip(fit.materials, map(float, values), strict=True))

    return {
        "method": method,
        "rods_hu" if method == "phantom" else "tissues_hu": by_name(fit.hu),
        "reference_mg_cm3": by_name(fit.density_mg_cm3),
        "residuals_mg_cm3": by_name(fit.residuals_mg_cm3),
        "r2": fit.r2,
        **_line(calibration),
        "sentence": sentence,
    }


def _line(calibration: Any) -> dict[str, Any]:
    return {
        "slope_mg_cm3_per_hu": 1000 * float(calibration.slope),
        "intercept_mg_cm3": 1000 * float(calibration.intercept),
        "density_type": calibration.density_type,
    }


def _builtin(image: ImageSource) -> DensityImage:
    """The parametric L3, calibrated by the rods of its own phantom as a real scan would be."""
    import meshes

    with input_errors("image.voxel_mm"):
        vertebra = meshes.make_vertebra(image.voxel_mm, seed=image.seed)
    tissues = np.asarray(vertebra.tissues.values)
    rods = 1000 * np.asarray(vertebra.phantom)
    values = np.asarray(vertebra.hu.values)
    numbers = [
        float(values[tissues == meshes.TISSUE_LABELS[f"rod {index}"]].mean()) for index in range(len(rods))
    ]
    calibration, fit = meshes.calibrate_from_pairs(
        numbers,
        rods,
        "ha",
        materials=[f"rod {index}" for index in range(len(rods))],
        source="rods of the built-in vertebra's phantom",
    )
    sentence = f"By the {len(rods)} hydroxyapatite rods of the built-in phantom (r2 {fit.r2:.5f})."
    record = fit_record("phantom", calibration, fit, sentence)
    shape = " x ".join(map(str, values.shape))
    sentence = (
        f"Built-in parametric L3 (seed {image.seed}), synthetic CT of {shape} voxels of {image.voxel_mm:g} mm"
    )
    source = meshes.apply_calibration(vertebra.hu, calibration)
    return DensityImage(source, vertebra.labels, sentence, record, {})
