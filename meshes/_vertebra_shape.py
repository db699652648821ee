"""Shape of a parametric lumbar vertebra, in millimetres around the centre of its body.

Axes: x to the right, y to the front, z up. Every function takes coordinates that broadcast.
"""

from dataclasses import dataclass

import numpy as np

# Narrowing at mid height, share of width and depth; posterior hollow, depth and half width as shares of depth
# and width; endplate hollows, mm (assumed; read off lumbar CT and the Visible Human L3).
_WAIST = 0.09
_HOLLOW_DEPTH = 0.13
_HOLLOW_WIDTH = 0.25
_UPPER_HOLLOW_MM = 2.0
_LOWER_HOLLOW_MM = 2.8
# Rounding of the rim, mm.
_RIM_MM = 1.5
# Between an ellipse (2) and a rectangle.
_POWER = 2.5


@dataclass(frozen=True)
class Shape:
    """Outer sizes of a vertebral body."""

    height_mm: float
    "Rim to rim, mm."
    width_mm: float
    "Left to right at the rims, mm."
    depth_mm: float
    "Front to back at the rims, mm."


def body_distance(shape: Shape, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Signed distance to the surface of the body, mm, negative inside; exact to first order there."""
    step = 0.05
    value = _level(shape, x, y, z)
    slope = np.zeros_like(value)
    for dx, dy, dz in ((step, 0, 0), (0, step, 0), (0, 0, step)):
        difference = _level(shape, x + dx, y + dy, z + dz) - _level(shape, x - dx, y - dy, z - dz)
        slope += (difference / (2 * step)) ** 2
    return value / np.sqrt(np.maximum(slope, 0.05))


def place_in_body(shape: Shape, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height between the endplates (-1 lower, 1 upper) and radius in the cross-section (1 at the wall)."""
    radius = _radius(shape, x, y, z)
    upper, lower = _endplates(shape, radius)
    return (2 * z - upper - lower) / (upper - lower), radius


def posterior_distance(shape: Shape, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Distance to the pedicles and the posterior arch, mm, negative inside: capsules around their axes."""
    half_width, back = 0.5 * shape.width_mm, -0.5 * shape.depth_mm
    top = 0.2 * shape.height_mm
    side = np.abs(x)
    root = (0.55 * half_width, back + 3.0, top)
    joint = (0.68 * half_width, back - 15.0, 0.0)
    arch = (0.0, back - 21.0, -0.15 * shape.height_mm)
    tip = (0.0, back - 33.0, -0.3 * shape.height_mm)
    wing = (1.45 * half_width, back - 15.0, 0.1 * shape.height_mm)
    pedicle = _capsule(side, y, z, root, joint, 4.2, flatten=0.7)
    lamina = _capsule(side, y, z, joint, arch, 3.2, flatten=0.45)
    spine = _capsule(side, y, z, arch, tip, 3.4, flatten=0.4)
    process = _capsule(side, y, z, joint, wing, 3.0, flatten=0.8)
    facet = _capsule(side, y, z, (joint[0], joint[1], -8.0), (joint[0], joint[1], 9.0), 5.0)
    return np.minimum.reduce([pedicle, lamina, spine, process, facet])


def _level(shape: Shape, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Below zero inside the body: the side wall and both endplates joined with a rounded rim."""
    radius = _radius(shape, x, y, z)
    upper, lower = _endplates(shape, radius)
    side = (radius - 1) * 0.5 * np.minimum(shape.width_mm, shape.depth_mm)
    parts = np.stack(np.broadcast_arrays(side, z - upper, lower - z))
    # Smooth maximum by the norm of what exceeds a plane one rounding radius inside.
    shifted = parts + _RIM_MM
    outer = np.sqrt((np.maximum(shifted, 0) ** 2).sum(axis=0)) - _RIM_MM
    return np.where((shifted > 0).any(axis=0), outer, parts.max(axis=0))


def _radius(shape: Shape, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    height = np.clip(2 * z / shape.height_mm, -1, 1)
    waist = 1 - _WAIST * (1 - height**2)
    half_width, half_depth = 0.5 * shape.width_mm * waist, 0.5 * shape.depth_mm * waist
    # The posterior wall is pushed forward in the middle: the bean shape of a lumbar body.
    hollow = _HOLLOW_DEPTH * shape.depth_mm * np.exp(-((x / (_HOLLOW_WIDTH * shape.width_mm)) ** 2))
    back = 1 / (1 + np.exp(4 * y / half_depth))
    y = y - hollow * back
    # Wider behind the middle than in front of it.
    half_width = half_width * (1 - 0.06 * np.clip(y / half_depth, -1, 1))
    return (np.abs(x / half_width) ** _POWER + np.abs(y / half_depth) ** _POWER) ** (1 / _POWER)


def _endplates(shape: Shape, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hollow = np.maximum(1 - (radius / 0.92) ** 2, 0) ** 1.2
    upper = 0.5 * shape.height_mm - _UPPER_HOLLOW_MM * hollow
    lower = -0.5 * shape.height_mm + _LOWER_HOLLOW_MM * hollow
    return upper, lower


def _capsule(x, y, z, start, end, radius: float, *, flatten: float = 1.0) -> np.ndarray:
    """Distance to a rod; `flatten` below one makes it a blade, taller along z than across."""
    a, b = np.array(start), np.array(end)
    axis = b - a
    along = ((x - a[0]) * axis[0] + (y - a[1]) * axis[1] + (z - a[2]) * axis[2]) / (axis @ axis)
    along = np.clip(along, 0, 1)
    across = (x - a[0] - along * axis[0]) ** 2 + (y - a[1] - along * axis[1]) ** 2
    return np.sqrt(across + (flatten * (z - a[2] - along * axis[2])) ** 2) - radius
