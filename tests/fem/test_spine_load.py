"""Force on a vertebra by a balance of moments, and its ratio to strength."""

import jax
import numpy as np
import pytest

from fem import ACTIVITIES, Activity, activity, load_to_strength, spine_load


def test_the_balance_of_moments_is_the_written_one():
    """C = g (m_u + m_h) cos t + g (m_u (0.02 cos t + 0.147 h sin t) + m_h r) / 0.06"""
    posture = Activity("test", 40.0, 5.0, 0.3, "")
    upper, turn = 0.525 * 70, np.deg2rad(40)
    moment = upper * (0.02 * np.cos(turn) + 0.147 * 1.7 * np.sin(turn)) + 5 * 0.3
    expected = 9.80665 * ((upper + 5) * np.cos(turn) + moment / 0.06)
    assert float(spine_load(70.0, 1.7, posture)) == pytest.approx(expected, rel=1e-12)


def test_forces_are_of_the_published_size():
    """80 kg, 1.75 m, L3: standing 0.4-0.7 kN, bent by 30 degrees 1-2 kN, lifting 20 kg 2-4.5 kN"""
    force = {name: float(spine_load(80.0, 1.75, posture)) for name, posture in ACTIVITIES.items()}
    assert 400 < force["standing"] < 700
    assert 1000 < force["flexion-30"] < 2000
    assert force["standing"] < force["carrying-10"] < force["lifting-20"]
    assert 2000 < force["lifting-20"] < 4500


def test_the_load_grows_downwards_and_with_the_person():
    """T12 < L1 < ... < L5; more mass, more height"""
    levels = ("T12", "L1", "L2", "L3", "L4", "L5")
    force = [float(spine_load(80.0, 1.75, activity("flexion-30"), level=level)) for level in levels]
    assert force == sorted(force)
    by_mass, by_height = jax.grad(spine_load, argnums=(0, 1))(80.0, 1.75, activity("flexion-30"))
    assert float(by_mass) > 0
    assert float(by_height) > 0


def test_the_ratio_is_load_over_strength():
    """3000 / 6000 = 1 / 2; its derivative is -1 / 2 per strength"""
    assert float(load_to_strength(3000.0, 6000.0)) == 0.5
    assert float(jax.grad(load_to_strength, argnums=1)(3000.0, 6000.0)) == pytest.approx(-0.5 / 6000)


def test_unknown_names_are_refused():
    """what there is, is listed"""
    with pytest.raises(ValueError, match="lifting-20"):
        activity("flying")
    with pytest.raises(ValueError, match="L3"):
        spine_load(80.0, 1.75, activity("standing"), level="S1")
