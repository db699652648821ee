"""Face-connected components of a mask."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage


def components(mask: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Parts of a mask joined through voxel faces.

    Edge and corner contacts do not count: they carry no load in a voxel model.

    Args:
      mask: boolean, shape (nx, ny, nz).

    Returns:
      labels: 0 outside, 1 for the largest part, 2 for the next, int32, shape (nx, ny, nz).
      sizes: voxels of each part, descending, int64, shape (parts,).
    """
    solid = _as_mask(mask)
    labels = np.zeros(solid.shape, np.int32)
    ndimage.label(solid, output=labels)
    sizes = np.bincount(labels.ravel())[1:]
    order = np.argsort(-sizes, kind="stable")
    rank = np.zeros(len(sizes) + 1, np.int32)
    rank[order + 1] = np.arange(1, len(sizes) + 1)
    return rank[labels], sizes[order].astype(np.int64)


def largest_component(mask: ArrayLike) -> np.ndarray:
    """The largest face-connected part of a mask; `kept_share` says how much of the mask that is.

    Args:
      mask: boolean, shape (nx, ny, nz), at least one voxel set.

    Returns:
      Boolean, shape (nx, ny, nz).

    Raises:
      ValueError: no voxel is set.

    >>> import numpy as np
    >>> mask = np.zeros((5, 5, 5), dtype=bool)
    >>> mask[:3] = True
    >>> mask[4, 4, 4] = True
    >>> int(largest_component(mask).sum())
    75
    """
    solid = _as_mask(mask)
    if not solid.any():
        raise ValueError(f"`mask` holds no bone: none of its {solid.size} voxels is set.")
    return components(solid)[0] == 1


def kept_share(part: ArrayLike, mask: ArrayLike) -> float:
    """Voxels of `part` over voxels of `mask`, in (0, 1]; both boolean, shape (nx, ny, nz).

    Raises:
      ValueError: shapes differ, `mask` is empty, or `part` reaches outside `mask`.
    """
    kept, whole = _as_mask(part), _as_mask(mask)
    if kept.shape != whole.shape:
        raise ValueError(f"`part` and `mask` must have one shape; got {kept.shape} and {whole.shape}.")
    outside = int((kept & ~whole).sum())
    if outside or not whole.any():
        raise ValueError(f"`part` must lie inside a `mask` that is not empty; {outside} voxels lie outside.")
    return float(kept.sum() / whole.sum())


def _as_mask(mask: ArrayLike) -> np.ndarray:
    solid = np.asarray(mask)
    if solid.ndim != 3:
        raise ValueError(f"`mask` needs 3 axes; got shape {solid.shape}.")
    if solid.dtype != bool:
        raise TypeError(f"`mask` must be boolean; got {solid.dtype}. Compare with the wanted label first.")
    return solid
