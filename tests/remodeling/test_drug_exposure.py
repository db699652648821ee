"""Exposure to the drugs of a prescription: fields, superposition, releases, sources."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r
from tests.drug_runs import EDGES, exposed, mean_concentration


def usual_dose(name):
    """A dose within the range of a drug, weekly."""
    low, high = r.DRUGS[name].dose_range_mg
    return r.Dose(name, float(np.sqrt(low * high)), every_days=7.0, start_day=3.4, stop_day=40.0)


def test_nothing_given_is_nothing():
    """All fields zero."""
    for value in jax.tree.leaves(exposed()):
        np.testing.assert_array_equal(value, 0.0)


@pytest.mark.parametrize("name", sorted(r.DRUGS))
def test_every_drug_acts_on_what_it_says_and_on_nothing_else(name):
    """Zero before the first dose, positive and finite after it, fields of its actions only."""
    given = exposed(usual_dose(name))
    acted = {action.field for action in r.DRUGS[name].actions}
    for field, value in vars(given).items():
        assert np.isfinite(value).all()
        if field in acted:
            np.testing.assert_array_equal(value[:3], 0.0)
            assert (np.asarray(value[3:40]) > 0).any()
            assert (np.asarray(value) >= -1e-12).all()
        else:
            np.testing.assert_array_equal(value, 0.0)


@pytest.mark.parametrize("name", sorted(r.DRUGS))
def test_every_number_of_a_drug_has_a_status_and_a_source(name):
    """Status measured, fitted or assumed; source and unit not empty."""
    drug = r.DRUGS[name]
    assert drug.numbers
    for number in drug.numbers:
        assert number.status in ("measured", "fitted", "assumed")
        assert number.source
        assert number.unit
    assert set(drug.assumed()) == {number for number in drug.numbers if number.status == "assumed"}
    np.testing.assert_allclose(sum(phase.share for phase in drug.phases) or 1.0, 1.0)


LINEAR = sorted(name for name, drug in r.DRUGS.items() if drug.saturable is None)


@pytest.mark.parametrize("name", LINEAR)
def test_mean_concentration_is_that_of_the_closed_form(name):
    """Carried from interval to interval = superposed closed form; even releases = many small doses."""
    drug = r.DRUGS[name]
    day, dose = jnp.array([-3.0, 0.0, 5.5, 20.0]), jnp.array([1.0, 2.0, 3.0, 4.0])
    got = mean_concentration(drug, day, dose, 70.0, EDGES)
    expected = 0.0
    for phase in drug.phases:
        amount = drug.absorbed * phase.share * dose
        if phase.release_days:
            parts = 4000
            offsets = (jnp.arange(parts) + 0.5) / parts * phase.release_days
            days = (day[:, None] + offsets).ravel()
            amount = amount * (phase.release_days if drug.dose_unit.endswith("/day") else 1.0)
            amount = jnp.repeat(amount / parts, parts)
        else:
            days = day
        clearance = drug.clearance_l_per_day * (70.0 if drug.per_kg else 1.0)
        scale = drug.unit_ng * phase.rates_per_day[-1] / clearance
        expected += scale * r.mean_amount_in_blood(EDGES, days, amount, phase.rates_per_day)
    np.testing.assert_allclose(got, expected, rtol=2e-3, atol=1e-6 * float(expected.max()))


@pytest.mark.parametrize("name", LINEAR)
def test_a_dose_is_what_is_cleared(name):
    """Clearance times area under the curve = absorbed dose, whatever the chain."""
    drug = r.DRUGS[name]
    slowest = min(min(phase.rates_per_day) for phase in drug.phases)
    end = 40.0 / slowest + max(phase.release_days for phase in drug.phases)
    edges = jnp.array([0.0, end])
    mean = mean_concentration(drug, jnp.array([0.0]), jnp.array([1.0]), 70.0, edges)
    clearance = drug.clearance_l_per_day * (70.0 if drug.per_kg else 1.0)
    days = drug.phases[0].release_days if drug.dose_unit.endswith("/day") else 1.0
    np.testing.assert_allclose(mean[0] * end * clearance / drug.unit_ng, drug.absorbed * days, rtol=1e-8)


def test_a_depot_outlasts_its_stop_and_denosumab_does_not_last():
    """Weeks after the stop: undecanoate and zoledronate are still there; denosumab and peptides are not."""
    edges = jnp.arange(0.0, 601.0)
    given = exposed(
        r.Dose("testosterone-undecanoate", 1000.0, every_days=70.0, stop_day=360.0),
        r.Dose("zoledronate", 5.0),
        r.Dose("denosumab", 60.0, every_days=180.0, stop_day=300.0),
        r.Dose("ipamorelin", 0.2, every_days=1.0, stop_day=360.0),
        edges=edges,
    )
    assert given.testosterone_ng_dl[390] > 0.3 * given.testosterone_ng_dl[359]
    assert given.bisphosphonate[590] > 0.3 * given.bisphosphonate[1]
    assert given.denosumab[590] < 0.05
    np.testing.assert_allclose(given.ghs_drive[362:], 0.0, atol=1e-8)


def test_missed_and_changed_doses_change_the_level():
    """A missed patch leaves a gap; a raised dose raises the level in proportion."""
    patch = r.Dose("estradiol-patch-twice-weekly", 0.05, every_days=3.5)
    whole, missed = exposed(patch), exposed(patch, missed_days=[28.0])
    assert float(missed.estradiol_pg_ml[30]) < 0.01 * float(whole.estradiol_pg_ml[30])
    np.testing.assert_allclose(missed.estradiol_pg_ml[40], whole.estradiol_pg_ml[40], rtol=1e-6)
    first = r.Dose("estradiol-oral", 1.0, every_days=1.0, stop_day=30.0)
    then = r.Dose("estradiol-oral", 2.0, every_days=1.0, start_day=30.0)
    level = exposed(first, then).estradiol_pg_ml
    np.testing.assert_allclose(level[55] / level[25], 2.0, rtol=1e-6)


@pytest.mark.parametrize("sex", ["men", "women"])
def test_inhibitors_of_aromatase_multiply(sex):
    """What two leave of the activity is the product of what each leaves."""
    lines = r.Dose("anastrozole", 0.5, every_days=2.0), r.Dose("letrozole", 0.5, every_days=3.0)
    left = [
        1.0 - getattr(exposed(*given), f"aromatase_inhibition_{sex}")
        for given in (lines, lines[:1], lines[1:])
    ]
    np.testing.assert_allclose(left[0], left[1] * left[2], rtol=1e-12)
    assert float(left[0][-1]) < min(float(left[1][-1]), float(left[2][-1]))
