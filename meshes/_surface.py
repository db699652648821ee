"""Closed surfaces of triangles: read, cut by planes, turned into voxels."""

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._image import Image, make_image
from ._unstructured import read_unstructured


def read_surface(path: str | os.PathLike[str], *, scale_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of an STL, OBJ, PLY or other surface file, equal vertices merged.

    Args:
      path: the file.
      scale_mm: mm per unit of length of the file.

    Returns:
      points: mm, shape (nn, 3).
      triangles: indices, normals outward as in the file, shape (nt, 3); those without area are left out.

    Raises:
      FileNotFoundError: no such file.
      ValueError: unreadable, no triangle, `scale_mm` not positive.
    """
    if not (np.isfinite(scale_mm) and scale_mm > 0):
        raise ValueError(f"`scale_mm` must be positive, mm per unit of the file; got {scale_mm}.")
    mesh = read_unstructured(path)
    parts = [np.asarray(block.data) for block in mesh.cells if block.type == "triangle"]
    if not parts:
        raise ValueError(f"{str(path)!r} must hold triangles; got {', '.join(b.type for b in mesh.cells)}.")
    points, inverse = np.unique(np.asarray(mesh.points, float), axis=0, return_inverse=True)
    triangles = inverse.ravel()[np.concatenate(parts)]
    distinct = (triangles != np.roll(triangles, 1, axis=1)).all(axis=1)
    return scale_mm * points, triangles[distinct]


def require_closed(triangles: ArrayLike) -> None:
    """Nothing if each edge is passed once in either direction.

    Raises:
      ValueError: says how many edges are open or passed twice.
    """
    faces = np.asarray(triangles)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    forward, times = np.unique(edges, axis=0, return_counts=True)
    backward = np.unique(edges[:, ::-1], axis=0)
    wrong = int((times > 1).sum())
    if len(forward) != len(backward) or (forward != backward).any() or wrong:
        loose = {tuple(e) for e in forward.tolist()} ^ {tuple(e) for e in backward.tolist()}
        raise ValueError(
            f"`triangles` must be a closed surface; {len(loose) // 2} edges have one triangle only and "
            f"{wrong} have more than two. Close the surface (for example by shrink-wrapping) first."
        )


def cut_surface(
    points: ArrayLike, triangles: ArrayLike, low_mm: float, high_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """A closed surface between two planes z = low and z = high, closed by flat ends.

    Args:
      points: mm, shape (nn, 3).
      triangles: closed, normals outward, shape (nt, 3).
      low_mm, high_mm: the planes, within the surface.

    Returns:
      points and triangles of the part between the planes.

    Raises:
      ValueError: the surface is not closed, a plane misses it, or cuts it in an outline that its centroid
        does not see whole (several outlines, or a deep notch).
    """
    place, faces = np.asarray(points, float), np.asarray(triangles)
    require_closed(faces)
    if not place[:, 2].min() < low_mm < high_mm < place[:, 2].max():
        raise ValueError(
            f"`low_mm` and `high_mm` must lie in this order between {place[:, 2].min():.3f} and "
            f"{place[:, 2].max():.3f} mm; got {low_mm} and {high_mm}."
        )
    for plane, sign in ((low_mm, 1.0), (high_mm, -1.0)):
        place, faces = _cut(place, faces, plane, sign)
    used, inverse = np.unique(faces, return_inverse=True)
    return place[used], inverse.reshape(faces.shape)


def _cut(points, triangles, plane, sign):
    """The part where sign (z - plane) > 0, closed by a fan around the centroid of the outline."""
    # a vertex in the plane would give triangles without area: it goes a hair to the side that is kept
    points = points.copy()
    hair = 1e-9 * np.ptp(points, axis=0).max()
    near = np.abs(points[:, 2] - plane) < hair
    points[near, 2] = plane + sign * hair
    height = sign * (points[:, 2] - plane)
    inside = height[triangles] > 0
    kept = [triangles[inside.all(axis=1)]]
    crossed = triangles[inside.any(axis=1) & ~inside.all(axis=1)]
    side = height[crossed] > 0
    alone = side.sum(axis=1) == 1
    # the corner that is alone on its side comes first
    first = np.argmax(side == alone[:, None], axis=1)
    turned = np.take_along_axis(crossed, (first[:, None] + np.arange(3)) % 3, axis=1)
    edges = np.sort(np.concatenate([turned[:, [0, 1]], turned[:, [0, 2]]]), axis=1)
    unique, inverse = np.unique(edges, axis=0, return_inverse=True)
    start, end = height[unique[:, 0]], height[unique[:, 1]]
    share = (start / (start - end))[:, None]
    middle = points[unique[:, 0]] * (1 - share) + points[unique[:, 1]] * share
    middle[:, 2] = plane
    left, right = (len(points) + inverse.ravel()).reshape(2, -1)
    kept.append(np.stack([turned[:, 0], left, right], axis=1)[alone])
    pair = ~alone
    kept.append(np.stack([left, turned[:, 1], right], axis=1)[pair])
    kept.append(np.stack([turned[:, 1], turned[:, 2], right], axis=1)[pair])
    # along the outline the kept side runs from left to right where one corner is kept, else back
    rim = np.where(alone[:, None], np.stack([left, right], axis=1), np.stack([right, left], axis=1))
    together = np.concatenate([points, middle])
    centre = _area_centre(together[rim][..., :2])
    fan = np.stack([rim[:, 1], rim[:, 0], np.full(len(rim), len(together))], axis=1)
    together = np.concatenate([together, [[*centre, plane]]])
    a, b, c = (together[fan[:, k], :2] for k in range(3))
    area = _cross(b - a, c - a) * -sign
    if (area <= 0).any():
        raise ValueError(
            f"`triangles` are cut at z = {plane:g} mm in an outline that cannot be closed by a fan around "
            f"its centroid ({int((area <= 0).sum())} of {len(area)} pieces turn back); choose another plane."
        )
    return together, np.concatenate([*kept, fan])


def _cross(first, second):
    """z component of the cross product of plane vectors (..., 2)."""
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]


def _area_centre(segments):
    """Centroid of the area inside directed segments (n, 2, 2)."""
    a, b = segments[:, 0], segments[:, 1]
    cross = _cross(a, b)
    return ((a + b) * cross[:, None]).sum(axis=0) / (3.0 * cross.sum())


def surface_volume(points: ArrayLike, triangles: ArrayLike) -> float:
    """Volume inside a closed surface, mm3 (divergence theorem)."""
    a, b, c = (np.asarray(points, float)[np.asarray(triangles)[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def voxelize_surface(
    points: ArrayLike,
    triangles: ArrayLike,
    voxel_mm: float,
    *,
    low_mm: ArrayLike | None = None,
    high_mm: ArrayLike | None = None,
) -> Image:
    """Voxels whose centres lie inside a closed surface.

    Args:
      points: mm, shape (nn, 3).
      triangles: closed, shape (nt, 3).
      voxel_mm: edge of the voxels, mm.
      low_mm: lower corner of the box of voxels, shape (3,); that of the surface if left out.
      high_mm: upper corner; the box has as many voxels as touch it.

    Returns:
      Mask on axes x, y, z.

    Raises:
      ValueError: the surface is not closed, or the voxel is not positive.

    Reference: parity of crossings along z (Jordan curve theorem).
    """
    place, faces = np.asarray(points, float), np.asarray(triangles)
    require_closed(faces)
    if not (np.isfinite(voxel_mm) and voxel_mm > 0):
        raise ValueError(f"`voxel_mm` must be positive; got {voxel_mm}.")
    low = place.min(axis=0) if low_mm is None else np.asarray(low_mm, float)
    high = place.max(axis=0) if high_mm is None else np.asarray(high_mm, float)
    shape = np.maximum(1, np.ceil((high - low) / voxel_mm - 1e-6)).astype(int)
    flips = np.zeros((*shape[:2], shape[2] + 1), np.int64)
    # rays are shifted by an irrational hair, so that none passes through a vertex or along an edge
    shift = voxel_mm * 1e-6 * np.array([np.sqrt(2.0), np.sqrt(3.0)])
    corner = (place[faces] - low) / voxel_mm - 0.5
    corner[..., :2] -= shift / voxel_mm
    for triangle in corner:
        _add_crossings(flips, triangle)
    # a voxel is inside when an odd number of crossings lies below its centre
    mask = np.cumsum(flips, axis=2)[:, :, : shape[2]] % 2 == 1
    return make_image(mask, voxel_mm, origin=low + 0.5 * voxel_mm, quantity="mask")


def _add_crossings(flips: np.ndarray, triangle: Any) -> None:
    """Count the crossing of one triangle at the first voxel centre above it in each column under it."""
    first = np.maximum(np.ceil(triangle[:, :2].min(axis=0)), 0).astype(int)
    last = np.minimum(np.floor(triangle[:, :2].max(axis=0)), np.array(flips.shape[:2]) - 1).astype(int)
    if (last < first).any():
        return
    columns = np.stack(np.meshgrid(*map(np.arange, first, last + 1), indexing="ij"), -1).reshape(-1, 2)
    a, b, c = triangle[:, :2]
    area = _cross(b - a, c - a)
    if area == 0:
        return
    sides = [(b - columns, c - columns), (c - columns, a - columns), (a - columns, b - columns)]
    weight = np.stack([_cross(*side) for side in sides])
    weight = weight / area
    under = (weight > 0).all(axis=0)
    height = weight[:, under].T @ triangle[:, 2]
    layer = np.clip(np.ceil(height), 0, flips.shape[2] - 1).astype(int)
    np.add.at(flips, (*columns[under].T, layer), 1)
