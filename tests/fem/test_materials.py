"""Elastic constants: inverse relations, frame indifference, refusal of what is not positive definite."""

import numpy as np
import pytest

from fem import isotropic, stiffness_matrix, transversely_isotropic


def voigt_rotation(turn):
    """Matrix (6, 6) that turns a strain with engineering shear, order xx yy zz yz xz xy."""
    pairs = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    matrix = np.zeros((6, 6))
    for column, (a, b) in enumerate(pairs):
        tensor = np.zeros((3, 3))
        tensor[a, b] = tensor[b, a] = 1.0 if a == b else 0.5
        turned = turn @ tensor @ turn.T
        matrix[:, column] = [turned[c, d] * (1.0 if c == d else 2.0) for c, d in pairs]
    return matrix


def turn_about(axis, angle):
    a, b = (other for other in range(3) if other != axis)
    turn = np.eye(3)
    turn[a, a] = turn[b, b] = np.cos(angle)
    turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
    return turn


def is_indifferent(material, turn):
    matrix, rotation = stiffness_matrix(material), voigt_rotation(turn)
    return np.allclose(rotation.T @ matrix @ rotation, matrix, atol=1e-12)


@pytest.mark.parametrize("poisson", [-0.5, 0.0, 0.3, 0.45])
def test_isotropic_stiffness_has_the_lame_constants(poisson):
    """C_xxxx = (1 - v) / ((1 + v)(1 - 2 v)), C_xxyy = v / ((1 + v)(1 - 2 v)), C_xyxy = 1 / (2 (1 + v))"""
    matrix = stiffness_matrix(isotropic(poisson))
    scale = (1 + poisson) * (1 - 2 * poisson)
    assert matrix[0, 0] == pytest.approx((1 - poisson) / scale, rel=1e-12)
    assert matrix[0, 1] == pytest.approx(poisson / scale, rel=1e-12, abs=1e-12)
    assert matrix[5, 5] == pytest.approx(0.5 / (1 + poisson), rel=1e-12)


def test_isotropic_material_is_indifferent_to_any_turn():
    """R^T C R = C"""
    for axis in range(3):
        assert is_indifferent(isotropic(), turn_about(axis, 0.7))


def test_default_vertebral_material_is_indifferent_to_turns_about_its_axis_only():
    """R^T C R = C about z at any angle, not about x or y"""
    material = transversely_isotropic()
    assert is_indifferent(material, turn_about(2, 0.7))
    assert not is_indifferent(material, turn_about(0, 0.7))
    assert not is_indifferent(material, turn_about(1, 0.7))


def test_vertebral_moduli_come_out_of_the_stiffness():
    """S = C^-1: S_zz = 1 / E_z, S_xx = 3 / E_z, S_xz = -v_zx / E_z, S_yzyz = 1 / (0.157 E_z)"""
    compliance = np.linalg.inv(stiffness_matrix(transversely_isotropic()))
    assert compliance[2, 2] == pytest.approx(1.0)
    assert compliance[0, 0] == pytest.approx(3.0)
    assert compliance[0, 2] == pytest.approx(-0.3)
    assert 1 / compliance[3, 3] == pytest.approx(0.157)
    assert 1 / compliance[4, 4] == pytest.approx(0.157)
    assert 1 / compliance[5, 5] == pytest.approx(0.121)


def test_a_material_is_hashable_and_equal_by_value():
    """static fields of a jitted function must hash"""
    assert hash(isotropic(0.3)) == hash(isotropic(0.3))
    assert isotropic(0.3) == isotropic(0.3)
    assert isotropic(0.3) != isotropic(0.2)


@pytest.mark.parametrize("poisson", [0.5, -1.0, 0.7, float("nan")])
def test_isotropic_material_refuses_a_poisson_ratio_without_positive_stiffness(poisson):
    """-1 < v < 0.5"""
    with pytest.raises(ValueError, match="`poisson`"):
        isotropic(poisson)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"poisson": 1.2}, "`poisson`"),
        ({"poisson_transverse": 1.1}, "`poisson_transverse`"),
        ({"transverse": -0.3}, "`transverse`"),
        ({"shear_axial": 0.0}, "`shear_axial`"),
        ({"shear_transverse": float("nan")}, "`shear_transverse`"),
        ({"poisson": float("nan")}, "`poisson`"),
    ],
)
def test_transverse_isotropy_refuses_constants_without_positive_stiffness(change, named):
    """every eigenvalue of the compliance is positive"""
    with pytest.raises(ValueError, match=named):
        transversely_isotropic(**change)
