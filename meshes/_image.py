"""Images: values on a regular grid with a place in the world."""

from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

QUANTITIES = ("hu", "density", "label", "mask", "field")
DENSITY_TYPES = ("k2hpo4", "ha", "ash", "apparent")

# Direction cosines stored as float32 are orthonormal to about 1e-6; a gantry tilt of 0.1 degree gives 2e-3.
_SHEAR_TOLERANCE = 1e-3


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Image:
    """Values on a regular grid; make one with `make_image`."""

    values: Any
    "Values, shape (nx, ny, nz): HU, g/cm3 (density), integers (label), booleans (mask) or any unit (field)."
    spacing: Any
    "Voxel edges along the array axes, mm, shape (3,)."
    origin: Any
    "Centre of voxel [0, 0, 0] in RAS+ world coordinates, mm, shape (3,)."
    direction: Any
    "Unit vectors of the array axes in the world as columns, shape (3, 3)."
    quantity: str = field(metadata={"static": True})
    "What the values are: hu, density, label, mask or field; static."
    density_type: str | None = field(default=None, metadata={"static": True})
    "Of a density: k2hpo4, ha, ash or apparent; None for every other quantity; static."


def make_image(
    values: ArrayLike,
    spacing_mm: ArrayLike,
    *,
    origin: ArrayLike | None = None,
    direction: ArrayLike | None = None,
    quantity: str,
    density_type: str | None = None,
) -> Image:
    """Checked image on the host.

    Args:
      values: shape (nx, ny, nz). A field may hold NaN where undefined; every other quantity is finite.
      spacing_mm: voxel edge, mm: one number or three.
      origin: centre of voxel [0, 0, 0], RAS+ mm, shape (3,); zero if left out.
      direction: unit vectors of the array axes as columns, shape (3, 3); identity if left out.
      quantity: "hu", "density" (g/cm3), "label", "mask" or "field".
      density_type: for a density only: "k2hpo4", "ha", "ash" or "apparent".

    Returns:
      Image whose arrays are NumPy arrays; labels keep or get an integer type, masks become boolean.

    Raises:
      ValueError: wrong shape, quantity or density type, values that are not finite, labels that are not
        integers, masks with other values than 0 and 1, spacing that is not positive, sheared direction.
    """
    array = np.asarray(values)
    if array.ndim != 3:
        raise ValueError(f"`values` needs 3 axes [x, y, z]; got shape {array.shape}.")
    if array.size == 0:
        raise ValueError(f"`values` holds no voxel; got shape {array.shape}.")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"`values` needs real numbers or booleans; got {array.dtype}.")
    if quantity not in QUANTITIES:
        raise ValueError(f"`quantity` must be one of {', '.join(QUANTITIES)}; got {quantity!r}.")
    if quantity == "density" and density_type not in DENSITY_TYPES:
        raise ValueError(
            f"`density_type` of a density must be one of {', '.join(DENSITY_TYPES)}; got {density_type!r}. "
            "A density without its type cannot be turned into a modulus."
        )
    if quantity != "density" and density_type is not None:
        raise ValueError(f"`density_type` belongs to a density only; got {density_type!r} with {quantity!r}.")
    return Image(
        values=_checked_values(array, quantity),
        spacing=_checked_spacing(spacing_mm),
        origin=_checked_origin(origin),
        direction=_checked_direction(direction),
        quantity=quantity,
        density_type=density_type,
    )


def affine_of(image: Image) -> np.ndarray:
    """Affine from voxel index to RAS+ millimetres, shape (4, 4), float64.

    >>> import numpy as np
    >>> image = make_image(np.zeros((2, 2, 2)), 1.5, origin=(10, 0, -5), quantity="hu")
    >>> affine_of(image)[:3]
    array([[ 1.5,  0. ,  0. , 10. ],
           [ 0. ,  1.5,  0. ,  0. ],
           [ 0. ,  0. ,  1.5, -5. ]])
    """
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(image.direction, float) * np.asarray(image.spacing, float)
    affine[:3, 3] = np.asarray(image.origin, float)
    return affine


def geometry_of(affine: ArrayLike, *, name: str = "affine") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spacing (3,), origin (3,) and direction (3, 3) of an affine (4, 4).

    Raises:
      ValueError: entries that are not finite, a column of zeros, or sheared axes.
    """
    matrix = np.asarray(affine, float)
    if matrix.shape != (4, 4):
        raise ValueError(f"`{name}` must have shape (4, 4); got {matrix.shape}.")
    if not np.isfinite(matrix).all():
        raise ValueError(
            f"`{name}` holds {int((~np.isfinite(matrix)).sum())} entries that are NaN or infinite."
        )
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    spacing = _checked_spacing(spacing, name=f"voxel size of the {name}")
    return spacing, matrix[:3, 3].copy(), _checked_direction(matrix[:3, :3] / spacing, name=name)


def require_same_grid(a: Image, b: Image, *, names: tuple[str, str] = ("a", "b")) -> None:
    """Nothing if both images lie on one grid, otherwise an error that says how they differ.

    Two grids are one when shapes agree and no corner voxel is further apart than a hundredth of a voxel.

    Raises:
      ValueError: other shape, spacing, axes or place.
    """
    first, second = f"`{names[0]}`", f"`{names[1]}`"
    advice = "Resample one onto the other with `resample_onto`."
    shape_a, shape_b = np.shape(a.values), np.shape(b.values)
    if shape_a != shape_b:
        raise ValueError(
            f"{first} and {second} must lie on one grid; shapes are {shape_a} and {shape_b}. {advice}"
        )
    smallest = float(min(np.min(a.spacing), np.min(b.spacing)))
    affine_a, affine_b = affine_of(a), affine_of(b)
    apart = float(np.abs(corners(affine_a, shape_a) - corners(affine_b, shape_b)).max())
    if apart <= 0.01 * smallest:
        return
    for what, left, right in (
        ("spacing (mm)", a.spacing, b.spacing),
        ("direction", a.direction, b.direction),
        ("origin (RAS mm)", a.origin, b.origin),
    ):
        if not np.allclose(left, right, rtol=1e-4, atol=1e-4 * smallest):
            raise ValueError(
                f"{first} and {second} must lie on one grid; {what} is {np.round(left, 4).tolist()} and "
                f"{np.round(right, 4).tolist()}, corners lie up to {apart:.3g} mm apart. {advice}"
            )
    raise ValueError(f"{first} and {second} must lie on one grid; corners lie {apart:.3g} mm apart. {advice}")


def corners(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """World coordinates of the eight corner voxels, mm, shape (8, 3)."""
    index = np.array(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij"), float).reshape(3, -1)
    return (affine[:3, :3] @ index).T + affine[:3, 3]


def _checked_values(array: np.ndarray, quantity: str) -> np.ndarray:
    if array.dtype.kind == "f":
        bad = np.isinf(array) if quantity == "field" else ~np.isfinite(array)
        if bad.any():
            first = tuple(int(i) for i in np.argwhere(bad)[0])
            raise ValueError(
                f"`values` holds {int(bad.sum())} of {array.size} voxels that are NaN or infinite, first at "
                f"{first}; replace them by a number (air is -1000 HU) before going on."
            )
    if quantity == "mask":
        wrong = (array != 0) & (array != 1)
        if wrong.any():
            raise ValueError(
                f"`values` of a mask must be 0 or 1; {int(wrong.sum())} voxels hold something else, first "
                f"{array[wrong][0]}. Compare with the wanted label first."
            )
        return array.astype(bool)
    if quantity == "label" and array.dtype.kind == "f":
        wrong = array != np.round(array)
        if wrong.any():
            raise ValueError(
                f"`values` of labels must be integers; {int(wrong.sum())} voxels hold a fraction, first "
                f"{array[wrong][0]}. Labels must be resampled with order 0."
            )
        largest = float(np.abs(array).max())
        if largest > np.iinfo(np.int32).max:
            raise ValueError(f"`values` of labels must fit 32 bits; the largest is {largest:.6g}.")
        return array.astype(np.int32)
    if quantity == "label" and array.dtype.kind == "b":
        return array.astype(np.uint8)
    return array


def _checked_spacing(spacing_mm: ArrayLike, *, name: str = "`spacing_mm`") -> np.ndarray:
    spacing = np.asarray(spacing_mm, float)
    if spacing.size not in (1, 3):
        raise ValueError(f"{name} needs one number or three; got {spacing.size}.")
    spacing = np.broadcast_to(spacing.reshape(-1), (3,)).copy()
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise ValueError(f"{name} must be positive and finite, in mm; got {spacing.tolist()}.")
    return spacing


def _checked_origin(origin: ArrayLike | None) -> np.ndarray:
    place = np.zeros(3) if origin is None else np.asarray(origin, float)
    if place.shape != (3,) or not np.isfinite(place).all():
        raise ValueError(f"`origin` needs three finite numbers (RAS mm); got {place.tolist()}.")
    return place.copy()


def _checked_direction(direction: ArrayLike | None, *, name: str = "direction") -> np.ndarray:
    axes = np.eye(3) if direction is None else np.array(direction, float)
    if axes.shape != (3, 3) or not np.isfinite(axes).all():
        raise ValueError(f"`{name}` needs a finite (3, 3) matrix of axes; got shape {axes.shape}.")
    gap = float(np.abs(axes.T @ axes - np.eye(3)).max())
    if gap > _SHEAR_TOLERANCE:
        raise ValueError(
            f"`{name}` is sheared: its axes are not unit vectors at right angles (error {gap:.3g}), as "
            "after a tilted gantry. Resample the image to a rectangular grid first."
        )
    # Adding zero turns -0.0 into 0.0.
    return axes + 0.0
