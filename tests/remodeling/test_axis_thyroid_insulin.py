"""Thyroid and insulin: replacement, excess, lack, and conditions with dates."""

import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r
from tests.axis_runs import daily, for_days


def test_levothyroxine_adds_little_until_it_replaces_the_thyroid():
    """q = e + q^-6: half the need raises free T4 by a tenth, twice the need doubles it; TSH falls."""
    person = r.make_person(weight_kg=80.0)
    need = 1.2 * 80
    half, twice = (daily(person, 200, thyroxine_ug_per_day=f * need) for f in (0.5, 2.0))
    q = float(half.free_t4_ng_dl[-1]) / 1.2
    np.testing.assert_allclose(q, 0.5 + q**-6, rtol=1e-6)
    assert 1.05 < q < 1.15
    np.testing.assert_allclose(twice.free_t4_ng_dl[-1], 2.4, rtol=0.02)
    assert float(twice.tsh_miu_l[-1]) < 0.1 < float(half.tsh_miu_l[-1]) < 1.5


def test_full_replacement_makes_a_hypothyroid_person_euthyroid():
    """1.6 ug/kg/day by mouth, three quarters absorbed: free T4 0.4 to 1.2 ng/dL in weeks, TSH to normal."""
    person = r.make_person(free_t4_ng_dl=0.4, tsh_miu_l=60.0, weight_kg=80.0)
    levels = daily(person, 120, thyroxine_ug_per_day=1.6 * 80 * 0.75)
    np.testing.assert_allclose(levels.free_t4_ng_dl[-1], 1.2, rtol=0.05)
    assert 0.3 < float(levels.tsh_miu_l[-1]) < 4.0
    np.testing.assert_allclose(levels.free_t4_ng_dl[10], 1.2 - 0.8 * np.exp(-1.05), rtol=0.05)
    np.testing.assert_allclose(
        levels.thyroid_index, np.log(np.asarray(levels.free_t4_ng_dl) / 1.2), rtol=1e-9
    )


def test_thyrotoxicosis_lasts_from_its_start_to_its_cure():
    """Baseline index ln(3.6 / 1.2) until day 90, then the decay of free T4 with 10 days to normal."""
    sick = r.make_person(thyrotoxicosis=r.Thyrotoxicosis(free_t4_ng_dl=3.6, end_day=90.0))
    baseline = r.untreated_levels(sick, r.make_axis_parameters())
    np.testing.assert_allclose(baseline.thyroid_index, np.log(3.0), rtol=1e-12)
    levels = daily(sick, 200)
    np.testing.assert_allclose(levels.thyroid_index[:90], np.log(3.0), rtol=1e-6)
    np.testing.assert_allclose(levels.thyroid_index[-1], 0.0, atol=1e-4)
    free = np.asarray(levels.free_t4_ng_dl)
    np.testing.assert_allclose((free[110] - 1.2) / (free[100] - 1.2), np.exp(-1.0), rtol=1e-4)
    assert float(levels.tsh_miu_l[0]) < 0.1


def test_thyrotoxicosis_may_begin_during_the_simulation():
    """Untreated before day 30; near the toxic level 40 days later."""
    later = r.make_person(thyrotoxicosis=r.Thyrotoxicosis(free_t4_ng_dl=3.0, start_day=30.0))
    free = daily(later, 100).free_t4_ng_dl
    np.testing.assert_allclose(free[:30], 1.2, rtol=1e-9)
    np.testing.assert_allclose(free[70], 3.0, rtol=0.03)


def test_insulin_index_is_that_of_lack_and_replacement():
    """ln(0.1) without insulin, near 0 with what is missing replaced, 0 again when the deficiency is over."""
    lack = r.InsulinDeficiency(remaining=0.1, start_day=20.0, end_day=80.0)
    person = r.make_person(insulin_deficiency=lack)
    index = np.asarray(daily(person, 100, insulin_index=for_days(0.9, 50, 100)).insulin_index)
    np.testing.assert_allclose(index[:20], 0.0, atol=1e-9)
    np.testing.assert_allclose(index[20:50], np.log(0.91), atol=1e-9)
    np.testing.assert_allclose(index[50:80], np.log(0.1), atol=1e-9)
    np.testing.assert_allclose(index[80:], 0.0, atol=1e-9)


@pytest.mark.parametrize("given", [0.0, 0.5])
def test_own_insulin_makes_room_for_what_is_given(given):
    """A healthy person on half the need makes the other half."""
    index = daily(r.make_person(), 5, insulin_index=given).insulin_index
    np.testing.assert_allclose(index, 0.0, atol=1e-12)


def test_resistance_raises_insulin():
    """ln(1 / sensitivity)."""
    resistant = r.make_person(insulin_sensitivity=0.5)
    np.testing.assert_allclose(daily(resistant, 5).insulin_index, np.log(2.0), rtol=1e-12)
    baseline = r.untreated_levels(resistant, r.make_axis_parameters())
    np.testing.assert_allclose(baseline.insulin_index, jnp.log(2.0), rtol=1e-12)
