"""Power of two arms: textbook values, the noncentral t distribution, and trials that are run."""

import numpy as np
import pytest
from scipy import stats

import calibration


@pytest.mark.parametrize(("effect", "persons"), [(0.2, 393), (0.5, 64), (0.8, 26)])
def test_persons_are_those_of_cohens_table(effect, persons):
    """Cohen 1992, table 2: persons in each arm for 80 % power at 0.05, effect in standard deviations."""
    assert calibration.needed_persons(0.8, effect, 1.0, 1.0) == pytest.approx(persons, abs=1)


@pytest.mark.parametrize(
    "case", [(1.2, 1.0, 2.0, 12), (3.0, 1.0, 1.0, 4), (0.1, 1.0, 0.5, 300), (1.0, 2.0, 1.0, 3)]
)
def test_power_is_that_of_the_noncentral_t_distribution(case):
    """Unequal spreads, with Satterthwaite's degrees of freedom, where scipy's series converges."""
    difference, sd, other, persons = case
    first, second = sd**2 / persons, other**2 / persons
    freedom = (first + second) ** 2 * (persons - 1) / (first**2 + second**2)
    critical, shift = stats.t.ppf(0.975, freedom), difference / np.sqrt(first + second)
    expected = stats.nct.sf(critical, freedom, shift) + stats.nct.cdf(-critical, freedom, shift)
    assert calibration.welch_power(difference, sd, other, persons) == pytest.approx(expected, abs=1e-5)


def test_power_of_no_effect_is_the_level_and_of_a_huge_one_is_one():
    """In either direction; arguments broadcast."""
    power = calibration.welch_power(np.array([0.0, 50.0, -50.0]), 1.0, 1.0, [[10.0], [1000.0]], alpha=0.1)
    np.testing.assert_allclose(power, [[0.1, 1.0, 1.0]] * 2, atol=1e-5)


def test_needed_persons_are_the_fewest():
    """One fewer does not suffice; nothing suffices for no effect; two do for a huge one."""
    needed = calibration.needed_persons(0.8, 0.5, 1.0, 1.0)
    assert needed == 64
    assert (
        calibration.welch_power(0.5, 1.0, 1.0, needed)
        >= 0.8
        > calibration.welch_power(0.5, 1.0, 1.0, needed - 1)
    )
    assert calibration.needed_persons(0.8, 0.0, 1.0, 1.0) is None
    assert calibration.needed_persons(0.8, 100.0, 1.0, 1.0) == 2
    with pytest.raises(ValueError, match=r"`power` must be above 0\.05 and below 1, got 1"):
        calibration.needed_persons(1.0, 0.5, 1.0, 1.0)


@pytest.fixture(scope="module")
def cohort():
    """Values of people under treatment and reference: skewed, and none."""
    generator = np.random.default_rng(1)
    return 4.0 * generator.lognormal(-0.1, 0.5, 5000), np.zeros(5000)


@pytest.mark.parametrize("stay", [1.0, 0.7])
def test_simulated_trials_find_what_the_distribution_says(cohort, stay):
    """Within four standard errors, with people who leave counted by their mean number."""
    treated, reference = cohort
    run = calibration.simulate_trials(
        np.random.default_rng(0), treated, reference, noise_sd=4.0, persons=30, trials=4000, stay=stay
    )
    expected = calibration.welch_power(treated.mean(), np.hypot(treated.std(), 4.0), 4.0, 30 * stay)
    assert abs(run.power - expected) < 4 * run.power_error + 0.005
    assert run.persons == pytest.approx(30 * stay, rel=0.02)
    assert run.difference.mean() == pytest.approx(treated.mean(), abs=0.1)


def test_the_test_is_welchs(cohort):
    """A trial of everybody measured has the P value of scipy on the same numbers, on either side of it."""
    treated, reference = cohort
    found = {}
    for alpha in (0.01, 0.05, 0.2):
        run = calibration.simulate_trials(
            np.random.default_rng(3), treated, reference, noise_sd=6.0, persons=12, trials=300, alpha=alpha
        )
        found[alpha] = run.power
    generator = np.random.default_rng(3)
    arms = []
    for values in (treated, reference):
        who = generator.integers(len(values), size=(300, 12))
        arms.append(values[who] + 6.0 * generator.standard_normal((300, 12)))
        generator.random((300, 12))
    p = stats.ttest_ind(*arms, axis=1, equal_var=False).pvalue
    assert found == {alpha: pytest.approx(np.mean(p < alpha)) for alpha in found}


def test_many_persons_are_followed_in_pieces(cohort, monkeypatch):
    """What bounds memory does not change how many trials are run, nor their spread."""
    monkeypatch.setattr("calibration._trial_power._MOST_AT_ONCE", 100)
    run = calibration.simulate_trials(np.random.default_rng(0), *cohort, noise_sd=4.0, persons=30, trials=500)
    assert run.difference.shape == (500,)
    assert run.difference.std() == pytest.approx(np.sqrt((cohort[0].var() + 32.0) / 30), rel=0.12)


def test_arms_of_nobody_find_nothing(cohort):
    """Nearly all leave: no error, no finding."""
    run = calibration.simulate_trials(
        np.random.default_rng(0), *cohort, noise_sd=1.0, persons=2, trials=200, stay=0.01
    )
    assert run.power == 0.0


def test_numbers_out_of_range_are_refused(cohort):
    """One person, no trial, nobody who stays."""
    generator = np.random.default_rng(0)
    with pytest.raises(
        ValueError, match="`persons` must be at least 2 and `trials` at least 1, got 1 and 10"
    ):
        calibration.simulate_trials(generator, *cohort, noise_sd=1.0, persons=1, trials=10)
    with pytest.raises(ValueError, match="`stay` must be above 0 and at most 1, got 0"):
        calibration.simulate_trials(generator, *cohort, noise_sd=1.0, persons=5, stay=0.0)
