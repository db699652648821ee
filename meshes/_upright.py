"""A vertebral body in its own frame: the axis between its endplates, and a grid that stands along it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from ._image import Image, affine_of, make_image
from ._resample import resample, resample_onto

# Share of the body's half-thickness by which it is opened: thinner parts, arch and processes, fall off.
_OPENING = 0.5
# Shares of the outline where a column begins to count less and where it no longer counts: rims and side walls
# are no endplate. A sharp border would let the turns go back and forth between two sets of columns.
_FULL, _NONE = 0.5, 0.9
_COLUMN_MM, _STEP_MM = 1.0, 0.5
_LEAST_COLUMNS = 20
_LARGEST_CHANGE_DEGREES, _MOST_TURNS = 0.05, 60


@dataclass(frozen=True)
class Endplates:
    """How the endplates of a vertebral body stand; made by `find_endplates`."""

    axis: np.ndarray
    "unit vector from the lower to the upper endplate, mean of their normals, RAS, (3,)"
    tilt_degrees: float
    "angle between the axis and the third axis of the image"
    wedge_degrees: float
    "angle between the two endplates"


def find_endplates(body: Image) -> Endplates:
    """The axis of a vertebral body: the mean of the normals of planes fitted to its two endplates.

    The planes are fitted by least squares to the heights of the surface inside the central 70 % of the body's
    outline, in the frame of the axis, which is turned until it no longer changes. Parts thinner than half of
    the body, such as the arch, count neither for the outline nor for the heights.

    Args:
      body: mask of one vertebral body, axes in RAS order, shape (nx, ny, nz).

    Returns:
      Endplates. Of 60 turned bodies each, the axis was found within 1 degree at 1.5 mm and within 3 at 3 mm.
      The search starts at the third axis of the image: a body tilted by more than 50 degrees is seen from its
      front.

    Raises:
      ValueError: an image that is no mask, an empty one, or a body whose endplates cannot be told.
    """
    if body.quantity != "mask" or not np.asarray(body.values).any():
        raise ValueError(
            f"`body` must be a mask with voxels in it; got {body.quantity!r}, "
            f"{np.count_nonzero(body.values)} voxels."
        )
    spacing = np.asarray(body.spacing, float)
    solid = np.pad(np.asarray(body.values), 2)
    points = np.argwhere(_opened(solid, spacing)) * spacing
    if len(points) < _LEAST_COLUMNS:
        raise ValueError(f"the endplates of `body` cannot be told: it has only {len(points)} voxels.")
    centre, spread = points.mean(axis=0), np.cov(points.T)
    soft = ndimage.gaussian_filter(solid.astype(float), 0.75 * spacing.max() / spacing)
    reach = np.linalg.norm(points - centre, axis=1).max() + spacing.max()
    normal, wedge = np.array([0.0, 0.0, 1.0]), 0.0
    for _ in range(_MOST_TURNS):
        upper, lower = _normals(soft, spacing, centre, spread, reach, normal)
        turned = (upper + lower) / np.linalg.norm(upper + lower)
        change, normal = _angle(turned, normal), turned
        wedge = _angle(upper, lower)
        if change < _LARGEST_CHANGE_DEGREES:
            break
    else:
        raise ValueError("the endplates of `body` cannot be told: planes through them do not settle.")
    direction = np.asarray(body.direction, float)
    return Endplates(direction @ normal, _angle(normal, np.array([0.0, 0.0, 1.0])), wedge)


def upright_grid(body: Image, axis: Any, spacing_mm: float, *, margin_mm: float) -> Image:
    """An empty cubic grid around a body whose third axis is `axis`.

    The other axes are those of the image, turned with the third by the smallest rotation.

    Args:
      body: mask of the body.
      axis: unit vector in RAS, (3,).
      spacing_mm: edge of the cubic voxels, mm.
      margin_mm: room around the body on all sides, mm.

    Returns:
      Mask without voxels in it, a target for `onto_grid`.
    """
    direction = np.asarray(body.direction, float)
    frame = _rotation(direction[:, 2], np.asarray(axis, float)) @ direction
    affine = affine_of(body)
    half = 0.5 * np.linalg.norm(np.asarray(body.spacing, float))
    places = np.argwhere(np.asarray(body.values)) @ affine[:3, :3].T + affine[:3, 3]
    along = places @ frame
    low, high = along.min(axis=0) - half - margin_mm, along.max(axis=0) + half + margin_mm
    shape = np.ceil((high - low) / spacing_mm).astype(int)
    first = 0.5 * (low + high) - 0.5 * (shape - 1) * spacing_mm
    return make_image(
        np.zeros(shape, bool), spacing_mm, origin=frame @ first, direction=frame, quantity="mask"
    )


def onto_grid(image: Image, grid: Image, *, order: int = 3) -> Image:
    """A field or density on a cubic grid of other axes, averaged where that is coarser.

    Unlike `resample_onto`, which samples at the centres, each voxel takes the mean over sub-points no further
    apart than the voxels of `image`, so that means are kept.

    Args:
      image: finite values; places outside count as 0.
      grid: image with cubic voxels.
      order: spline order. 3 blurs a turned image less than 1 does but overshoots at edges.

    Returns:
      Image with the quantity of `image` on the grid of `grid`.
    """
    edge = float(np.asarray(grid.spacing)[0])
    parts = max(1, int(np.ceil(edge / float(np.min(image.spacing)) - 1e-6)))
    step = edge / parts
    frame = np.asarray(grid.direction, float)
    fine = make_image(
        np.zeros(np.array(np.shape(grid.values)) * parts, bool),
        step,
        origin=np.asarray(grid.origin, float) + frame @ np.full(3, 0.5 * (step - edge)),
        direction=frame,
        quantity="mask",
    )
    sampled = resample_onto(image, fine, order=order, fill=0.0)
    return sampled if parts == 1 else resample(sampled, edge)


def _opened(solid: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """What a ball of half of the body's half-thickness reaches inside it, the largest part."""
    depth = np.asarray(ndimage.distance_transform_edt(solid, sampling=spacing))
    radius = _OPENING * depth.max()
    labelled: Any = ndimage.label(depth >= radius)
    parts, count = labelled
    largest = parts == 1 + np.argmax(np.bincount(parts.ravel(), minlength=count + 1)[1:])
    reached = np.asarray(ndimage.distance_transform_edt(~largest, sampling=spacing)) < radius
    return solid & reached


def _normals(soft, spacing, centre, spread, reach, normal):
    """Normals of the planes through the upper and the lower endplate, seen along `normal`, two of (3,)."""
    first = np.array([1.0, 0.0, 0.0]) - normal[0] * normal
    first /= np.linalg.norm(first)
    frame = np.stack([first, np.cross(normal, first)])
    steps = np.arange(-np.ceil(reach), np.ceil(reach) + 0.5 * _COLUMN_MM, _COLUMN_MM)
    place = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    # an even ellipse ends at twice the standard deviation
    far = np.einsum("ij,jk,ik->i", place, np.linalg.inv(frame @ spread @ frame.T), place)
    weight = np.clip((_NONE - 0.5 * np.sqrt(far)) / (_NONE - _FULL), 0.0, 1.0)
    place, weight = place[weight > 0.0], weight[weight > 0.0]
    height = np.arange(-reach, reach + _STEP_MM, _STEP_MM)
    points = centre + (place @ frame)[:, None, :] + height[:, None] * normal
    inside = ndimage.map_coordinates(soft, (points / spacing).reshape(-1, 3).T, order=1)
    inside = inside.reshape(len(place), len(height))
    solid = inside >= 0.5
    seen = solid.any(axis=1)
    if seen.sum() < _LEAST_COLUMNS or solid[:, [0, -1]].any():
        raise ValueError("the endplates of `body` cannot be told: it is too small or no single body.")
    root = np.sqrt(weight[seen])
    found = []
    for values, levels in ((inside[seen, ::-1], height[::-1]), (inside[seen], height)):
        at = np.argmax(values >= 0.5, axis=1)
        rows = np.arange(len(values))
        before, here = values[rows, at - 1], values[rows, at]
        surface = levels[at - 1] + (0.5 - before) / (here - before) * (levels[at] - levels[at - 1])
        design = np.column_stack([place[seen], np.ones(len(surface))])
        slope = np.linalg.lstsq(root[:, None] * design, root * surface, rcond=None)[0][:2]
        plane = normal - slope @ frame
        found.append(plane / np.linalg.norm(plane))
    return found


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


def _rotation(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotation that brings one unit vector onto another (Rodrigues), (3, 3)."""
    x, y, z = np.cross(start, end)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + cross + cross @ cross / (1.0 + start @ end)
