"""Images and masks that a study names: read with its settings, hashed, brought onto the grid of the CT."""

from pathlib import Path
from typing import Any

import numpy as np

from ._errors import UserError, input_errors
from ._study_tables import ImageSource

LEAST_RESAMPLED = 0.8
"Share of a mask's volume that must be left on the grid of the CT after resampling (assumed)."


def file_hash(path: Path) -> str:
    """SHA-256 of an image: of its file, or of the sorted hashes of all its files, whatever their names."""
    import hashlib

    import meshes

    from ._runfolder import sha256

    files = meshes.image_files(path)
    digests = sorted(sha256(file) for file in files)
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def reading(settings: ImageSource) -> dict[str, Any]:
    """Keywords of `meshes.read_image` and `read_labels` that a study sets for all its images."""
    return {"spacing_mm": settings.spacing_mm or None, "assume_units": settings.assume_units}


def read_study_labels(
    settings: ImageSource, name: str, where: str, source: Any, hashes: dict[str, str], notes: list[str]
) -> Any:
    """A label image of a study on the grid of the CT.

    Args:
      settings: the study's table.
      name: file or folder in its folder.
      where: what the study calls it, for sentences and hashes.
      source: the CT.
      hashes: receives the SHA-256.
      notes: receives what resampling did.

    Raises:
      UserError: unreadable, or on another grid and `resample_mask` is not set or the mask does not fit.
    """
    import meshes

    path = Path(settings.folder) / name
    with input_errors(f"{where} '{name}'"):
        labels = meshes.read_labels(path, **reading(settings))
        hashes[where] = file_hash(path)
        advice = (
            "Or set image.resample_mask = true (osteon solve: --resample-mask), which takes the nearest "
            "neighbour."
        )
        if not settings.resample_mask:
            require_grid(source, labels, ("the CT", "the mask"), advice)
            return labels
    return resampled(labels, source, where, notes)


def require_grid(source: Any, labels: Any, names: tuple[str, str], advice: str) -> None:
    """Nothing if labels lie on the grid of the image.

    Raises:
      ValueError: they do not; says how the grids differ, and then `advice`.
    """
    import meshes

    try:
        meshes.require_same_grid(source, labels, names=names)
    except ValueError as error:
        raise ValueError(f"{error} {advice}") from error


def resampled(labels: Any, source: Any, where: str, notes: list[str]) -> Any:
    """Labels on the grid of `source` by nearest neighbour; as they are where they lie on it already.

    Notes reach the outputs of a run: `where` names a key and never a file.

    Raises:
      UserError: too little of them is left, as they reach out of the CT or its voxels are too large.
    """
    import meshes

    try:
        meshes.require_same_grid(source, labels)
    except ValueError:
        moved = meshes.resample_onto(labels, source)
    else:
        return labels
    before, after = (
        float((np.asarray(image.values) != 0).sum() * np.prod(np.asarray(image.spacing)))
        for image in (labels, moved)
    )
    if after < LEAST_RESAMPLED * before:
        raise UserError(
            f"{where}: {100 * after / before:.0f} % of its volume is left on the grid of the CT, at least "
            f"{100 * LEAST_RESAMPLED:.0f} % is needed; it reaches out of the CT or belongs to another scan"
        )
    notes.append(
        f"{where}: lay on another grid and was brought onto that of the CT by nearest neighbour "
        f"({before / 1000:.4g} became {after / 1000:.4g} cm3)"
    )
    return moved
