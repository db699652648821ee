"""What tomography of one energy reads of bone that holds fatty marrow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

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

    ratio = linear_attenuation("muscle", low) / linear_attenuation("muscle", high)

    def seen(tissue: str) -> float:
        """mu_L - R mu_H with R of muscle, which is not seen."""
        return linear_attenuation(tissue, low) - ratio * linear_attenuation(tissue, high)

    error = 3160.0 * seen("fat") / seen("ha")  # mg/cm3; the crystal of hydroxyapatite has 3160
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


def test_a_body_reads_as_its_parts():
    """% of the start of [share s, compact 1 - share of 400]; a leading axis is that of draws."""
    trabecular, fat = jnp.array([[120.0, 130.0], [120.0, 110.0]]), jnp.array([[0.45, 0.4], [0.45, 0.5]])
    body = 0.8 * trabecular + 0.2 * 400.0
    found = calibration.spine_qct_percent(body, trabecular, 0.8, fat)
    read = calibration.single_energy_density(trabecular, fat)
    for percent, density in zip(found, (read, 0.8 * read + 0.2 * 400.0), strict=True):
        np.testing.assert_allclose(percent, 100 * density / density[:, :1], rtol=1e-12)


def _last(body, trabecular, share, fat):
    return sum(percent[-1] for percent in calibration.spine_qct_percent(body, trabecular, share, fat))


@pytest.mark.parametrize(
    ("function", "at"),
    [
        (calibration.single_energy_density, (120.0, 0.45)),
        (_last, ([176.0, 190.0], [120.0, 130.0], 0.8, [0.45, 0.4])),
    ],
)
def test_derivatives_equal_finite_differences(function, at):
    """d(reading) by everything it is made of, central differences, to 1e-8."""
    at = tuple(jnp.asarray(value) for value in at)
    gradient = jax.grad(function, argnums=tuple(range(len(at))))(*at)
    for place, value in enumerate(at):
        for index in np.ndindex(value.shape):
            step = jnp.zeros_like(value).at[index].set(1e-5 * value[index])
            ends = [function(*at[:place], value + sign * step, *at[place + 1 :]) for sign in (1, -1)]
            numeric = (ends[0] - ends[1]) / (2 * step[index])
            np.testing.assert_allclose(gradient[place][index], numeric, rtol=1e-8)
