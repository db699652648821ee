"""Growth hormone, IGF-1 and secretagogues against published numbers."""

import numpy as np
import pytest

import remodeling as r
from tests.axis_runs import daily, for_days


def person(igf1: float, **given) -> r.Person:
    """A man, or whoever is given, with a measured IGF-1."""
    return r.make_person(igf1_ng_ml=igf1, **given)


@pytest.mark.parametrize("igf1", [25.0, 75.0, 180.0, 500.0])
@pytest.mark.parametrize("sex", ["male", "female"])
def test_untreated_igf1_is_the_measured_one(igf1, sex):
    """Kin and GH0 are matched: nothing moves in a year, also at the ends of the range."""
    levels = daily(person(igf1, sex=sex), 365)
    np.testing.assert_allclose(levels.igf1_ng_ml, igf1, rtol=1e-12)


def test_gh_gives_the_steady_state_of_papathanasiou():
    """I = (Kin0 + Emax GH / (EC50 + GH)) / k_out; a young man with 180 ng/mL has 0.7 ng/mL of GH."""
    levels = daily(person(180.0), 60, gh_ng_ml=1.2)
    gh = float(levels.gh_ng_ml[-1])
    np.testing.assert_allclose(levels.igf1_ng_ml[-1], (0.949 + 15.1 * gh / (2.13 + gh)) / 0.0262, rtol=1e-3)
    np.testing.assert_allclose(daily(person(180.0), 60).gh_ng_ml[0], 0.70, rtol=0.03)


def test_gh_replacement_lifts_a_deficient_adult_into_the_normal_range():
    """0.4 mg/day, 1.23 ng/mL at a clearance of 13.5 L/h: IGF-1 from 75 ng/mL to 150-300."""
    igf1 = float(daily(person(75.0), 90, gh_ng_ml=1.23).igf1_ng_ml[-1])
    assert 150 < igf1 < 300


def test_women_have_more_gh_at_the_same_igf1():
    """EC50 of women over that of men, 1.5; hence less IGF-1 from the same dose."""
    men, women = (
        daily(person(100.0, sex=sex, age_years=35.0), 60, gh_ng_ml=0.6) for sex in ("male", "female")
    )
    before = [float(daily(person(100.0, sex=sex), 60).gh_ng_ml[0]) for sex in ("male", "female")]
    np.testing.assert_allclose(before[1] / before[0], 1.5)
    assert float(women.igf1_ng_ml[-1]) < float(men.igf1_ng_ml[-1])


def test_one_dose_of_cjc_1295_raises_igf1_for_ten_days():
    """GH x2 to x10 for 6 days or more, IGF-1 x1.5 to x3 for 9 to 11 days (Teichman 2006): drive 0.4 with a
    half-life of 7 days.
    """
    drive = 0.4 * np.exp(-np.log(2) / 7.0 * (np.arange(40) + 0.5))
    levels = daily(person(180.0, age_years=35.0), 40, ghrh_drive=drive)
    gh = np.asarray(levels.gh_ng_ml) / 0.70
    igf1 = np.asarray(levels.igf1_ng_ml) / 180.0
    assert (gh[:6] > 2).all()
    assert gh.max() < 10
    assert 1.5 < igf1.max() < 3.0
    assert 9 <= (igf1 > 1.5).sum() <= 11
    assert 1.0 < igf1[28] < 1.2


def test_tesamorelin_raises_igf1_by_four_fifths():
    """+81 % at 26 weeks (Falutz 2007) at a mean drive of 0.35, without tachyphylaxis."""
    igf1 = np.asarray(daily(person(160.0), 182, ghrh_drive=0.35).igf1_ng_ml) / 160.0
    np.testing.assert_allclose(igf1[-1], 1.81, rtol=0.05)
    np.testing.assert_allclose(igf1[-1], igf1[20], rtol=0.01)


def test_mk_677_raises_igf1_of_older_women_by_two_fifths():
    """+39 to +45 % at 12 months (Murphy 2001) at a mean drive of 0.75; more in the first days."""
    older = person(110.0, sex="female", age_years=72.0)
    igf1 = np.asarray(daily(older, 365, ghs_drive=0.75).igf1_ng_ml) / 110.0
    assert 1.39 < igf1[-1] < 1.45
    assert igf1[5] > igf1[-1] + 0.05


def test_hexarelin_loses_its_effect_and_gets_it_back():
    """GH answer -31, -36, -45 % at weeks 1, 4, 16 and whole again 4 weeks after; no rise of IGF-1 to measure.

    A mean drive of 0.07: pulses twice daily are over most of the day.
    """
    older, days = person(110.0, age_years=70.0), 141
    assert float(daily(older, days, ghs_drive=0.07).igf1_ng_ml[112]) < 1.1 * 110.0
    open_loop = r.make_axis_parameters(gh_feedback=0.0)
    base = float(r.untreated_levels(older, open_loop).gh_ng_ml)
    answer = np.asarray(daily(older, days, open_loop, ghs_drive=0.07).gh_ng_ml) - base
    # Off from week 16 on, one more pulse at week 20.
    drive = for_days(0.07, 112, days)
    drive[140] = 0.07
    again = float(daily(older, days, open_loop, ghs_drive=drive).gh_ng_ml[140]) - base
    lost = 1 - answer / answer[0]
    assert 0.20 < lost[7] < 0.36
    assert 0.31 < lost[28] < 0.47
    np.testing.assert_allclose(lost[112], 0.45, atol=0.05)
    np.testing.assert_allclose(again / answer[0], 1.0, atol=0.03)


def test_ghrh_and_ghrelin_agonists_do_more_together_than_the_sum():
    """GH over baseline with both exceeds the sum of the two (J Clin Endocrinol Metab 1996;81:4338)."""
    young = person(180.0, age_years=30.0)
    rise = [
        float(daily(young, 60, ghrh_drive=a, ghs_drive=b).gh_ng_ml[0]) - float(daily(young, 60).gh_ng_ml[0])
        for a, b in ((0.5, 0.3), (0.5, 0.0), (0.0, 0.3))
    ]
    assert rise[0] > 1.2 * (rise[1] + rise[2])


def test_short_pulses_raise_igf1_less_than_the_same_agonist_all_day():
    """Full effect all day, or for two hours of it: a mean effect of 0.8, or of a twelfth of that."""
    young = person(180.0)
    all_day = float(daily(young, 60, ghrh_drive=4.0).igf1_ng_ml[-1])
    pulse = 0.8 / 12
    pulses = float(daily(young, 60, ghrh_drive=pulse / (1 - pulse)).igf1_ng_ml[-1])
    assert all_day > 2 * 180
    assert pulses < 1.4 * 180
