"""The grid of the model of one body: that of the image, other cubes, or cubes along the axis of the body."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._errors import UserError, one_sentence
from ._voxels import bounding_box

LARGEST_SPREAD = 1e-3
"Relative difference of voxel edges below which voxels count as cubes."

LEAST_TILT = 5.0
"Degrees below which a body stays on the axes of the image: it loses less stiffness than resampling changes."

LARGEST_TILT = 50.0
"Degrees beyond which the front of a body may be taken for an endplate."

TRABECULAR, CORTICAL = 1, 2


@dataclass(frozen=True)
class ModelGrid:
    """One body on cubic voxels, cropped."""

    density: Any
    "density of the crop, `meshes.Image`; its third axis is loaded"
    parts: np.ndarray
    "TRABECULAR or CORTICAL, 0 outside the body, on the grid of `density`"
    unseen: np.ndarray | None
    "voxels that the scanner did not see, on the grid of `density`; None where all were seen"
    endplates: Any
    "`meshes.Endplates` of the body on the image"
    turned: bool
    "whether the grid stands along the axis between the endplates"
    notes: tuple[str, ...]
    "what was done"


def make_model_grid(
    density: Any,
    parts: np.ndarray,
    padding: Any,
    *,
    edge: float | None,
    axis: str,
    where: str,
    setting: str,
) -> ModelGrid:
    """Put one body on cubic voxels whose third axis is loaded.

    Args:
      density: `meshes.Image` in RAS order.
      parts: TRABECULAR, CORTICAL or 0, one body, on the grid of `density`.
      padding: mask of voxels that the scanner did not see in RAS order, or None.
      edge: edge of the voxels, mm; None: the finest of the image.
      axis: "endplates": turn a body that is tilted by `LEAST_TILT` or more; "image": never.
      where: what errors name.
      setting: what to write to load along the image, for errors.

    Raises:
      UserError: the endplates cannot be told, or their axis is that of no lumbar vertebra.
    """
    import meshes

    crop = tuple(slice(max(0, part.start - 2), part.stop + 2) for part in bounding_box(parts > 0))
    grid = _cropped(density, crop)
    codes = _on(grid, parts[crop], "label")
    endplates = _endplates(_on(grid, parts[crop] > 0, "mask"), axis, where, setting)
    spacing = np.asarray(grid.spacing, dtype=float)
    edge = float(spacing.min()) if edge is None else edge
    words = f"voxels of {' x '.join(f'{item:.4g}' for item in spacing)} mm were resampled to {edge:g} mm"
    if axis == "endplates" and endplates.tilt_degrees >= LEAST_TILT:
        return _turned(density, codes, padding, endplates, words, edge)
    unseen = None if padding is None else _cropped(padding, crop)
    if np.abs(spacing / edge - 1).max() <= LARGEST_SPREAD:
        return ModelGrid(grid, parts[crop], _values(unseen), endplates, False, ())
    grid, codes = meshes.resample(grid, edge), meshes.resample(codes, edge)
    unseen = None if unseen is None else meshes.resample(unseen, edge)
    return ModelGrid(grid, np.asarray(codes.values), _values(unseen), endplates, False, (words,))


def _endplates(body: Any, axis: str, where: str, setting: str) -> Any:
    import meshes

    advice = f"Look at the mask, or load along the head-foot axis of the image with {setting}"
    try:
        found = meshes.find_endplates(body)
    except ValueError as error:
        if axis == "image":
            return None
        raise UserError(f"{where}: {one_sentence(error)} {advice}") from error
    if axis == "endplates" and found.tilt_degrees > LARGEST_TILT:
        raise UserError(
            f"{where}: the axis between its endplates is tilted by {found.tilt_degrees:.0f} degrees "
            f"from the head-foot axis of the image; beyond {LARGEST_TILT:g} it may be another. {advice}"
        )
    return found


def _turned(density: Any, codes: Any, padding: Any, endplates: Any, words: str, edge: float) -> ModelGrid:
    """The body on a grid along its axis; a voxel is bone where at least half of it is."""
    import meshes

    inside = np.asarray(codes.values)
    body = _on(codes, inside > 0, "mask")
    grid = meshes.upright_grid(body, endplates.axis, edge, margin_mm=2 * edge)
    shares = [
        np.asarray(
            meshes.onto_grid(_on(codes, (inside == code).astype(float), "field"), grid, order=1).values
        )
        for code in (TRABECULAR, CORTICAL)
    ]
    parts = np.where(shares[0] >= shares[1], TRABECULAR, CORTICAL) * (shares[0] + shares[1] >= 0.5)
    unseen = None if padding is None else np.asarray(meshes.resample_onto(padding, grid).values)
    note = (
        f"{words} along the axis between the endplates, which is tilted by "
        f"{endplates.tilt_degrees:.1f} degrees from that of the image"
    )
    return ModelGrid(meshes.onto_grid(density, grid), parts, unseen, endplates, True, (note,))


def _cropped(image: Any, crop: tuple[slice, ...]) -> Any:
    import meshes

    affine = meshes.affine_of(image)
    first = np.array([part.start for part in crop], dtype=float)
    return replace(
        image, values=np.asarray(image.values)[crop], origin=affine[:3, :3] @ first + affine[:3, 3]
    )


def _on(grid: Any, values: np.ndarray, quantity: str) -> Any:
    import meshes

    return meshes.make_image(
        values, grid.spacing, origin=grid.origin, direction=grid.direction, quantity=quantity
    )


def _values(image: Any) -> np.ndarray | None:
    return None if image is None else np.asarray(image.values)


def on_source_axes(mask: np.ndarray, source: Any) -> np.ndarray:
    """A mask in RAS order of the whole image on the axes of the file."""
    import meshes

    return np.asarray(meshes.onto_source(_on(meshes.to_ras(source), mask, "mask"), source).values)


def on_source(
    grid: Any, bone: np.ndarray, values: np.ndarray, source: Any, source_bone: np.ndarray
) -> np.ndarray:
    """A field of the bone voxels on the grid of the file, 0 outside the body.

    Args:
      grid: `meshes.Image` that the bone lies on.
      bone: bone voxels on `grid`, boolean.
      values: one value a bone voxel, (nb,).
      source: `meshes.Image` as in the file.
      source_bone: bone voxels on `source`, boolean.

    Returns:
      array on the axes of `source`. Without resampling every voxel keeps its value exactly; after resampling
      each voxel of the body takes the nearest model voxel.
    """
    from scipy import ndimage

    import meshes

    field = np.zeros(bone.shape)
    field[bone] = values
    # The body's rim may fall between model voxels; there the nearest bone speaks, not the 0 beside it.
    nearest = ndimage.distance_transform_edt(~bone, return_distances=False, return_indices=True)
    filled = _on(grid, field[tuple(np.asarray(nearest))], "field")
    result = np.asarray(meshes.resample_onto(filled, source, order=0, fill=0.0).values)
    return np.where(source_bone, result, 0.0)
