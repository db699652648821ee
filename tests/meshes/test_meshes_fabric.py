"""Fabric by mean intercept length: closed forms, counted lines, turns, refusals."""

import numpy as np
import pytest

from meshes import make_trabecular_cube, mil_fabric


def ellipsoid(radii, n=64, axes=None):
    """One ellipsoid in the middle of a cube of n^3 voxels."""
    place = np.stack(np.meshgrid(*[np.arange(n) + 0.5 - n / 2] * 3, indexing="ij"), axis=-1)
    along = place if axes is None else place @ np.asarray(axes).T
    return ((along / np.array(radii)) ** 2).sum(axis=-1) < 1


def test_the_fabric_of_an_ellipsoid_is_the_ellipsoid():
    """projected area pi a b c |n / radii|, so that MIL(n)^-2 = n . diag(1 / r^2) n and m = 3 r / sum r"""
    radii = np.array([12.0, 17.0, 25.0])
    fabric = mil_fabric(ellipsoid(radii), 0.05)
    np.testing.assert_allclose(fabric.eigenvalues, 3 * radii / radii.sum(), rtol=0.015)
    np.testing.assert_allclose(np.abs(fabric.axes), np.eye(3), atol=5e-3)
    assert fabric.degree_of_anisotropy == pytest.approx(25 / 12, rel=0.02)
    # lines cross twice per projected area: MIL = 2 V / (2 A), A = pi a b along c
    expected = 64**3 / (np.pi * radii[[1, 0, 0]] * radii[[2, 2, 1]]) * 0.05
    np.testing.assert_allclose(fabric.mean_intercept_length_mm, expected, rtol=0.015)


def test_a_ball_is_isotropic_and_the_trace_is_three():
    """m = 1, 1, 1"""
    fabric = mil_fabric(ellipsoid((20, 20, 20)), 1.0)
    np.testing.assert_allclose(fabric.eigenvalues, 1, atol=3e-3)
    assert np.trace(fabric.tensor) == pytest.approx(3)


def test_fabric_turns_with_the_structure():
    """H = R diag(m) R^T for a turned ellipsoid; det(axes) = 1"""
    angle = 0.6
    axes = np.array(
        [[np.cos(angle), np.sin(angle), 0.0], [-np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]]
    )
    radii = np.array([12.0, 25.0, 17.0])
    fabric = mil_fabric(ellipsoid(radii, axes=axes), 0.1)
    expected = axes.T @ np.diag(3 * radii / radii.sum()) @ axes
    np.testing.assert_allclose(fabric.tensor, expected, atol=0.01)
    assert np.linalg.det(fabric.axes) == pytest.approx(1)
    np.testing.assert_allclose(
        fabric.axes.T @ np.diag(fabric.eigenvalues) @ fabric.axes, fabric.tensor, atol=1e-9
    )


def test_counted_crossings_of_lines_along_the_axes_agree():
    """MIL(x) = 2 length / changes from bone to marrow and back, of all lines of voxels along x"""
    mask = make_trabecular_cube(64, bv_tv=0.4, kind="plates", seed=4, period=40 * 0.05)
    fabric = mil_fabric(mask, 1.0, smoothing_voxels=1.0)
    along = np.sqrt(
        1 / np.diagonal(fabric.axes.T @ np.diag(fabric.mean_intercept_length_mm**-2.0) @ fabric.axes)
    )
    counted = [2 * mask.size / np.abs(np.diff(mask.astype(int), axis=axis)).sum() for axis in range(3)]
    np.testing.assert_allclose(along, counted, rtol=0.05)


def test_relabelled_axes_relabel_the_fabric():
    """H of the image with axes exchanged = H with axes exchanged; H does not depend on the voxel size"""
    mask = make_trabecular_cube(32, bv_tv=0.2, kind="rods", seed=1)
    first = mil_fabric(mask, 0.05).tensor
    second = mil_fabric(mask.transpose(2, 0, 1), 0.1).tensor
    np.testing.assert_allclose(second, first[np.ix_([2, 0, 1], [2, 0, 1])], atol=5e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask": np.ones((8, 8, 8), bool)}, "got bone only"),
        ({"mask": np.zeros((8, 8, 8), bool)}, "got marrow only"),
        ({"mask": np.ones((8, 8), bool)}, "three axes of 4 voxels or more"),
        ({"mask": ellipsoid((2, 2, 2), 8), "voxel_mm": 0.0}, "`voxel_mm` must be a positive"),
        ({"mask": ellipsoid((2, 2, 2), 8), "smoothing_voxels": 0.0}, "`smoothing_voxels` must be 0.5 to 10"),
        ({"mask": ellipsoid((2, 2, 2), 8), "directions": 6}, "`directions` must be 20 or more"),
    ],
)
def test_what_has_no_fabric_is_refused(arguments, message):
    """ValueError names the argument"""
    with pytest.raises(ValueError, match=message):
        mil_fabric(**({"voxel_mm": 1.0} | arguments))
