"""The vertebral bodies of a study on the grid of the model: bone voxels, compartments, densities."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ._clean_density import without_foreign, without_negative
from ._density_image import DensityImage
from ._errors import UserError, one_sentence
from ._input_files import read_study_labels
from ._model_grid import CORTICAL, TRABECULAR, make_model_grid, on_source, on_source_axes
from ._study_tables import ImageSource, Level, Study
from ._voxels import cubic_edge, label_mask, set_aside


@dataclass(frozen=True)
class LevelBone:
    """One vertebral body, cropped, on cubic voxels."""

    name: str
    "name of the level"
    grid: Any
    "HA-equivalent density of the crop, g/cm3, `meshes.Image`; its third axis is loaded"
    bone: np.ndarray
    "voxels of the body on `grid`, boolean"
    compartments: np.ndarray
    "calibration.TRABECULAR or calibration.CORTICAL of every bone voxel, (nb,)"
    density_ha: np.ndarray
    "HA-equivalent density, g/cm3, (nb,), not negative"
    density_law: np.ndarray
    "the same as the density-modulus law wants it, g/cm3, (nb,)"
    voxel_mm: float
    "edge of a voxel, mm"
    endplates: Any
    "how the body stands on the image, `meshes.Endplates`; None where it cannot be told"
    turned: bool
    "whether `grid` stands along the axis between the endplates"
    source: Any
    "the image as read, for maps on its grid, `meshes.Image`"
    source_bone: np.ndarray
    "voxels of the body on the grid of `source`, boolean"
    sentence: str
    "what is modelled, for the report"
    notes: tuple[str, ...]
    "what was done to the input"


def read_levels(study: Study, image: DensityImage, law: Any) -> tuple[list[LevelBone], dict[str, str]]:
    """Every level of a study and the hashes of the label images read.

    Raises:
      UserError: a mask that is missing, on another grid or without the label; a body that is empty.
    """
    hashes: dict[str, str] = {}
    levels = study.levels or (Level(name="L3", label=1),)
    made = [_level(level, study, image, law, hashes) for level in levels]
    return made, hashes


def _level(level: Level, study: Study, image: DensityImage, law: Any, hashes: dict[str, str]) -> LevelBone:
    import calibration
    import meshes

    notes: list[str] = []
    trabecular, cortical, how = _masks(level, study.image, image, hashes, notes)
    body = trabecular | cortical
    kept = meshes.largest_component(body)
    dropped = set_aside(body, kept)
    if dropped is not None:
        notes.append(f"{level.name}: {dropped}")
    ras = meshes.to_ras(image.source)
    codes = np.where(trabecular & kept, TRABECULAR, np.where(cortical & kept, CORTICAL, 0)).astype(np.int32)
    made = make_model_grid(
        ras,
        codes,
        None if image.padding is None else meshes.to_ras(image.padding),
        edge=study.mechanics.voxel_mm,
        axis=study.mechanics.axis,
        where=f"levels '{level.name}'",
        setting='mechanics.axis = "image"',
    )
    notes += [f"{level.name}: {note}" for note in made.notes]
    grid, parts = made.density, made.parts
    edge = float(np.asarray(grid.spacing).min())
    bone = meshes.largest_component(parts > 0)
    if parts[bone].min() == parts[bone].max():
        raise UserError(
            f"levels '{level.name}': the body has only one compartment at {edge:g} mm; use smaller voxels or "
            "give a subregion mask with trabecular_labels and cortical_labels"
        )
    density = meshes.convert_density(grid, "ha", tube_kv=study.image.tube_kv)
    raw = np.array(density.values, dtype=np.float64)
    where = f"levels '{level.name}'"
    unseen = None if made.unseen is None else made.unseen[bone]
    raw[bone], found = without_foreign(raw[bone], where, unseen)
    notes += [f"{level.name}: {note}" for note in found]
    if study.image.denoise_mm > 0:
        raw = denoised(raw, parts * bone, study.image.denoise_mm / edge)
        notes.append(
            f"{level.name}: density averaged inside each compartment by a Gaussian of standard deviation "
            f"{study.image.denoise_mm:g} mm"
        )
    values, found = without_negative(raw[bone], where)
    notes += [f"{level.name}: {note}" for note in found]
    clean = raw.copy()
    clean[bone] = values
    density = replace(density, values=clean)
    wanted = meshes.convert_density(density, law.density_type, tube_kv=study.image.tube_kv)
    codes = np.where(parts[bone] == TRABECULAR, calibration.TRABECULAR, calibration.CORTICAL)
    sentence = (
        f"{int(bone.sum())} voxels of {edge:g} mm, {int((parts[bone] == TRABECULAR).sum())} trabecular and "
        f"{int((parts[bone] == CORTICAL).sum())} cortical. {how} The vertebral body alone is modelled, so "
        "BMC and aBMD are those of the body without posterior elements."
    )
    if made.turned:
        sentence += f" It was tilted by {made.endplates.tilt_degrees:.0f} degrees and turned upright."
    return LevelBone(
        name=level.name,
        grid=density,
        bone=bone,
        compartments=codes,
        density_ha=values,
        density_law=np.asarray(wanted.values, dtype=np.float64)[bone],
        voxel_mm=cubic_edge(density),
        endplates=made.endplates,
        turned=made.turned,
        source=image.source,
        source_bone=on_source_axes(kept, image.source),
        sentence=sentence,
        notes=tuple(notes),
    )


def denoised(density: np.ndarray, parts: np.ndarray, sigma_voxels: float) -> np.ndarray:
    """Density averaged inside each compartment by a Gaussian that does not reach across its border.

    Args:
      density: (nx, ny, nz).
      parts: compartment code, 0 outside, same shape.
      sigma_voxels: standard deviation, voxels.

    Returns:
      density with the voxels of the compartments replaced; a constant stays the constant it was.

    Reference: normalized convolution, Knutsson and Westin 1993.
    """
    from scipy import ndimage

    result = density.copy()
    for code in np.unique(parts[parts > 0]):
        inside = parts == code
        weight = ndimage.gaussian_filter(inside.astype(float), sigma_voxels)
        total = ndimage.gaussian_filter(np.where(inside, density, 0.0), sigma_voxels)
        result[inside] = total[inside] / weight[inside]
    return result


def _masks(
    level: Level, settings: ImageSource, image: DensityImage, hashes: dict[str, str], notes: list[str]
) -> tuple[np.ndarray, np.ndarray, str]:
    """Trabecular and cortical voxels in RAS order, and the sentence that says where the split comes from."""
    import meshes

    if image.labels is not None:
        values = np.asarray(meshes.to_ras(image.labels).values)
        return values == 1, values == 2, "The shell is that of the built-in vertebra."
    name = level.mask or settings.mask
    where = f"levels '{level.name}'"
    name, single = structure_file(Path(settings.folder), str(name), level.name)
    labels = read_study_labels(settings, name, f"{where} mask", image.source, hashes, notes)
    number = level.label
    if number is None:
        number = 1 if single else _number_of(labels, level.name, settings.labels, where)
    body = label_mask(labels, number, f"{where} label")
    if settings.bodies is not None:
        bodies = read_study_labels(settings, settings.bodies, "image.bodies", image.source, hashes, notes)
        body &= label_mask(bodies, 1, "image.bodies label")
        if not body.any():
            raise UserError(f"{where}: none of its voxels is a vertebral body in image.bodies")
    elif level.label is None and level.subregions is None and settings.subregions is None:
        notes.append(
            f"{level.name}: label {number} of the mask is taken as the vertebral body; where it covers the "
            "arch as well, give image.bodies"
        )
    subregions = level.subregions or settings.subregions
    if subregions is None:
        from scipy import ndimage

        core = np.asarray(ndimage.binary_erosion(body), dtype=bool)
        return (
            core,
            body & ~core,
            "The outer layer of one voxel counts as cortical, the eroded rest as trabecular.",
        )
    parts = read_study_labels(settings, subregions, f"{where} subregions", image.source, hashes, notes)
    values = np.asarray(meshes.to_ras(parts).values)
    trabecular = body & np.isin(values, level.trabecular_labels)
    cortical = body & np.isin(values, level.cortical_labels)
    for found, wanted, word in (
        (trabecular, level.trabecular_labels, "trabecular_labels"),
        (cortical, level.cortical_labels, "cortical_labels"),
    ):
        if not found.any():
            there = ", ".join(str(int(item)) for item in np.unique(values[body]) if item != 0)
            raise UserError(
                f"levels '{level.name}': none of {word} = {list(wanted)} lies inside label {number}; "
                f"found there: {there or 'nothing'}"
            )
    return trabecular, cortical, "Trabecular core and shell are those of the subregion mask."


def structure_file(folder: Path, name: str, level: str) -> tuple[str, bool]:
    """File of a level in a folder of TotalSegmentator's single masks, and whether it is such a mask.

    TotalSegmentator without `--ml` writes a folder with one binary mask a structure, vertebrae_L3.nii.gz.

    Raises:
      UserError: a folder without the level, or a single mask of another vertebra.
    """
    place = folder / name
    if place.is_dir():
        found = {file.name.split(".")[0]: file for file in sorted(place.glob("vertebrae_*"))}
        if not found:
            return name, False
        wanted = found.get(f"vertebrae_{level}")
        if wanted is None:
            listed = ", ".join(stem.removeprefix("vertebrae_") for stem in found)
            raise UserError(
                f"levels '{level}': its folder of masks has no vertebrae_{level}; found: {listed}"
            )
        return f"{name}/{wanted.name}", True
    stem = place.name.split(".")[0]
    if stem.startswith("vertebrae_") and stem.removeprefix("vertebrae_") in _vertebrae():
        if stem != f"vertebrae_{level}":
            raise UserError(f"levels '{level}': its mask is {stem}; give that of vertebrae_{level}")
        return name, True
    return name, False


def _vertebrae() -> tuple[str, ...]:
    import meshes

    return meshes.VERTEBRAE


def _number_of(labels: Any, name: str, convention: str | None, where: str) -> int:
    import meshes

    try:
        return meshes.find_vertebrae(labels, [name], convention=convention)[name]
    except ValueError as error:
        raise UserError(
            f"{where}: {one_sentence(error)} Set image.labels to verse, totalsegmentator, "
            "totalsegmentator-v1 or totalsegmentator-v2, or give the level its label"
        ) from error


def to_source(level: LevelBone, values: np.ndarray) -> np.ndarray:
    """A field of the bone voxels of a level on the grid of its file, 0 outside the body; see `on_source`."""
    return on_source(level.grid, level.bone, values, level.source, level.source_bone)
