"""The elastoplastic law at one material point: closed forms, invariances, thermodynamics, tangent."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fem import (
    YIELD_SURFACES,
    isotropic,
    make_yield_surface,
    return_mapping,
    stiffness_matrix,
    transversely_isotropic,
    yield_value,
)

MODULUS, YIELD = 800.0, 6.0
TISSUE = YIELD_SURFACES["bone-tissue"]
CANCELLOUS = YIELD_SURFACES["vertebral-cancellous"]
MISES = make_yield_surface(tension_over_compression=1.0, interaction=0.5, hardening=0.01)
SURFACES = pytest.mark.parametrize(
    "surface", [TISSUE, CANCELLOUS, MISES], ids=["tissue", "cancellous", "mises"]
)
MATERIALS = pytest.mark.parametrize(
    "material", [isotropic(), isotropic(0.0), transversely_isotropic()], ids=["0.3", "0", "transverse"]
)


@partial(jax.jit, static_argnums=(2, 3))
def update(strain, history, material, surface):
    """Stress and history of material points, strain (..., 6)."""
    return return_mapping(strain, history, MODULUS, YIELD, material, surface)


@partial(jax.jit, static_argnums=(2, 3))
def tangent_of(strain, history, material, surface):
    """Consistent tangent (6, 6)."""
    return jax.jacfwd(lambda s: return_mapping(s, history, MODULUS, YIELD, material, surface)[0])(strain)


def rotation(rng):
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return turn * np.linalg.det(turn)


def rotated(vector, turn, *, shear):
    """A symmetric tensor xx yy zz yz xz xy turned; `shear` is 2 for engineering strains, 1 for stresses."""
    x, y, z, yz, xz, xy = vector / np.array([1, 1, 1, shear, shear, shear])
    tensor = turn @ np.array([[x, xy, xz], [xy, y, yz], [xz, yz, z]]) @ turn.T
    flat = np.array([tensor[0, 0], tensor[1, 1], tensor[2, 2], tensor[1, 2], tensor[0, 2], tensor[0, 1]])
    return flat * np.array([1, 1, 1, shear, shear, shear])


@partial(jax.jit, static_argnums=(1, 2))
def uniaxial(axial, surface, material):
    """Stress along z of a bar with free sides at growing strains (steps,), by Newton for the lateral ones."""

    def increment(carry, axial):
        strain, history = carry
        strain = strain.at[2].set(axial)

        def newton(_, strain):
            stress = return_mapping(strain, history, MODULUS, YIELD, material, surface)[0]
            tangent = tangent_of(strain, history, material, surface)
            return strain.at[:2].add(-jnp.linalg.solve(tangent[:2, :2], stress[:2]))

        strain = jax.lax.fori_loop(0, 12, newton, strain)
        stress, history = return_mapping(strain, history, MODULUS, YIELD, material, surface)
        return (strain, history), stress[2]

    return jax.lax.scan(increment, (jnp.zeros(6), jnp.zeros(7)), axial)[1]


@SURFACES
def test_a_bar_yields_at_its_yield_stress_in_tension_and_in_compression(surface):
    """f(-y-) = f(q y-) = 0 along any axis; half of it lies inside"""
    for axis in range(3):
        for stress in (-YIELD, surface.tension_over_compression * YIELD):
            vector = np.zeros(6)
            vector[axis] = stress
            assert float(yield_value(vector, YIELD, surface)) == pytest.approx(0.0, abs=1e-12)
            assert float(yield_value(vector / 2, YIELD, surface)) < 0


@SURFACES
def test_shear_yields_at_the_stress_of_the_quadric(surface):
    """t = y- / (A sqrt(2 (1 + z))), A = (1 / q + 1) / 2"""
    mean = (1 / surface.tension_over_compression + 1) / 2
    stress = YIELD / (mean * np.sqrt(2 * (1 + surface.interaction)))
    vector = np.zeros(6)
    vector[4] = stress
    assert float(yield_value(vector, YIELD, surface)) == pytest.approx(0.0, abs=1e-12)
    strain = jnp.zeros(6).at[4].set(stress / MODULUS * 2.6)
    below, _ = update(0.999 * strain, jnp.zeros(7), isotropic(), surface)
    assert float(below[4]) == pytest.approx(0.999 * stress, rel=1e-12)
    beyond, history = update(1.2 * strain, jnp.zeros(7), isotropic(), surface)
    assert float(beyond[4]) < 1.1 * stress
    assert float(history[6]) > 0


def test_the_surface_of_von_mises_is_that_of_von_mises(rng):
    """f = sqrt(3 J2) / y - 1 for q = 1, z = 1/2"""
    stress = rng.normal(size=(50, 6)) * YIELD
    deviator = stress[:, :3] - stress[:, :3].mean(axis=1, keepdims=True)
    j2 = (deviator**2).sum(axis=1) / 2 + (stress[:, 3:] ** 2).sum(axis=1)
    np.testing.assert_allclose(yield_value(stress, YIELD, MISES), np.sqrt(3 * j2) / YIELD - 1, rtol=1e-12)


@SURFACES
@pytest.mark.parametrize("sign", [-1, 1], ids=["compression", "tension"])
def test_a_bar_hardens_with_the_stated_modulus_after_yield(surface, sign):
    """Compression: s = y- + b E (e - ey). Tension: the slope is q^2 H / (1 + q^2 H) E, H = b / (1 - b)"""
    ratio = surface.tension_over_compression if sign > 0 else 1.0
    start = ratio * YIELD
    end = 3 * start / MODULUS
    hardening = ratio**2 * surface.hardening / (1 - surface.hardening)
    modulus = MODULUS * hardening / (1 + hardening)
    strain = np.linspace(0, end, 41)[1:]
    stress = uniaxial(jnp.asarray(sign * strain), surface, isotropic())
    expected = np.where(
        strain < start / MODULUS, MODULUS * strain, start + modulus * (strain - start / MODULUS)
    )
    np.testing.assert_allclose(sign * stress, expected, rtol=1e-9)


@SURFACES
@MATERIALS
def test_after_any_increment_the_stress_lies_in_the_grown_domain(surface, material, rng):
    """f(s / r) <= 0, and = 0 where it flowed; r = 1 + H k / ey"""
    strain = rng.normal(size=(300, 6)) * 0.02 * rng.uniform(0.1, 3, (300, 1))
    stress, history = update(jnp.asarray(strain), jnp.zeros((300, 7)), material, surface)
    hardening = surface.hardening / (1 - surface.hardening)
    size = 1 + hardening * history[:, 6] * MODULUS / YIELD
    value = np.asarray(yield_value(stress, YIELD * size, surface))
    flown = np.asarray(history[:, 6] > 0)
    assert flown.any()
    assert not flown.all()
    # for a nearly hydrostatic stress f of von Mises is a small difference of large numbers
    assert np.abs(value[flown]).max() < 1e-8
    assert (value[~flown] <= 0).all()
    elastic = (strain - np.asarray(history[:, :6])) @ stiffness_matrix(material) * MODULUS
    np.testing.assert_allclose(stress, elastic, atol=1e-11 * MODULUS)


@SURFACES
def test_the_law_does_not_know_directions(surface, rng):
    """s(Q e Q') = Q s(e) Q', isotropic elasticity"""
    for _ in range(5):
        turn = rotation(rng)
        strain = rng.normal(size=6) * 0.02
        stress, history = update(jnp.asarray(strain), jnp.zeros(7), isotropic(), surface)
        other, turned = update(
            jnp.asarray(rotated(strain, turn, shear=2)), jnp.zeros(7), isotropic(), surface
        )
        np.testing.assert_allclose(other, rotated(np.asarray(stress), turn, shear=1), atol=1e-11)
        np.testing.assert_allclose(turned[:6], rotated(np.asarray(history[:6]), turn, shear=2), atol=1e-13)
        assert float(turned[6]) == pytest.approx(float(history[6]), rel=1e-10)


@SURFACES
@MATERIALS
def test_the_consistent_tangent_is_symmetric_positive_and_the_difference_quotient(surface, material, rng):
    """C = C', eigenvalues above 0; C d = (s(e + h d) - s(e - h d)) / 2 h"""
    history = jnp.zeros(7)
    for strain in rng.normal(size=(6, 6)) * 0.02:
        tangent = np.asarray(tangent_of(jnp.asarray(strain), history, material, surface))
        np.testing.assert_allclose(tangent, tangent.T, atol=1e-10)
        assert np.linalg.eigvalsh(tangent).min() > 0
        along, h = rng.normal(size=6), 1e-7
        plus, minus = (update(strain + t * along, history, material, surface)[0] for t in (h, -h))
        np.testing.assert_allclose(tangent @ along, (plus - minus) / (2 * h), atol=1e-5 * MODULUS)
        history = update(jnp.asarray(strain), history, material, surface)[1]


def test_plastic_work_is_never_negative(rng):
    """s . dep >= 0 and dk >= 0 along a random walk with reversals"""
    history, strain = jnp.zeros(7), np.zeros(6)
    flown = 0
    for _ in range(200):
        strain = 0.9 * strain + rng.normal(size=6) * 0.004
        stress, after = update(jnp.asarray(strain), history, isotropic(), TISSUE)
        assert float(jnp.vdot(stress, after[:6] - history[:6])) >= -1e-15
        assert float(after[6]) >= float(history[6])
        flown += float(after[6]) > float(history[6])
        history = after
    assert 20 < flown < 200


def test_unloading_is_elastic():
    """ds = E D de on the way back"""
    out = jnp.array([0.004, 0.004, -0.02, 0.001, 0, 0])
    stress, history = update(out, jnp.zeros(7), isotropic(), TISSUE)
    back, same = update(0.9 * out, history, isotropic(), TISSUE)
    np.testing.assert_allclose(back - stress, -0.1 * MODULUS * stiffness_matrix(isotropic()) @ out, rtol=1e-9)
    np.testing.assert_allclose(same, history, rtol=1e-14, atol=1e-18)


def test_scaling_the_yield_stress_scales_stress_and_strain():
    """s(c e; c y) = c s(e; y)"""
    strain = jnp.array([0.002, -0.01, -0.015, 0.004, 0.01, -0.003])
    stress, _ = update(strain, jnp.zeros(7), isotropic(), TISSUE)
    other, _ = return_mapping(3 * strain, jnp.zeros(7), MODULUS, 3 * YIELD, isotropic(), TISSUE)
    np.testing.assert_allclose(other, 3 * stress, rtol=1e-11)


def test_the_stress_has_exact_derivatives_by_modulus_yield_stress_and_history(rng):
    """d s / d(E, y, history) in a direction, against differences"""
    strain = jnp.asarray(rng.normal(size=(20, 6)) * 0.02)
    history = update(0.6 * strain, jnp.zeros((20, 7)), isotropic(), TISSUE)[1]
    along = jnp.asarray(rng.normal(size=history.shape) * 1e-3)

    @jax.jit
    def stress(t):
        return return_mapping(
            strain, history + t * along, MODULUS * (1 + 0.3 * t), YIELD * (1 - 0.2 * t), isotropic(), TISSUE
        )[0]

    _, slope = jax.jvp(stress, (0.0,), (1.0,))
    np.testing.assert_allclose(slope, (stress(1e-6) - stress(-1e-6)) / 2e-6, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"tension_over_compression": 0.0}, "tension_over_compression"),
        ({"tension_over_compression": 0.5, "interaction": 0.4}, "interaction"),
        ({"tension_over_compression": 0.9, "interaction": -0.6}, "interaction"),
        ({"tension_over_compression": 0.9, "hardening": 0.0}, "hardening"),
    ],
)
def test_a_surface_that_is_not_one_is_refused(numbers, words):
    """the argument is named"""
    with pytest.raises(ValueError, match=words):
        make_yield_surface(**numbers)
