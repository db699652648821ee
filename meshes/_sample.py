"""Values of an image at points and averaged over the elements of an unstructured mesh."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from ._elements import ELEMENTS
from ._image import Image, affine_of
from ._mesh import UnstructuredMesh, jacobians
from ._quadrature import quadrature


def sample_image(image: Image, points: ArrayLike, *, fill: float | None = None) -> np.ndarray:
    """Trilinear values of an image at points of the world.

    Args:
      image: finite values; labels and masks count as numbers from their smallest to their largest.
      points: RAS+ mm, shape (..., 3).
      fill: value outside the box of the image; without it a point outside is an error.

    Returns:
      Values, shape (...). Between the centre of an outer voxel and its face the value of that voxel.

    Raises:
      ValueError: points outside and no `fill`, values that are not finite.
    """
    place = np.asarray(points, float)
    values = np.asarray(image.values, float)
    if not np.isfinite(values).all():
        raise ValueError(f"`image` holds {int((~np.isfinite(values)).sum())} voxels that are not finite.")
    affine = affine_of(image)
    index = np.linalg.solve(affine[:3, :3], (place.reshape(-1, 3) - affine[:3, 3]).T)
    last = np.array(values.shape)[:, None] - 1
    outside = ((index < -0.5 - 1e-6) | (index > last + 0.5 + 1e-6)).any(axis=0)
    if outside.any() and fill is None:
        first = place.reshape(-1, 3)[outside][0]
        raise ValueError(
            f"`points` holds {int(outside.sum())} of {outside.size} points outside the image, the first at "
            f"{np.round(first, 3).tolist()} mm; check that both lie in one frame, or give `fill`."
        )
    found = ndimage.map_coordinates(values, np.clip(index, 0, last), order=1, mode="nearest")
    if fill is not None:
        found[outside] = fill
    return found.reshape(place.shape[:-1])


def sample_on_elements(
    image: Image, mesh: UnstructuredMesh, *, degree: int | None = None, fill: float | None = None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """An image on the elements of a mesh: means over the elements, and values at their points.

    Args:
      image: finite values, for example density in g/cm3.
      mesh: the mesh, in the image's RAS+ mm.
      degree: of the rule whose points are sampled. Without it that of the stiffness, whose values serve
        `fem.solve_mesh` as moduli per point. Elements larger than a few voxels need more points: a rule of
        degree d has about d / 2 + 1 points along an edge.
      fill: value outside the image; without it a point outside is an error.

    Returns:
      mean over the volume of each element, shape (ne,), and values at the points by type, shape (n, q).

    Raises:
      ValueError: as `sample_image`.
    """
    means, values = [], {}
    for name, nodes in mesh.cells.items():
        element = ELEMENTS[name]
        at, weights = element.quadrature if degree is None else quadrature(element.shape, degree)
        corner = np.asarray(mesh.points)[np.asarray(nodes)]
        found = sample_image(image, np.einsum("qk,nkc->nqc", element.shapes_at(at), corner), fill=fill)
        volume = np.linalg.det(jacobians(mesh, name, at)) * weights
        means.append((found * volume).sum(axis=1) / volume.sum(axis=1))
        values[name] = found
    return np.concatenate(means), values
