"""The built-in vertebra as a patient's posture shows it: turned on the axes of the image."""

import numpy as np

import meshes


def rotation(degrees: float, about: tuple[float, float, float]) -> np.ndarray:
    """Rodrigues' matrix of a turn about an axis, (3, 3)."""
    x, y, z = np.asarray(about, float) / np.linalg.norm(about)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def tilted(
    spacing_mm: float,
    degrees: float,
    about: tuple[float, float, float] = (1, 0, 0),
    *,
    pedicles: bool = False,
) -> tuple[meshes.Image, meshes.Image, np.ndarray]:
    """Density (g HA/cm3) and mask of a turned vertebra on an image along the world, and its axis (3,).

    Both are averages of a finer vertebra, so that no voxel of the image lines up with the bone.
    """
    fine = meshes.make_vertebra(0.75, noise_hu=0.0, pedicles=pedicles)
    turn = rotation(degrees, about)
    shape = np.array([int(size / spacing_mm) for size in (64, 110 if pedicles else 76, 70)])
    centre = np.array([0.0, -20.0 if pedicles else -3.0, 0.0])
    grid = meshes.make_image(
        np.zeros(shape, bool),
        spacing_mm,
        origin=centre - turn.T @ ((shape - 1) / 2 * spacing_mm),
        direction=turn.T,
        quantity="mask",
    )
    share = meshes.make_image(
        (np.asarray(fine.labels.values) > 0).astype(float),
        fine.labels.spacing,
        origin=fine.labels.origin,
        quantity="field",
    )
    density = np.asarray(meshes.onto_grid(fine.density, grid, order=1).values)
    inside = np.asarray(meshes.onto_grid(share, grid, order=1).values) >= 0.5
    # On the axes of the world the image itself is upright and the bone is not.
    return (
        meshes.make_image(density, spacing_mm, quantity="density", density_type="ha"),
        meshes.make_image(inside, spacing_mm, quantity="mask"),
        turn[:, 2],
    )
