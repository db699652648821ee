"""Strength estimates: scaling, order statistics, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fem import ElementFields, minimum_axial_rigidity, strength_crawford, strength_pistoia


def sed_of(strain, modulus):
    return 0.5 * modulus * strain**2


def test_pistoia_of_a_uniform_strain_scales_to_the_critical_strain():
    """F 0.007 / e"""
    modulus = jnp.full(50, 1000.0)
    sed = sed_of(jnp.full(50, 0.001), modulus)
    assert float(strength_pistoia(sed, modulus, -30.0)) == pytest.approx(30.0 * 7.0, rel=1e-12)


def test_at_the_pistoia_load_two_percent_of_the_volume_exceed_the_critical_strain(rng):
    """share(e F_max / F > 0.007) = 0.02"""
    strain = rng.lognormal(-7.0, 0.6, 10_000)
    modulus = rng.uniform(100.0, 20_000.0, 10_000)
    strength = strength_pistoia(jnp.asarray(sed_of(strain, modulus)), jnp.asarray(modulus), 100.0)
    share = np.mean(strain * float(strength) / 100.0 > 0.007)
    assert share == pytest.approx(0.02, abs=1e-4)


def test_pistoia_counts_the_bone_alone(rng):
    """elements outside `bone`, such as caps, do not matter"""
    modulus = jnp.full(1000, 500.0)
    strain = rng.lognormal(-7.0, 0.5, 1000)
    bone = jnp.arange(0, 1000, 2)
    strong = strain.copy()
    strong[1::2] *= 50
    expected = strength_pistoia(jnp.asarray(sed_of(strain, 500.0)), modulus, 1.0, bone=bone)
    measured = strength_pistoia(jnp.asarray(sed_of(strong, 500.0)), modulus, 1.0, bone=bone)
    assert float(measured) == pytest.approx(float(expected), rel=1e-12)
    everything = strength_pistoia(jnp.asarray(sed_of(strong, 500.0)), modulus, 1.0)
    assert float(everything) < 0.5 * float(expected)


def test_pistoia_takes_the_energy_it_is_told_to_take():
    """F 0.007 / sqrt(2 w / E), w at the centroid or the mean"""
    modulus, empty = jnp.full(50, 1000.0), jnp.zeros((50, 6))
    at_centroid, mean = (sed_of(jnp.full(50, strain), modulus) for strain in (0.001, 0.002))
    fields = ElementFields(empty, empty, sed_mean=mean, sed_centroid=at_centroid, effective_strain=mean)
    assert float(strength_pistoia(fields, modulus, 30.0)) == pytest.approx(210.0, rel=1e-12)
    assert float(strength_pistoia(fields, modulus, 30.0, energy="mean")) == pytest.approx(105.0, rel=1e-12)
    with pytest.raises(ValueError, match="energy"):
        strength_pistoia(fields, modulus, 30.0, energy="largest")


def test_pistoia_does_not_depend_on_the_size_of_the_load(rng):
    """linear: F and e scale together, a reversed load has the same strength"""
    modulus = jnp.full(400, 800.0)
    strain = jnp.asarray(rng.lognormal(-7.0, 0.5, 400))
    once = strength_pistoia(sed_of(strain, modulus), modulus, -10.0)
    thrice = strength_pistoia(sed_of(3 * strain, modulus), modulus, 30.0)
    assert float(once) == pytest.approx(float(thrice), rel=1e-12)


def test_the_gradient_of_the_pistoia_strength_is_its_difference_quotient(rng):
    """d F_max / d SED in a direction"""
    modulus = jnp.asarray(rng.uniform(500.0, 900.0, 333))
    sed = sed_of(jnp.asarray(rng.lognormal(-7.0, 0.5, 333)), modulus)
    along = sed * jnp.asarray(rng.normal(size=333))

    def strength(step):
        return strength_pistoia(sed + step * along, modulus, 5.0)

    quotient = (strength(1e-6) - strength(-1e-6)) / 2e-6
    assert float(jax.grad(strength)(0.0)) == pytest.approx(float(quotient), rel=1e-6)


def test_an_unloaded_element_has_a_finite_gradient():
    """sqrt(2 SED / E) at SED = 0"""
    modulus = jnp.full(100, 700.0)
    sed = jnp.linspace(0.0, 1e-3, 100)
    gradient = jax.grad(lambda s: strength_pistoia(s, modulus, 1.0))(sed)
    assert bool(jnp.all(jnp.isfinite(gradient)))


def test_crawford_strength_is_proportional_to_stiffness_and_height():
    """F = 0.0068 K H"""
    assert float(strength_crawford(20_000.0, 25.0)) == pytest.approx(3400.0)
    slope = jax.grad(strength_crawford)(20_000.0, 25.0)
    assert float(slope) == pytest.approx(0.0068 * 25.0)


def test_minimum_axial_rigidity_is_that_of_the_weakest_layer():
    """min over z of sum E h^2"""
    modulus = jnp.array([100.0, 200.0, 50.0, 40.0, 300.0])
    layer = jnp.array([0, 0, 1, 1, 2])
    assert float(minimum_axial_rigidity(modulus, layer, 3, 2.0)) == pytest.approx(90.0 * 4.0)
