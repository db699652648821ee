"""Stiffness from volume fraction and fabric: the relation and its fit to 720 regions."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import fem

CONSTANTS = fem.FabricStiffness(4000.0, 3000.0, 3500.0, 1.8, 0.9)
COMPONENTS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1), (3, 3), (4, 4), (5, 5))


def test_without_anisotropy_the_relation_is_a_power_law_of_an_isotropic_tensor():
    """m = 1: C11 = (lambda0 + 2 mu0) f^k, C12 = lambda0' f^k, G = mu0 f^k"""
    stiffness = np.asarray(fem.fabric_stiffness(0.5, jnp.ones(3), CONSTANTS)) / 0.5**1.8
    np.testing.assert_allclose(np.diagonal(stiffness), [11000.0] * 3 + [3500.0] * 3)
    np.testing.assert_allclose(stiffness[0, 1:3], 3000.0)


def test_the_fit_gives_back_the_constants_the_data_were_made_with(rng):
    """log-linear least squares on exact data: constants exact, residual 0"""
    fabric = rng.uniform(0.5, 1.5, (20, 3))
    fabric *= 3 / fabric.sum(axis=1, keepdims=True)
    fraction = rng.uniform(0.05, 0.5, 20)
    stiffness = np.stack(
        [fem.fabric_stiffness(f, jnp.asarray(m), CONSTANTS) for f, m in zip(fraction, fabric, strict=True)]
    )
    fit = fem.fit_fabric_stiffness(fraction, fabric, stiffness)
    np.testing.assert_allclose(np.array(fit.constants), np.array(CONSTANTS), rtol=1e-9)
    assert np.abs(fit.log_residual).max() < 1e-10
    assert fit.r_squared == pytest.approx(1.0)


def test_gradients_of_the_relation_are_right():
    """reverse mode against a central difference in f, m and the constants"""
    fabric = jnp.asarray([0.8, 1.0, 1.2])

    def value(fraction, fabric, constants):
        return jnp.sum(jnp.sin(fem.fabric_stiffness(fraction, fabric, constants) / 1000.0))

    check_grads(
        value, (0.3, fabric, fem.FabricStiffness(*map(jnp.asarray, CONSTANTS))), order=1, modes=["rev"]
    )


def test_data_that_do_not_fit_are_refused(rng):
    """ValueError names the shapes or the region"""
    with pytest.raises(ValueError, match=r"shapes \(n,\), \(n, 3\) and \(n, 6, 6\)"):
        fem.fit_fabric_stiffness(np.ones(3), np.ones((3, 3)), np.ones((2, 6, 6)))
    stiffness = np.ones((3, 6, 6))
    stiffness[1, 0, 0] = -1.0
    with pytest.raises(ValueError, match="got 1 regions that are not, the first number 1"):
        fem.fit_fabric_stiffness(np.ones(3), np.ones((3, 3)), stiffness)


@pytest.fixture
def tibia(shared_data):
    """BV/TV, fabric and stiffness (Voigt) of the regions of even density in the table of FABCORT."""
    table = np.genfromtxt(
        shared_data / "fabcort_trab_tibia_720.csv", delimiter=",", names=True, dtype=None, encoding="utf-8"
    )
    assert len(table) == 720
    table = table[table["cv_bvtv"] < 0.263]
    stiffness = np.zeros((len(table), 6, 6))
    for i, j in COMPONENTS[:6]:
        stiffness[:, i, j] = stiffness[:, j, i] = table[f"C{i + 1}{j + 1}"]
    for i in (3, 4, 5):
        # the table is in Mandel form, 2 G
        stiffness[:, i, i] = table[f"C{i + 1}{i + 1}"] / 2
    return table["bvtv"], np.stack([table[f"m{i}"] for i in (1, 2, 3)], axis=1), stiffness


def test_the_constants_of_the_tibia_are_the_fit_of_its_regions(tibia):
    """603 regions: the constants, r2 = 0.947, standard deviation of ln 0.21 a component and 0.15 a region"""
    fit = fem.fit_fabric_stiffness(*tibia)
    assert len(fit.log_residual) == 603
    np.testing.assert_allclose(np.array(fit.constants), np.array(fem.TIBIA_FABRIC_STIFFNESS), rtol=1e-4)
    assert fit.r_squared == pytest.approx(0.947, abs=1e-3)
    assert fit.log_residual.std() == pytest.approx(0.207, abs=2e-3)
    assert fit.log_residual.mean(axis=1).std() == pytest.approx(0.150, abs=2e-3)


def test_the_shear_terms_of_the_table_are_twice_the_shear_moduli(tibia):
    """G / ((C11 - C12) / 2) at equal eigenvalues: 1 if isotropic, 0.91 for the femur, 0.84 with 2 G in the
    table (1.67 if it held G, 0.42 if it held 4 G)"""

    def ratio(constants):
        diagonal = constants.lambda0 + 2 * constants.mu0
        return constants.mu0 / ((diagonal - constants.lambda0_prime) / 2)

    assert ratio(fem.FEMUR_FABRIC_STIFFNESS) == pytest.approx(0.91, abs=0.01)
    assert ratio(fem.fit_fabric_stiffness(*tibia).constants) == pytest.approx(0.835, abs=0.005)


def test_the_relation_of_the_tibia_is_straight_and_bounds_what_the_form_of_the_fit_can_explain(tibia):
    """91 regions of BV/TV 0.214 to 0.254: mean residual 0.035, none above 0.39; a fit to BV/TV 0.18 to 0.32
    alone moves the diagonal at BV/TV 0.234 by less than 0.02"""
    bv_tv, fabric, stiffness = tibia
    fit = fem.fit_fabric_stiffness(bv_tv, fabric, stiffness)
    alike = fit.log_residual.mean(axis=1)[np.abs(bv_tv - 0.234) < 0.02]
    assert len(alike) == 91
    assert alike.mean() == pytest.approx(0.035, abs=0.002)
    assert alike.max() == pytest.approx(0.386, abs=0.002)
    near = (bv_tv > 0.18) & (bv_tv < 0.32)
    local = fem.fit_fabric_stiffness(bv_tv[near], fabric[near], stiffness[near]).constants
    diagonals = [fem.fabric_stiffness(0.234, jnp.ones(3), each)[0, 0] for each in (local, fit.constants)]
    assert abs(np.log(diagonals[0] / diagonals[1])) < 0.02


def test_the_relations_of_femur_and_tibia_part_at_low_densities():
    """ln(femur / tibia) of the diagonal at equal eigenvalues: 0.08 at BV/TV 0.4, 0.33 at 0.234, 0.66 at
    0.12"""
    for bv_tv, expected in ((0.4, 0.077), (0.234, 0.335), (0.12, 0.657)):
        femur, tibia = (
            fem.fabric_stiffness(bv_tv, jnp.ones(3), each)[0, 0]
            for each in (fem.FEMUR_FABRIC_STIFFNESS, fem.TIBIA_FABRIC_STIFFNESS)
        )
        assert float(np.log(femur / tibia)) == pytest.approx(expected, abs=2e-3)
