"""Stiffness from volume fraction and fabric: the relation, its fit to 720 regions, specimens against it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import fem
import meshes

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


def homogenised(mask, voxel_mm):
    """BV/TV, fabric eigenvalues and stiffness along the fabric axes, tissue of 10 GPa, kinematic-uniform."""
    mask = meshes.largest_component(mask)
    fabric = meshes.mil_fabric(mask, voxel_mm)
    load = fem.load_case("kinematic-uniform", strain=(0.0, 0.0, 0.01, 0.0, 0.0, 0.0))
    plan = fem.make_plan(mask, voxel_mm, load)
    program = jax.jit(fem.homogenise, static_argnames=("max_iterations",))
    stiffness, info = program(jnp.full(int(mask.sum()), 1e4), plan, rtol=1e-6)
    assert bool(info.converged.all())
    turned = np.asarray(fem.rotate_stiffness(stiffness, fabric.axes))
    symmetry = fem.orthotropic_axes(stiffness)
    return float(mask.mean()), fabric, turned, symmetry


def log_ratio(fraction, fabric, stiffness):
    """ln(measured / relation), mean of the nine components."""
    relation = np.asarray(fem.fabric_stiffness(fraction, jnp.asarray(fabric.eigenvalues)))
    return np.mean([np.log(stiffness[place] / relation[place]) for place in COMPONENTS])


@pytest.mark.slow
@pytest.mark.parametrize(("bv_tv", "seed"), [(0.3, 0), (0.25, 3)])
def test_synthetic_rods_land_on_the_relation_of_the_tibia(bv_tv, seed):
    """|mean ln(C / relation)| <= 0.3, two standard deviations of the regions (0.13 and 0.08 were found)"""
    mask = meshes.make_trabecular_cube(32 if bv_tv == 0.3 else 40, bv_tv=bv_tv, kind="rods", seed=seed)
    fraction, fabric, stiffness, _ = homogenised(mask, 0.05)
    assert abs(log_ratio(fraction, fabric, stiffness)) <= 0.3


@pytest.mark.slow
def test_synthetic_plates_are_stiffer_than_the_tibia_and_within_the_bounds():
    """closed sheets: ln(C / relation) = 0.43, above the regions; below the Hashin-Shtrikman bound"""
    mask = meshes.make_trabecular_cube(32, bv_tv=0.3, kind="plates", seed=0)
    fraction, fabric, stiffness, _ = homogenised(mask, 0.05)
    assert 0.3 < log_ratio(fraction, fabric, stiffness) < 0.6
    share = np.array([1 - fraction, fraction])
    bounds = fem.hashin_shtrikman_bounds(share, np.array([0, 1e4 / 1.2]), np.array([0, 1e4 / 2.6]))
    upper = float(bounds.bulk.upper) + 4 / 3 * float(bounds.shear.upper)
    assert np.trace(stiffness[:3, :3]) / 3 < upper


@pytest.mark.slow
def test_real_bone_lies_at_the_stiff_end_of_the_regions_of_its_density(tibia, shared_data):
    """LHDL 50^3: mean ln(C / relation) = 0.42, mean of C11, C22, C33 within that of regions of like BV/TV;
    symmetry axes of the stiffness within 10 degrees of those of the fabric"""
    with np.load(shared_data / "trab_human_lhdl3155_mask_50.npz") as stored:
        mask, voxel_mm = stored["mask"].astype(bool), float(stored["voxel_mm"])
    fraction, fabric, stiffness, symmetry = homogenised(mask, voxel_mm)
    assert log_ratio(fraction, fabric, stiffness) == pytest.approx(0.42, abs=0.05)
    alike = np.abs(tibia[0] - fraction) < 0.016
    regions = np.trace(tibia[2][alike][:, :3, :3], axis1=1, axis2=2) / 3
    assert regions.min() < np.trace(stiffness[:3, :3]) / 3 < regions.max()
    assert np.abs(np.diagonal(symmetry.axes @ fabric.axes.T)).min() > np.cos(np.radians(10))
