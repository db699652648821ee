"""Nonlinear strength of whole bones: the parametric vertebra, a real L3 and real trabecular bone."""

import jax.numpy as jnp
import numpy as np
import pytest

import meshes
from fem import (
    TISSUE_YIELD_STRAIN,
    YIELD_SURFACES,
    add_caps,
    capped_modulus,
    density_law,
    force_displacement_checked,
    load_case,
    make_plan,
    nonlinear_strength,
)

LAW = density_law("kopperdahl-2002")
SURFACE = YIELD_SURFACES["vertebral-cancellous"]


def crop(mask):
    """Slices of the bounding box."""
    places = np.argwhere(mask)
    return tuple(slice(a, b) for a, b in zip(places.min(axis=0), places.max(axis=0) + 1, strict=True))


def vertebra(density, mask, spacing):
    """Moduli, yield stresses and plan of a body in cement, and the height of its bone."""
    box = mask[crop(mask)]
    capped = add_caps(box, spacing, thickness_mm=spacing)
    modulus = capped_modulus(LAW.modulus_mpa(density), capped)
    yield_stress = capped_modulus(LAW.yield_stress_mpa(density), capped, cap_modulus_mpa=2500.0)
    plan = make_plan(capped.mask, spacing, load_case("pmma-axial", strain=-0.03))
    return modulus, yield_stress, plan, box.shape[2] * spacing


@pytest.fixture(scope="module")
def parametric():
    """The built-in L3 at 3 mm."""
    bone = meshes.make_vertebra(3.0)
    labels = np.asarray(bone.labels.values)
    mask = meshes.largest_component((labels == 1) | (labels == 2))
    density = np.asarray(meshes.convert_density(bone.density, "k2hpo4").values)[mask]
    return vertebra(jnp.asarray(density, float), mask, 3.0)


@pytest.mark.slow
def test_a_vertebra_yields_before_it_is_crushed(parametric):
    """K u > yield at 0.2 % offset < force at 1.9 % <= largest force; a tenth to all of the bone has flown"""
    *body, height = parametric
    factors = np.linspace(0, 1, 13)[1:]
    curve, _ = force_displacement_checked(*body, SURFACE, factors, rtol=1e-5)
    read = nonlinear_strength(curve, height)
    assert 500 < float(read.yield_n) < float(read.stated_n) <= float(read.greatest_n) < 10_000
    assert float(read.yield_n) < float(read.stiffness_n_per_mm) * float(read.yield_strain) * height
    assert 0.002 < float(read.yield_strain) < 0.015
    assert 0.1 < float(read.yield_volume) < 1
    assert not bool(read.has_maximum)

    modulus, yield_stress, plan = body
    # bone of the same elastic strain limits that is stiffer and stronger by c, in cement stiffer by c
    other, _ = force_displacement_checked(
        1.3 * modulus, 1.3 * yield_stress, plan, SURFACE, factors, rtol=1e-5
    )
    stronger = nonlinear_strength(other, height)
    assert float(stronger.yield_n) == pytest.approx(1.3 * float(read.yield_n), rel=1e-4)
    assert float(stronger.yield_strain) == pytest.approx(float(read.yield_strain), rel=1e-4)


@pytest.mark.slow
def test_a_real_l3_has_a_strength_of_some_kilonewtons(shared_data):
    """CT of L3 resampled to 3 mm; published vertebral strengths are 1 to 10 kN"""
    names = ("ct", "seg-vert_label-22_msk", "seg-subreg_label-22_msk")
    ct = meshes.read_image(shared_data / "l3_ct1p5mm_tptbox_label-22_ct.nii.gz")
    parts = meshes.read_labels(shared_data / f"l3_ct1p5mm_tptbox_{names[2]}.nii.gz")
    ct, parts = meshes.to_ras(ct), meshes.to_ras(parts)
    body = meshes.make_image(
        np.isin(np.asarray(parts.values), (49, 50)).astype(np.uint8),
        np.asarray(parts.spacing),
        origin=np.asarray(parts.origin),
        quantity="mask",
    )
    # a usual line of 120 kV scanners; the file carries no phantom
    calibrated = meshes.apply_calibration(ct, meshes.make_calibration(0.8, 0.0, "k2hpo4"))
    coarse = meshes.resample(calibrated, 3.0)
    mask = np.asarray(meshes.resample_onto(body, coarse, order=0, fill=0).values) > 0
    mask = meshes.largest_component(mask)
    density = jnp.asarray(np.maximum(np.asarray(coarse.values, float)[mask], 0.0))
    *model, height = vertebra(density, mask, 3.0)
    curve, _ = force_displacement_checked(*model, SURFACE, np.linspace(0, 1, 16)[1:], rtol=1e-5)
    read = nonlinear_strength(curve, height)
    assert 1_000 < float(read.yield_n) < float(read.stated_n) < 10_000


@pytest.mark.slow
def test_real_trabecular_bone_yields_near_its_tissue(shared_data):
    """LHDL 50^3: its yield strain is 5 to 25 % below that of a bar of its tissue, 0.0081 + 0.002 / 0.95

    Bayraktar, Keaveny 2004, J Biomech 37:1671: 14 % below in compression, human femoral neck.
    """
    with np.load(shared_data / "trab_human_lhdl3155_mask_50.npz") as stored:
        size = float(stored["voxel_mm"])
        if "mask" in stored:
            mask = stored["mask"].astype(bool)
        else:
            shape = tuple(stored["shape"])
            bits = np.unpackbits(stored["bits"])[: np.prod(shape)].reshape(shape)
            mask = bits.astype(bool).transpose(2, 1, 0)
    plan = make_plan(mask, size, load_case("axial", strain=-0.015))
    modulus = jnp.full(int(mask.sum()), 10e3)
    curve, _ = force_displacement_checked(
        modulus,
        TISSUE_YIELD_STRAIN * modulus,
        plan,
        YIELD_SURFACES["bone-tissue"],
        np.linspace(0, 1, 13)[1:],
        rtol=1e-5,
    )
    read = nonlinear_strength(curve, mask.shape[2] * size)
    # the linear stiffness: 126.28736 N at 1 % (see test_microct)
    assert float(read.stiffness_n_per_mm) * 0.01 * mask.shape[2] * size == pytest.approx(126.28736, rel=1e-4)
    bar = TISSUE_YIELD_STRAIN + 0.002 / 0.95
    assert 0.75 * bar < float(read.yield_strain) < 0.95 * bar
