"""The trilinear cube: verification check 1 and what any element must have, for every material."""

import numpy as np
import pytest

from fem import (
    centroid_strain_matrix,
    corner_offsets,
    element_stiffness,
    gauss_strain_matrices,
    isotropic,
    stiffness_matrix,
    transversely_isotropic,
)

MATERIALS = {
    "isotropic": isotropic(),
    "incompressible-like": isotropic(0.49),
    "auxetic": isotropic(-0.4),
    "vertebral": transversely_isotropic(),
    "tetragonal": transversely_isotropic(shear_transverse=0.2, poisson_transverse=0.3),
}
every_material = pytest.mark.parametrize("material", MATERIALS.values(), ids=MATERIALS)


def linear_displacement(strain):
    """Nodal displacement (24,) of u = [[xx, xy/2, xz/2], ...] x on the unit cube."""
    xx, yy, zz, yz, xz, xy = strain
    gradient = np.array([[xx, xy / 2, xz / 2], [xy / 2, yy, yz / 2], [xz / 2, yz / 2, zz]])
    return (corner_offsets() @ gradient).reshape(24)


def rigid_motions():
    """Three translations and three infinitesimal rotations of the corners, shape (6, 24)."""
    at = corner_offsets().astype(float)
    axes = np.eye(3)
    return np.array([np.tile(a, 8) for a in axes] + [np.cross(a, at).reshape(24) for a in axes])


def corner_permutation(old_of_new):
    """Positions of the corners whose coordinates are those of corner k with the axes exchanged."""
    at = corner_offsets()
    return np.array([4 * a[0] + 2 * a[1] + a[2] for a in at[:, old_of_new]])


def test_corner_k_is_four_i_plus_two_j_plus_m():
    """corner_offsets()[4 i + 2 j + m] = (i, j, m)"""
    assert corner_offsets().shape == (8, 3)
    for k, (i, j, m) in enumerate(corner_offsets()):
        assert k == 4 * i + 2 * j + m


@every_material
def test_stiffness_is_symmetric(material):
    """K = K^T"""
    stiffness = element_stiffness(material)
    assert np.abs(stiffness - stiffness.T).max() <= 1e-12


@every_material
def test_stiffness_has_six_zero_modes_and_no_more(material):
    """K r = 0 for rigid motions r; the other 18 eigenvalues are positive"""
    stiffness = element_stiffness(material)
    assert np.abs(rigid_motions() @ stiffness).max() <= 1e-12
    eigenvalues = np.linalg.eigvalsh(stiffness)
    assert np.abs(eigenvalues[:6]).max() <= 1e-12
    assert eigenvalues[6] > 1e-3


@every_material
def test_linear_fields_are_reproduced_at_every_point(material):
    """B u = e for the nodal values u of a linear field of strain e, and u^T K u = e^T C e on a unit volume"""
    rng = np.random.default_rng(1)
    for strain in rng.normal(size=(5, 6)):
        nodal = linear_displacement(strain)
        assert np.allclose(centroid_strain_matrix() @ nodal, strain, atol=1e-12)
        assert np.allclose(gauss_strain_matrices() @ nodal, strain, atol=1e-12)
        energy = strain @ stiffness_matrix(material) @ strain
        assert nodal @ element_stiffness(material) @ nodal == pytest.approx(energy, rel=1e-12)


@every_material
def test_stiffness_agrees_with_four_gauss_points_per_axis(material):
    """int B^T C B dV by a rule of degree 7 in place of degree 3"""
    points, weights = np.polynomial.legendre.leggauss(4)
    points, weights = 0.5 + 0.5 * points, 0.5 * weights
    reference = np.zeros((24, 24))
    matrix = stiffness_matrix(material)
    for x, wx in zip(points, weights, strict=True):
        for y, wy in zip(points, weights, strict=True):
            for z, wz in zip(points, weights, strict=True):
                strain = interpolated_strain_matrix(np.array([x, y, z]))
                reference += wx * wy * wz * strain.T @ matrix @ strain
    assert np.abs(reference - element_stiffness(material)).max() <= 1e-12


def interpolated_strain_matrix(point):
    """Strain matrix by central differences of the shape functions, exact for trilinear ones."""

    def shape(at):
        return np.prod(np.where(corner_offsets() == 1, at, 1 - at), axis=1)

    step = 0.25
    gradient = np.stack(
        [(shape(point + step * a) - shape(point - step * a)) / (2 * step) for a in np.eye(3)], 1
    )
    pairs = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    matrix = np.zeros((6, 8, 3))
    for row, (a, b) in enumerate(pairs):
        matrix[row, :, a] += gradient[:, b]
        if a != b:
            matrix[row, :, b] += gradient[:, a]
    return matrix.reshape(6, 24)


@every_material
def test_stiffness_is_invariant_under_the_symmetries_of_the_material(material):
    """P^T K P = K for the exchange of x and y and for the mirror along every axis"""
    stiffness = element_stiffness(material).reshape(8, 3, 8, 3)
    swap, axes = corner_permutation([1, 0, 2]), [1, 0, 2]
    swapped = stiffness[swap][:, axes][:, :, swap][:, :, :, axes]
    assert np.abs(swapped - stiffness).max() <= 1e-12
    for axis in range(3):
        flip = np.arange(8) ^ (4, 2, 1)[axis]
        sign = np.where(np.arange(3) == axis, -1.0, 1.0)
        mirrored = stiffness[flip][:, :, flip] * sign[:, None, None] * sign
        assert np.abs(mirrored - stiffness).max() <= 1e-12


def test_isotropic_stiffness_is_invariant_under_the_cyclic_exchange_of_axes():
    """P^T K P = K for x -> y -> z -> x; false for a material with an axis"""
    for name, same in (("isotropic", True), ("vertebral", False)):
        stiffness = element_stiffness(MATERIALS[name]).reshape(8, 3, 8, 3)
        turn, axes = corner_permutation([1, 2, 0]), [2, 0, 1]
        turned = stiffness[turn][:, axes][:, :, turn][:, :, :, axes]
        assert (np.abs(turned - stiffness).max() <= 1e-12) == same
