"""Observation models against closed forms on boxes, and their derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import calibration


@pytest.fixture
def block():
    """A 4 x 3 x 5 box of voxels with a hole, its densities and compartments."""
    mask = np.ones((4, 3, 5), bool)
    mask[1:3, :, 2] = False
    elements = np.argwhere(mask)
    rng = np.random.default_rng(4)
    density = rng.uniform(0.05, 1.1, len(elements))
    compartments = rng.integers(0, 3, len(elements))
    return jnp.asarray(elements), jnp.asarray(density), jnp.asarray(compartments)


def test_compartment_density_is_the_volume_mean_in_mg_cm3(block):
    """mean(rho | compartment) * 1000; the integral mean covers both compartments and no third one."""
    _, density, compartments = block
    means = calibration.compartment_density(density, compartments)
    rho, code = np.asarray(density), np.asarray(compartments)
    np.testing.assert_allclose(means.trabecular, 1000 * rho[code == 1].mean(), rtol=1e-14)
    np.testing.assert_allclose(means.cortical, 1000 * rho[code == 2].mean(), rtol=1e-14)
    np.testing.assert_allclose(means.integral, 1000 * rho[code > 0].mean(), rtol=1e-14)


def test_compartment_density_keeps_leading_axes_of_time(block):
    """Months are a leading axis: each row is the record of its own map."""
    _, density, compartments = block
    months = density * jnp.linspace(1.0, 1.2, 5)[:, None]
    means = calibration.compartment_density(months, compartments)
    assert means.trabecular.shape == (5,)
    np.testing.assert_allclose(means.trabecular / means.trabecular[0], np.linspace(1.0, 1.2, 5), rtol=1e-14)


def test_an_empty_compartment_is_nan_without_spoiling_the_gradient(block):
    """No voxel, no mean: NaN, and d(others)/d(rho) stays finite."""
    _, density, _ = block
    only_trabecular = jnp.full(density.shape, calibration.TRABECULAR)
    means = calibration.compartment_density(density, only_trabecular)
    assert np.isnan(means.cortical)
    gradient = jax.grad(lambda rho: calibration.compartment_density(rho, only_trabecular).integral)(density)
    np.testing.assert_allclose(gradient, 1000 / density.size, rtol=1e-14)


def test_mineral_content_is_density_times_volume(block):
    """BMC = sum rho V; 1 g/cm3 is 1 mg/mm3."""
    _, density, _ = block
    edges = jnp.array([0.5, 0.75, 2.0])
    np.testing.assert_allclose(
        calibration.bone_mineral_content(density, edges), density.sum() * 0.75, rtol=1e-14
    )
    shares = jnp.linspace(0, 1, density.size)
    np.testing.assert_allclose(
        calibration.bone_mineral_content(density, 2.0, include=shares), 8 * (density @ shares), rtol=1e-14
    )


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_areal_density_of_a_homogeneous_box_is_density_times_depth(axis):
    """aBMD = rho * depth along the beam."""
    shape, edge, rho = (6, 4, 3), 1.5, 0.2
    elements = jnp.asarray(np.argwhere(np.ones(shape, bool)))
    density = jnp.full(len(elements), rho)
    abmd = calibration.projected_abmd(density, elements, edge, axis)
    np.testing.assert_allclose(abmd, rho * shape[axis] * edge / 10, rtol=1e-14)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_projected_area_counts_each_column_once(block, axis):
    """Area = (distinct columns) * pixel area, however the voxels are ordered."""
    elements, _, _ = block
    edges = np.array([0.5, 0.75, 2.0])
    others = [k for k in range(3) if k != axis]
    columns = len({tuple(row) for row in np.asarray(elements)[:, others]})
    expected = columns * edges[others].prod() / 100
    shuffled = np.random.default_rng(1).permutation(np.asarray(elements))
    for order in (elements, jnp.asarray(shuffled)):
        np.testing.assert_allclose(calibration.projected_area(order, edges, axis), expected, rtol=1e-14)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_mean_pixel_of_the_projected_image_is_the_areal_density(block, axis):
    """BMC / area = mean over the pixels of the bone's shadow."""
    elements, density, _ = block
    edges = jnp.array([0.5, 0.75, 2.0])
    picture = np.asarray(calibration.areal_density_map(density, elements, edges, axis, grid=(4, 3, 5)))
    np.testing.assert_allclose(
        picture[picture > 0].mean(), calibration.projected_abmd(density, elements, edges, axis), rtol=1e-13
    )


def test_a_vertebra_sized_body_has_clinical_units():
    """A 42 x 30 x 27 mm body of 200 mg/cm3 has 6.8 g of mineral and 0.6 g/cm2, as scanners print them."""
    elements = jnp.asarray(np.argwhere(np.ones((28, 20, 18), bool)))
    density = jnp.full(len(elements), 0.2)
    record = calibration.densitometry(density, elements, jnp.ones(len(elements), int), 1.5)
    np.testing.assert_allclose(record.integral_mg_cm3, 200, rtol=1e-12)
    np.testing.assert_allclose(record.bmc_mg, 6804, rtol=1e-12)
    np.testing.assert_allclose(record.abmd_g_cm2, 0.6, rtol=1e-12)


def test_turnover_index_is_the_ratio_of_total_fluxes():
    """100 sum(flux) / sum(baseline flux)."""
    baseline = jnp.array([1.0, 3.0, 0.0])
    np.testing.assert_allclose(calibration.turnover_index(baseline, baseline), 100, rtol=1e-15)
    course = jnp.stack([baseline, 0.5 * baseline, jnp.array([4.0, 4.0, 4.0])])
    np.testing.assert_allclose(calibration.turnover_index(course, baseline), [100, 50, 300], rtol=1e-15)
    assert np.isnan(calibration.turnover_index(baseline, 0 * baseline))


def test_skeletal_turnover_weighs_the_compartments_by_their_share_of_the_skeleton():
    """Index = sum w (flux/f) / sum w (flux0/f0): doubling cortical turnover alone adds its weighted share."""
    compartments = jnp.array([1, 1, 2, 0])
    fraction = jnp.array([0.1, 0.2, 0.9, 0.5])
    flux0 = jnp.array([2e-4, 4e-4, 1e-4, 9.0])
    flux = flux0 * jnp.array([1, 1, 2, 1])
    trabecular, cortical = 0.2 * (6e-4 / 0.3), 0.8 * (1e-4 / 0.9)
    index = calibration.skeletal_turnover_index(flux, fraction, flux0, fraction, compartments)
    np.testing.assert_allclose(index, 100 * (trabecular + 2 * cortical) / (trabecular + cortical), rtol=1e-12)


def test_every_observation_is_differentiable_in_the_density_map(block):
    """Forward, reverse and second derivatives agree with finite differences."""
    elements, density, compartments = block

    def observe(rho):
        record = calibration.densitometry(rho**2, elements, compartments, 1.5)
        indices = calibration.skeletal_turnover_index(
            rho**2, rho, density, density, compartments
        ) + calibration.turnover_index(rho**2, density)
        return sum(jax.tree.leaves(record)) + indices

    check_grads(observe, (density,), order=2, modes=["fwd", "rev"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_observations_keep_the_precision_of_the_density(block, dtype):
    """dtype follows the input."""
    elements, density, compartments = block
    record = calibration.densitometry(density.astype(dtype), elements, compartments, 1.5)
    assert {leaf.dtype for leaf in jax.tree.leaves(record)} == {jnp.dtype(dtype)}


def test_densitometry_is_traced_once_for_changed_densities(block):
    """One compilation serves every month."""
    elements, density, compartments = block
    traces = []

    @jax.jit
    def record(rho):
        traces.append(rho.shape)
        return calibration.densitometry(rho, elements, compartments, 1.5)

    for factor in (1.0, 1.1, 1.2):
        record(factor * density)
    assert len(traces) == 1
