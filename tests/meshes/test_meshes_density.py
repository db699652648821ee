"""Calibration, density types and bone volume fraction."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from meshes import (
    DENSITY_TYPES,
    TISSUE_LABELS,
    apply_calibration,
    bv_tv_from_density,
    calibrate_from_pairs,
    calibrate_phantomless,
    convert_density,
    density_from_bv_tv,
    k2hpo4_over_ha,
    make_calibration,
    make_image,
    make_vertebra,
    read_image,
    read_labels,
    tissue_hu,
)
from meshes._attenuation import equivalent_density_mg_cm3, hu_per_mg_ha, ideal_hu, linear_attenuation


def density_image(values, density_type="ha"):
    return make_image(
        np.asarray(values, float).reshape(-1, 1, 1), 1.0, quantity="density", density_type=density_type
    )


def test_calibration_is_a_line_in_grams():
    """rho (g/cm3) = (slope HU + intercept) / 1000 with slope and intercept in mg/cm3."""
    image = make_image(np.array([[[0, 100, -1000]]], np.int16), 1.0, quantity="hu")
    density = apply_calibration(image, make_calibration(0.8, -5.0, "k2hpo4"))
    np.testing.assert_allclose(density.values, [[[-0.005, 0.075, -0.805]]])
    assert (density.quantity, density.density_type) == ("density", "k2hpo4")


def test_density_is_not_calibrated_twice():
    """HU only."""
    with pytest.raises(ValueError, match="calibrated already"):
        apply_calibration(density_image([0.1]), make_calibration(0.8, 0.0))


def test_calibration_through_image_is_differentiable():
    """d rho / d slope = HU / 1000."""
    hu = jnp.array([[[10.0, 200.0]]])
    image = make_image(np.asarray(hu), 1.0, quantity="hu")

    def mean(slope):
        return apply_calibration(image, make_calibration(1.0, 0.0).__class__(slope, 0.0, "ha")).values.sum()

    np.testing.assert_allclose(jax.grad(mean)(0.8e-3), 210.0)


def test_line_through_rods_is_recovered_with_its_residuals(rng):
    """Exact pairs give slope, intercept and r2 = 1; noise shows in residuals of zero mean."""
    hu = np.array([0.0, 60.0, 130.0, 260.0])
    calibration, fit = calibrate_from_pairs(hu, 0.77 * hu + 3.0, "ha")
    np.testing.assert_allclose([calibration.slope, calibration.intercept], [0.77e-3, 3e-3], rtol=1e-10)
    np.testing.assert_allclose(fit.r2, 1.0)
    _, noisy = calibrate_from_pairs(hu, 0.77 * hu + rng.normal(size=4), "ha")
    assert noisy.r2 < 1
    np.testing.assert_allclose(noisy.residuals_mg_cm3.mean(), 0, atol=1e-9)


@pytest.mark.parametrize(
    ("hu", "density", "word"),
    [
        ([0.0], [0.0], "2 or more"),
        ([0.0, np.nan], [0.0, 100.0], "finite"),
        ([50.0, 51.0], [0.0, 100.0], "spans only"),
        ([0.0, 100.0], [100.0, 0.0], "rise with HU"),
    ],
)
def test_pairs_that_make_no_line_are_refused(hu, density, word):
    """Too few, not finite, too close, or falling."""
    with pytest.raises(ValueError, match=word):
        calibrate_from_pairs(hu, density, "ha")


@pytest.mark.parametrize(
    ("slope", "intercept", "kind"), [(0.0, 0.0, "ha"), (1.0, np.nan, "ha"), (1.0, 0.0, "hu")]
)
def test_impossible_calibrations_are_refused(slope, intercept, kind):
    """Positive slope, finite intercept, known type."""
    with pytest.raises(ValueError, match="must be"):
        make_calibration(slope, intercept, kind)


def test_tissues_attenuate_as_nist_says():
    """mu = (mu/rho) rho at tabulated energies: water 0.2059, cortical HA 0.4067 cm2/g at 60 keV."""
    np.testing.assert_allclose(linear_attenuation("water", 60.0), 0.2059)
    np.testing.assert_allclose(linear_attenuation("ha", 60.0), 0.4067 * 3.16)
    assert abs(ideal_hu("air", 70.0) + 1000) < 2


def test_mineral_in_water_has_its_own_equivalent_density():
    """A suspension of c mg/cm3 HA in water rises by c hu_per_mg_ha, from the volumes of both."""
    c, kev = 0.2, 70.0
    mixture = c / 3.16 * linear_attenuation("ha", kev) + (1 - c / 3.16) * linear_attenuation("water", kev)
    water = linear_attenuation("water", kev)
    np.testing.assert_allclose(1000 * (mixture - water) / water, 1000 * c * hu_per_mg_ha(kev), rtol=1e-12)


@pytest.mark.parametrize("source", DENSITY_TYPES)
@pytest.mark.parametrize("wanted", DENSITY_TYPES)
def test_density_types_convert_there_and_back(source, wanted):
    """Every relation is inverted by its opposite."""
    image = density_image([0.05, 0.12, 0.9], source)
    back = convert_density(convert_density(image, wanted), source)
    np.testing.assert_allclose(back.values, image.values, rtol=1e-12)
    assert convert_density(image, wanted).density_type == wanted


@pytest.mark.parametrize(
    ("source", "wanted", "value", "expected"),
    [
        ("ha", "ash", 0.1, 0.877 * 0.1 + 0.079),
        ("k2hpo4", "ash", 0.1, 1.22 * 0.1 + 0.0523),
        ("ash", "apparent", 0.12, 0.2),
        ("ha", "apparent", 0.1, (0.877 * 0.1 + 0.079) / 0.6),
    ],
)
def test_density_relations_are_the_published_ones(source, wanted, value, expected):
    """Schileo 2008; Les 1994 in Knowles 2016."""
    np.testing.assert_allclose(convert_density(density_image([value], source), wanted).values, expected)


def test_phantom_salts_relate_as_goodsitt_measured():
    """K2HPO4 / HA = 0.86 at 80 kVp and 0.81 at 140 kVp; nothing outside."""
    assert (k2hpo4_over_ha(80), k2hpo4_over_ha(140)) == (0.86, 0.81)
    image = density_image([0.1])
    np.testing.assert_allclose(convert_density(image, "k2hpo4", tube_kv=80).values, 0.086)
    with pytest.raises(ValueError, match="80 to 140"):
        convert_density(image, "k2hpo4", tube_kv=150)


def test_conversion_refuses_hu_and_unknown_types():
    """No relation, no number."""
    with pytest.raises(ValueError, match="Calibrate HU first"):
        convert_density(make_image(np.zeros((1, 1, 1)), 1.0, quantity="hu"), "ha")
    with pytest.raises(ValueError, match="wet"):
        convert_density(density_image([0.1]), "wet")


def test_bone_volume_fraction_and_density_are_inverse():
    """f = rho / rho_matrix; derivative 1 / rho_matrix."""
    rho = jnp.linspace(0.0, 1.2, 7)
    np.testing.assert_allclose(density_from_bv_tv(bv_tv_from_density(rho)), rho, rtol=1e-12)
    np.testing.assert_allclose(bv_tv_from_density(0.12), 0.1)
    np.testing.assert_allclose(jax.grad(bv_tv_from_density)(0.3), 1 / 1.2)


@pytest.mark.parametrize(("noise", "off"), [(8.0, 5.0), (40.0, 16.0)])
def test_tissues_are_found_in_the_histogram(noise, off):
    """Modes of air, fat and muscle near what was painted; at 40 HU noise the -1024 HU floor lifts air."""
    found = tissue_hu(make_vertebra(2.0, noise_hu=noise).hu)
    assert set(found) == {"air", "fat", "muscle"}
    for tissue, value in found.items():
        assert abs(value - ideal_hu(tissue, 70.0)) < off


@pytest.mark.parametrize("labelled", [False, True])
def test_phantomless_recovers_density_of_an_ill_tuned_scanner(labelled):
    """Gain 0.97 and offset +6 HU are undone: rods within 5 mg/cm3, trabecular bone but for its marrow."""
    v = make_vertebra(1.5, seed=3, marrow_hu=0.0, scanner_gain=0.97, scanner_offset_hu=6.0)
    labels = {name: TISSUE_LABELS[name] for name in ("air", "fat", "muscle", "blood")}
    calibration, fit = (
        calibrate_phantomless(v.hu, tissues=v.tissues, tissue_labels=labels)
        if labelled
        else calibrate_phantomless(v.hu)
    )
    assert fit.r2 > 0.9995
    density = apply_calibration(v.hu, calibration)
    for number, true in enumerate(v.phantom):
        rod = v.tissues.values == TISSUE_LABELS[f"rod {number}"]
        assert abs(density.values[rod].mean() - true) < 5e-3
    trabecular = v.labels.values == 1
    error = density.values[trabecular].mean() - v.density.values[trabecular].mean()
    assert abs(error) < 5e-3
    uncorrected = v.hu.values[trabecular].mean() / hu_per_mg_ha(70.0) / 1000
    assert abs(uncorrected - v.density.values[trabecular].mean()) > abs(error)


def test_marrow_fat_makes_qct_read_too_low():
    """Error of calibrated trabecular density = marrow HU / (HU per mg/cm3), about -19 mg/cm3 at -25 HU."""
    v = make_vertebra(1.5, noise_hu=0.0, marrow_hu=-25.0)
    deep = v.labels.values == 1
    calibration, _ = calibrate_phantomless(
        hu={name: ideal_hu(name, 70.0) for name in ("air", "muscle", "blood")}
    )
    error = apply_calibration(v.hu, calibration).values[deep].mean() - v.density.values[deep].mean()
    np.testing.assert_allclose(error, -25e-3 / hu_per_mg_ha(70.0), atol=2e-3)


def test_phantomless_in_k2hpo4_is_ha_times_the_published_ratio():
    """One physics, one relation between the salts."""
    hu = {"air": -995.0, "fat": -102.0, "muscle": 48.0, "blood": 45.0}
    ha, _ = calibrate_phantomless(hu=hu)
    salt, _ = calibrate_phantomless(hu=hu, density_type="k2hpo4", tube_kv=120)
    np.testing.assert_allclose(salt.slope, ha.slope * k2hpo4_over_ha(120), rtol=1e-12)


def test_unmeasured_air_enters_by_definition_and_is_named_so():
    """-1000 HU marked as nominal; switched off, the line goes through the tissues alone."""
    hu = {"fat": -102.0, "muscle": 48.0}
    _, fit = calibrate_phantomless(hu=hu)
    assert fit.materials == ("air (nominal)", "fat", "muscle")
    _, alone = calibrate_phantomless(hu=hu, nominal_air=False)
    assert alone.materials == ("fat", "muscle")


def test_stated_reference_densities_replace_the_computed_ones():
    """`reference_mg_cm3` wins and is named in the source."""
    _, fit = calibrate_phantomless(hu={"air": -1000.0, "blood": 45.0}, reference_mg_cm3={"blood": 60.0})
    assert fit.density_mg_cm3[1] == 60.0
    np.testing.assert_allclose(fit.density_mg_cm3[0], equivalent_density_mg_cm3("air", 70.0))
    assert "blood" in fit.source


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"hu": {"air": -1000.0}}, "two or more"),
        ({"hu": {"liver": 60.0, "air": -1000.0}}, "liver"),
        ({"hu": {"fat": -100.0, "muscle": 50.0}, "effective_kev": 10.0}, "effective_kev"),
        ({"hu": {"fat": -100.0, "muscle": 50.0}, "density_type": "ash"}, "density_type"),
        ({}, "`image`"),
    ],
)
def test_phantomless_refuses_what_it_cannot_use(arguments, word):
    """Too few tissues, unknown ones, energies and types without data."""
    with pytest.raises(ValueError, match=word):
        calibrate_phantomless(**arguments)


def test_labels_without_voxels_are_refused():
    """A tissue that is named but absent is an error, not a guess."""
    v = make_vertebra(3.0)
    with pytest.raises(ValueError, match="no voxel of label 99"):
        calibrate_phantomless(v.hu, tissues=v.tissues, tissue_labels={"fat": 99})


def test_real_lumbar_bodies_get_plausible_density(shared_data):
    """Cores of T12 to L5 of an abdominal CT lie between 60 and 180 mg HA/cm3, as in adults."""
    from scipy import ndimage

    ct = read_image(shared_data / "lumbar_ct3mm_totalseg_ct.nii.gz", assume_units="mm")
    bodies = read_labels(shared_data / "lumbar_ct3mm_totalseg_bodies_T12-L5.nii.gz", assume_units="mm")
    calibration, fit = calibrate_phantomless(ct)
    assert fit.materials == ("air", "fat", "muscle")
    density = apply_calibration(ct, calibration).values
    for label in range(19, 25):
        core = ndimage.binary_erosion(bodies.values == label, iterations=2)
        assert 0.06 < density[core].mean() < 0.18


def test_real_noisy_ct_has_fat_and_muscle_peaks(shared_data):
    """The L3 CT (noise about 60 HU) shows fat near -110 and muscle near 40 HU; its air is nominal."""
    ct = read_image(shared_data / "l3_ct1p5mm_tptbox_label-22_ct.nii.gz")
    found = tissue_hu(ct)
    assert set(found) == {"fat", "muscle"}
    assert -120 < found["fat"] < -95
    assert 25 < found["muscle"] < 60
    _, fit = calibrate_phantomless(ct)
    assert fit.materials[0] == "air (nominal)"
    assert np.abs(fit.residuals_mg_cm3).max() < 10


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_volume_fraction_keeps_its_dtype_and_lowers_for_cuda(dtype):
    """float32 in, float32 out; one traced program for any device."""
    rho = jnp.ones((3,), dtype)
    for function in (bv_tv_from_density, density_from_bv_tv, jax.grad(lambda r: bv_tv_from_density(r).sum())):
        assert function(rho).dtype == dtype
        jax.export.export(jax.jit(function), platforms=["cuda"])(rho)
