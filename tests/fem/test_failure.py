"""Readings of a force-displacement curve whose answers are known by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fem import FailureCurve, nonlinear_strength

HEIGHT = 20.0


def curve_of(strain, force, stiffness=50.0, volume=None):
    """A curve in compression; stiffness in N/mm."""
    strain, force = jnp.asarray(strain, float), jnp.asarray(force, float)
    empty = jnp.zeros(0)
    volume = jnp.zeros_like(force) if volume is None else jnp.asarray(volume, float)
    return FailureCurve(
        displacement_mm=-HEIGHT * strain,
        force_n=-force,
        stiffness_n_per_mm=jnp.asarray(stiffness),
        yielded_share=empty,
        yielded_volume=volume,
        stored_n_mm=empty,
        dissipated_n_mm=empty,
        displacement=empty,
        history=empty,
    )


def test_the_offset_line_meets_a_straight_plateau_where_geometry_says():
    """F = K h (e - 0.002) = 8 + 100 (e - 0.008): e = 0.0102222, F = 8.2222 with K h = 1000"""
    strain = np.linspace(0, 0.02, 21)[1:]
    force = np.where(strain < 0.008, 1000 * strain, 8 + 100 * (strain - 0.008))
    read = nonlinear_strength(curve_of(strain, force), HEIGHT)
    assert float(read.yield_strain) == pytest.approx((8 - 0.8 + 2) / 900, rel=1e-12)
    assert float(read.yield_n) == pytest.approx(1000 * (9.2 / 900 - 0.002), rel=1e-12)
    assert float(read.stated_n) == pytest.approx(9.1, rel=1e-12)
    assert float(read.greatest_n) == pytest.approx(9.2, rel=1e-12)
    assert not bool(read.has_maximum)


def test_a_curve_that_falls_has_a_maximum():
    """the largest force and the mark"""
    read = nonlinear_strength(curve_of([0.005, 0.01, 0.015], [5, 8, 7]), HEIGHT)
    assert float(read.greatest_n) == 8
    assert bool(read.has_maximum)


def test_a_reading_beyond_the_curve_is_not_a_number():
    """an elastic curve meets no offset line, a short one no stated strain; the end of the curve counts"""
    read = nonlinear_strength(curve_of([0.002, 0.004], [2, 4]), HEIGHT)
    assert np.isnan(float(read.yield_n))
    assert np.isnan(float(read.stated_n))
    assert float(nonlinear_strength(curve_of([0.01, 0.019], [5, 6]), HEIGHT).stated_n) == pytest.approx(6.0)


def test_the_volume_that_flowed_is_read_at_the_yield_point():
    """straight between increments"""
    read = nonlinear_strength(curve_of([0.008, 0.012], [8, 8.4], volume=[0.0, 0.4]), HEIGHT)
    assert float(read.yield_strain) == pytest.approx((8 - 0.8 + 2) / 900)
    assert float(read.yield_volume) == pytest.approx(0.4 * (9.2 / 900 - 0.008) / 0.004)


def test_the_readings_have_exact_derivatives():
    """d yield / d(forces, stiffness) against differences"""
    strain = np.linspace(0, 0.02, 11)[1:]
    force = np.where(strain < 0.008, 1000 * strain, 8 + 100 * (strain - 0.008))

    def read(t):
        curve = curve_of(strain, force * (1 + 0.1 * t * jnp.cos(200 * strain)), 50.0 + t)
        answer = nonlinear_strength(curve, HEIGHT)
        return answer.yield_n + answer.stated_n + answer.yield_strain

    assert float(jax.grad(read)(0.0)) == pytest.approx(float(read(1e-5) - read(-1e-5)) / 2e-5, rel=1e-6)
