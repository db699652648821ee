"""Stiffness tensors: Mandel form, rotation, engineering constants, symmetry axes."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import fem

CONSTANTS = {"young": (900.0, 1200.0, 2500.0), "shear": (420.0, 380.0, 290.0), "poisson": (0.21, 0.17, 0.28)}


def orthotropic():
    """Stiffness from E1..3, G23 G13 G12, nu23 nu13 nu12, Voigt form, MPa."""
    young, shear, poisson = (np.array(CONSTANTS[key]) for key in ("young", "shear", "poisson"))
    compliance = np.diag(1 / np.concatenate([young, shear]))
    for (i, j), nu in zip(((1, 2), (0, 2), (0, 1)), poisson, strict=True):
        compliance[i, j] = compliance[j, i] = -nu / young[i]
    return np.linalg.inv(compliance)


def test_engineering_constants_are_those_the_stiffness_was_made_of():
    """E_i = 1 / S_ii, nu_ij = -S_ij E_i, nu_ij / E_i = nu_ji / E_j"""
    constants = fem.engineering_constants(jnp.asarray(orthotropic()))
    np.testing.assert_allclose(constants.young_mpa, CONSTANTS["young"])
    np.testing.assert_allclose(constants.shear_mpa, CONSTANTS["shear"])
    nu = np.asarray(constants.poisson)
    np.testing.assert_allclose([nu[1, 2], nu[0, 2], nu[0, 1]], CONSTANTS["poisson"])
    compliance = nu / np.array(CONSTANTS["young"])[:, None]
    np.testing.assert_allclose(compliance, compliance.T)


def test_mandel_form_is_an_orthonormal_tensor(rng):
    """C44 doubles, C14 takes sqrt 2; the norm and the eigenvalues do not change under rotation"""
    stiffness = orthotropic()
    stiffness[0, 3] = stiffness[3, 0] = 10.0
    mandel = np.asarray(fem.to_mandel(jnp.asarray(stiffness)))
    assert mandel[3, 3] == pytest.approx(2 * stiffness[3, 3])
    assert mandel[0, 3] == pytest.approx(np.sqrt(2) * 10)
    np.testing.assert_allclose(fem.from_mandel(jnp.asarray(mandel)), stiffness)
    turn = Rotation.from_rotvec(rng.standard_normal(3)).as_matrix()
    turned = np.asarray(fem.to_mandel(fem.rotate_stiffness(jnp.asarray(stiffness), turn)))
    np.testing.assert_allclose(np.linalg.eigvalsh(turned), np.linalg.eigvalsh(mandel))


def test_rotation_is_that_of_the_strain_energy(rng):
    """e'.C'.e' = e.C.e with e'_ij = R_ik R_jl e_kl"""
    turn = Rotation.from_rotvec(rng.standard_normal(3)).as_matrix()
    tensor = rng.standard_normal((3, 3))
    tensor = tensor + tensor.T

    def voigt(t):
        return np.array([t[0, 0], t[1, 1], t[2, 2], 2 * t[1, 2], 2 * t[0, 2], 2 * t[0, 1]])

    before, after = voigt(tensor), voigt(turn @ tensor @ turn.T)
    turned = np.asarray(fem.rotate_stiffness(jnp.asarray(orthotropic()), turn))
    assert after @ turned @ after == pytest.approx(before @ orthotropic() @ before)
    isotropic = 10.0 * fem.stiffness_matrix(fem.isotropic())
    np.testing.assert_allclose(fem.rotate_stiffness(jnp.asarray(isotropic), turn), isotropic, atol=1e-12)


def test_symmetry_axes_of_a_turned_orthotropic_stiffness_are_found(rng):
    """the axes come back up to their sign, the stiffest last; nothing is left out"""
    for _ in range(5):
        turn = Rotation.from_rotvec(rng.uniform(-3, 3, 3)).as_matrix()
        fit = fem.orthotropic_axes(fem.rotate_stiffness(jnp.asarray(orthotropic()), turn.T))
        np.testing.assert_allclose(np.abs(fit.axes @ turn.T), np.eye(3), atol=1e-5)
        assert np.linalg.det(fit.axes) == pytest.approx(1.0)
        np.testing.assert_allclose(fit.stiffness, orthotropic(), rtol=1e-6, atol=1e-6)
        assert fit.off_orthotropic < 1e-5


def test_the_best_orthotropic_part_of_a_noisy_stiffness_leaves_out_no_more_than_the_noise(rng):
    """|C - C_ortho| <= |noise|, at nearby axes"""
    noise = rng.standard_normal((6, 6)) * 8.0
    noise = noise + noise.T
    turn = Rotation.from_rotvec([0.4, -0.2, 0.7]).as_matrix()
    exact = np.asarray(fem.rotate_stiffness(jnp.asarray(orthotropic()), turn.T))
    fit = fem.orthotropic_axes(exact + noise)
    mandel = [np.linalg.norm(fem.to_mandel(jnp.asarray(c))) for c in (noise, exact + noise)]
    assert 0 < fit.off_orthotropic < mandel[0] / mandel[1]
    assert np.abs(fit.axes @ turn.T).diagonal().min() > 0.99


def test_an_isotropic_stiffness_keeps_the_coordinate_axes():
    """every axis is one of symmetry: none is turned"""
    fit = fem.orthotropic_axes(fem.stiffness_matrix(fem.isotropic()))
    np.testing.assert_allclose(fit.axes, np.eye(3), atol=1e-6)


def test_a_stiffness_of_another_shape_is_refused():
    """ValueError"""
    with pytest.raises(ValueError, match=r"finite \(6, 6\) matrix"):
        fem.orthotropic_axes(np.eye(3))
