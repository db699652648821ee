"""What tomography of one energy reads of bone that holds fatty marrow."""

import jax
import jax.numpy as jnp
import numpy as np

import calibration
from calibration._marrow_fat import FAT_MG_CM3, LEAN_MG_CM3
from meshes._attenuation import equivalent_density_mg_cm3, linear_attenuation


def test_the_densities_of_marrow_are_those_of_its_attenuation():
    """Fat and muscle at 70 keV as hydroxyapatite in water, tables of NISTIR 5632, to 1 mg/cm3."""
    for tissue, density in (("fat", FAT_MG_CM3), ("muscle", LEAN_MG_CM3)):
        np.testing.assert_allclose(density, equivalent_density_mg_cm3(tissue, 70.0), atol=1.0)


def test_two_energies_leave_two_fifths_of_the_error():
    """DXA at 40 and 70 keV: what fat in place of muscle looks like as mineral, soft tissue cancelled."""
    low, high = 40.0, 70.0

    def as_mineral(soft: str, mineral: str = "ha") -> float:
        """(mu_L - R mu_H) of a tissue less that of muscle, R = mu_L / mu_H of muscle."""
        ratio = linear_attenuation(soft, low) / linear_attenuation(soft, high)
        return linear_attenuation(mineral, low) - ratio * linear_attenuation(mineral, high)

    per_g = as_mineral("muscle") / 3.16  # of hydroxyapatite, whose crystal has 3.16 g/cm3
    error = 1000.0 * as_mineral("muscle", "fat") / per_g
    np.testing.assert_allclose(error / (FAT_MG_CM3 - LEAN_MG_CM3), 0.4, atol=0.05)


def test_the_reading_of_a_mean_is_the_mean_of_readings():
    """rho + (1 - rho / 1100) m is linear in rho."""
    density = jnp.array([50.0, 120.0, 310.0])
    mean = calibration.single_energy_density(density, jnp.asarray(0.4)).mean()
    np.testing.assert_allclose(
        calibration.single_energy_density(density.mean(), jnp.asarray(0.4)), mean, rtol=1e-12
    )


def test_bone_without_marrow_reads_as_it_is():
    """At 1100 mg/cm3 nothing is left for marrow."""
    read = calibration.single_energy_density(jnp.asarray(1100.0), jnp.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(read, 1100.0, rtol=1e-12)


def test_one_energy_reads_less_as_was_seen():
    """17.6 % less than with two energies (Sfeir 2018); here 8 to 18 % at 100 to 140 mg/cm3."""
    density = jnp.array([100.0, 140.0])
    less = 1.0 - calibration.single_energy_density(density, jnp.asarray(0.45)) / density
    assert np.all((np.asarray(less) > 0.08) & (np.asarray(less) < 0.18))


def test_derivatives_equal_finite_differences():
    """d(reading) / d(density, fat), central differences, to 1e-8."""
    at = (jnp.asarray(120.0), jnp.asarray(0.45))
    gradient = jax.grad(calibration.single_energy_density, argnums=(0, 1))(*at)
    for place, step in ((0, 1e-3), (1, 1e-5)):
        ends = [
            calibration.single_energy_density(*at[:place], at[place] + sign * step, *at[place + 1 :])
            for sign in (1, -1)
        ]
        np.testing.assert_allclose(gradient[place], (ends[0] - ends[1]) / (2 * step), rtol=1e-8)
