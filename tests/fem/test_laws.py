"""Density laws: the published numbers, and what every law must have."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fem import DENSITY_LAWS, density_law

every_law = pytest.mark.parametrize("law", DENSITY_LAWS.values(), ids=DENSITY_LAWS)
with_yield = [law for law in DENSITY_LAWS.values() if law.yield_stress is not None]
every_yield = pytest.mark.parametrize("law", with_yield, ids=[law.name for law in with_yield])

PUBLISHED = {
    "kopperdahl-2002": lambda rho: -34.7 + 3230 * rho,
    "kopperdahl-2002-power": lambda rho: 2980 * rho**1.05,
    "crawford-2003": lambda rho: -34.7 + 3230 * rho,
    "morgan-2003": lambda rho: 4730 * rho**1.56,
    "keller-1994": lambda rho: 1890 * rho**1.92,
    "kopperdahl-keaveny-1998": lambda rho: -80 + 2100 * rho,
    "keaveny-1997": lambda rho: -58 + 1540 * rho,
}


@every_law
def test_a_law_meets_its_published_equation_where_it_is_well_above_the_floor(law):
    """E(rho) as published, in the upper part of the valid range"""
    density = jnp.linspace(0.5 * (law.valid_from + law.valid_to), law.valid_to, 7)
    expected = np.array([PUBLISHED[law.name](float(rho)) for rho in density])
    assert np.allclose(law.modulus_mpa(density), expected, rtol=1e-6)


@every_law
def test_a_law_stays_positive_increasing_and_finite_from_air_to_solid_bone(law):
    """E > 0, dE/drho >= 0 for -0.2 <= rho <= 2 g/cm3, strictly above zero in the valid range"""
    density = jnp.linspace(-0.2, 2.0, 400)
    modulus = law.modulus_mpa(density)
    slope = jax.vmap(jax.grad(law.modulus_mpa))(density)
    assert bool(jnp.all(jnp.isfinite(modulus) & (modulus > 0)))
    assert bool(jnp.all(jnp.diff(modulus) >= 0))
    assert bool(jnp.all(jnp.isfinite(slope) & (slope >= 0)))
    inside = (density >= law.valid_from) & (density <= law.valid_to)
    assert bool(jnp.all(slope[inside] > 1.0))


@every_law
@pytest.mark.parametrize("density", [0.01, 0.05, 0.1, 0.3, 1.1])
def test_the_derivative_of_a_law_is_its_difference_quotient(law, density):
    """dE/drho = (E(rho + d) - E(rho - d)) / 2 d"""
    step = 1e-6
    quotient = (law.modulus_mpa(density + step) - law.modulus_mpa(density - step)) / (2 * step)
    assert float(jax.grad(law.modulus_mpa)(density)) == pytest.approx(float(quotient), rel=1e-5, abs=1e-4)


@every_law
def test_a_law_keeps_single_precision(law):
    """dtype follows the input"""
    density = jnp.array([-0.3, 0.0, 0.1, 1.0], jnp.float32)
    slope = jax.vmap(jax.grad(law.modulus_mpa))(density)
    assert law.modulus_mpa(density).dtype == jnp.float32
    assert bool(jnp.all(jnp.isfinite(slope)))


@every_law
def test_a_law_names_its_equation_its_density_its_range_and_its_source(law):
    """what a report prints"""
    assert law.density_type in law.equation
    assert law.density_type in {"k2hpo4", "ash", "apparent"}
    assert 0 < law.valid_from < law.valid_to
    assert law.citation
    assert law.range_source
    assert hash(law) == hash(density_law(law.name))


@every_law
def test_densities_outside_the_range_are_counted(law):
    """sum(rho < lower or rho > upper)"""
    density = jnp.array([law.valid_from - 0.01, law.valid_from, law.valid_to, law.valid_to + 0.01, 1.5])
    assert int(law.out_of_range(density)) == 3


@every_yield
def test_yield_stress_is_below_a_twentieth_of_the_modulus_and_positive(law):
    """yield strains of cancellous bone are around 0.8 %"""
    density = jnp.linspace(0.08, law.valid_to, 9)
    strain = law.yield_stress_mpa(density) / law.modulus_mpa(density)
    assert bool(jnp.all((strain > 0.003) & (strain < 0.012)))
    assert bool(jnp.all(law.yield_stress_mpa(jnp.linspace(-0.2, 0.05, 9)) > 0))


def test_yield_stress_of_kopperdahl_is_as_published():
    """sigma_y = -0.75 + 24.9 rho and 37.4 rho^1.39"""
    linear, power = density_law("kopperdahl-2002"), density_law("kopperdahl-2002-power")
    assert float(linear.yield_stress_mpa(0.15)) == pytest.approx(-0.75 + 24.9 * 0.15, rel=1e-9)
    assert float(power.yield_stress_mpa(0.15)) == pytest.approx(37.4 * 0.15**1.39, rel=1e-9)


def test_a_law_without_yield_stress_says_which_have_one():
    """ValueError"""
    with pytest.raises(ValueError, match="kopperdahl-2002"):
        density_law("morgan-2003").yield_stress_mpa(0.2)


def test_an_unknown_law_is_refused_with_the_list():
    """ValueError"""
    with pytest.raises(ValueError, match="`name` must be a density law, one of kopperdahl-2002"):
        density_law("kopperdhal-2002")
