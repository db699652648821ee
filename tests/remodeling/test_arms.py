"""What the trials saw, arm by arm, on two voxels: biology section 8 (4 to 7) and the other mechanisms.

Bands are wide: they hold sign, order of magnitude and shape. The parameters were fitted to some of the same
trials, so that agreement is no prediction.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r
from tests.bone_arms import ARMS, DENSITY, course_of, curves, past_of, simulated


def per_year(curve, first_month, last_month):
    """Mean change in percent of the level at the first month, per year."""
    level = 100 + curve
    return 100 * (level[last_month] / level[first_month] - 1) / ((last_month - first_month) / 12)


def test_natural_menopause_loses_fast_then_slower():
    """Spine -1.5 to -3 %/y from 1 year before to 2 years after the last period, -0.8 to -1.5 to year 5, then
    less; resorption up by half (SWAN: -7.4 % in the three years; Recker 2018).
    """
    arm = curves()["menopause"]
    early, middle, late = (per_year(arm.areal, *span) for span in ((12, 48), (48, 84), (84, 180)))
    assert -3.0 < early < -1.5
    assert -1.5 < middle < -0.8
    assert middle < late < 0
    assert 140 < arm.ctx[48] < 220


@pytest.mark.xfail(
    strict=True, reason="+50 %: the trials of the fit want less brake and more balance of estradiol"
)
def test_menopause_raises_resorption_by_what_markers_show():
    """+60 to +120 % two years after the last period."""
    assert 160 < curves()["menopause"].ctx[48] < 220


def test_estrogen_gains_most_in_the_first_year():
    """Over 60 % of the three-year gain in year 1; +2.5 to +5 % at 36 months (PEPI: 3.5 to 5.0)."""
    arm = curves()["estrogen"]
    assert arm.areal[12] > 0.6 * arm.areal[36]
    assert 2.5 < arm.areal[36] < 5.0
    assert 50 < arm.ctx[12] < 80


@pytest.mark.xfail(
    strict=True, reason="-23 %: the trials of the fit want less brake and more balance of estradiol"
)
def test_estrogen_lowers_turnover_by_what_markers_show():
    """By a third to a half."""
    assert 50 < curves()["estrogen"].ctx[12] < 70


def test_the_untreated_go_on_losing_at_the_rate_of_their_time():
    """Spine at 36 months: 5 years after menopause -1.8 (PEPI) to -6.5 % (TTS 1989); 15 years: slower."""
    early, late = curves()["untreated"].areal, curves()["untreated, late"].areal
    assert -6.5 < early[36] < -1.8
    assert early[36] < late[36] < -0.5


def little_estradiol() -> float:
    """6 to 9.7 pg/mL late after menopause against none at 24 months, %."""
    return curves()["low-dose estrogen"].areal[24] - curves()["untreated, late"].areal[24]


def test_a_little_estradiol_goes_a_long_way():
    """+0.5 to +3 % over untreated (ULTRA: +2.0)."""
    assert 0.5 < little_estradiol() < 3.0


def extra_of_progestogen() -> float:
    """Estrogen with progestogen less estrogen over 36 months, %/year."""
    return (curves()["estrogen and progestogen"].areal[36] - curves()["estrogen"].areal[36]) / 3


def test_progestogen_does_nothing_alone():
    """300 mg/d within 0.1 % of nothing (Liu 2005)."""
    alone = curves()["progesterone alone"].areal[24] - curves()["untreated"].areal[24]
    assert abs(alone) < 0.1


def test_progestogen_adds_what_the_meta_analysis_saw():
    """EPT less ET +0.38 to +0.97 %/y (Prior 2017)."""
    assert 0.38 < extra_of_progestogen() < 0.97


def test_stopping_estrogen_loses_what_it_gained():
    """PEPI off therapy: -0.8 to -1.0 %/y; here the first year is faster, then as untreated."""
    arm, never = curves()["estrogen, stopped"].areal, curves()["untreated"].areal
    assert per_year(arm, 36, 84) < -0.8
    assert per_year(arm, 36, 48) < per_year(arm, 48, 60) < 0
    assert arm[84] > never[84]


def test_little_testosterone_does_little_to_the_bone_of_women():
    """25 to 50 ng/dL: less than 0.5 % in 24 months (meta-analysis of 35 trials: no effect)."""
    gap = curves()["testosterone in women"].areal[24] - curves()["untreated"].areal[24]
    assert 0 <= gap < 0.5


@pytest.mark.parametrize("sex", ["men", "women"])
def test_growth_hormone_dips_before_it_gains(sex):
    """Down at 3 to 6 months, then up; resorption leads formation; both markers fall after a year."""
    arm = curves()[f"growth hormone, {sex}"]
    assert arm.areal[3:7].min() < -0.2
    assert np.argmax(arm.ctx) < np.argmax(arm.p1np)
    assert arm.ctx[3] - 100 > 0.9 * (arm.ctx.max() - 100)
    assert arm.p1np[3] - 100 < 0.7 * (arm.p1np.max() - 100)
    assert 120 < arm.ctx.max() < 220
    assert arm.ctx[24] < arm.ctx[6]
    assert arm.p1np[36] < arm.p1np[12]


def test_growth_hormone_builds_the_spine_of_men_and_not_of_women():
    """Bex 2002 at 24 months: men +5.1 (SE 0.8) %, women 0; 15 years, both: about +5 %."""
    men, women = curves()["growth hormone, men"], curves()["growth hormone, women"]
    np.testing.assert_allclose(men.areal[24], 5.1, atol=0.8)
    np.testing.assert_allclose(women.areal[24], 0.0, atol=0.8)
    assert men.ctx[6] > women.ctx[6] > 140
    both = (72 * men.areal[180] + 54 * women.areal[180]) / 126
    assert 2.0 < both < 8.0


@pytest.mark.xfail(strict=True, reason="+48 % in women")
def test_growth_hormone_raises_resorption_of_women_by_half():
    """Markers of men and women up by half or more (Bex 2002)."""
    assert curves()["growth hormone, women"].ctx[6] > 150


def test_thyrotoxicosis_loses_and_its_cure_recovers():
    """Untreated the loss goes on; cured, the spine regains over 2 % in a year and more by 36 months."""
    ill, cured = curves()["thyrotoxicosis"], curves()["thyrotoxicosis, cured"]
    assert per_year(ill.areal, 0, 36) < -0.5
    assert cured.areal[36] > cured.areal[12] > 2.0
    assert cured.ctx[12] < 60


@pytest.mark.xfail(strict=True, reason="-1.00 %/year: of the loss more is cavities, which open once")
def test_thyrotoxicosis_goes_on_losing():
    """Over 1.5 %/year for three years (assumed when the constant was set)."""
    assert per_year(curves()["thyrotoxicosis"].areal, 0, 36) < -1.5


def test_lack_of_insulin_costs_little_over_many_years():
    """30 % of insulin for 15 years: -1 to -6 %; Z -0.22 in type 1 diabetes is about -2.6 %."""
    assert -6.0 < curves()["insulin deficiency"].areal[180] < -1.0


def test_androgen_deprivation_recovers_in_part():
    """Castrate for a year, spine -2 to -8 %; recovered after, not wholly."""
    arm = curves()["androgen deprivation, stopped"].areal
    assert -8.0 < arm[12] < -2.0
    assert arm[12] + 1.0 < arm[24] < 0


def test_one_program_serves_arms_one_by_one_or_together():
    """vmap over arms and a run of one arm agree to rounding."""
    arm = ARMS["estrogen and progestogen"]
    alone = jax.jit(simulated)(past_of(arm), course_of(arm), jnp.asarray(arm.female), r.default_parameters())
    together = curves()["estrogen and progestogen"].trajectory
    np.testing.assert_allclose(alone.density_mean, together.density_mean, rtol=1e-10)


@pytest.mark.slow
def test_gradient_through_history_and_treatment_equals_finite_differences():
    """d(density after 12 months of estrogen and progestogen) / d(years, dose, sex, parameter): to 1e-5."""
    arm = ARMS["estrogen and progestogen"]
    before, now = r.make_hormone_levels(**arm.before), r.make_hormone_levels(**arm.now, igf1_ng_ml=150.0)
    density = jnp.asarray(DENSITY)

    @jax.jit
    def final(x):
        p = replace(r.default_parameters(), estradiol_resorption=x["brake"], igf1_formation_lag=x["lag"])
        past = r.history_course(before, now, years=x["years"], onset_years=x["onset"], steps=40)
        history = r.start_from_history(x["density"] * density, past, p, female=x["female"])
        levels = replace(now, estradiol_pg_ml=x["estradiol"], igf1_ng_ml=jnp.asarray(190.0))
        course = r.HormoneCourse(
            jax.tree.map(lambda a: jnp.broadcast_to(a, (12,)), levels), now, jnp.asarray(30.0)
        )
        trajectory, _ = r.simulate(
            density, r.make_surrogate(), course, p, female=x["female"], history=history,
            options=r.make_options(report_every=12, solve_every=12),
        )  # fmt: skip
        return trajectory.density[-1, 0]

    at = {"brake": 0.98, "lag": 120.0, "years": 5.0, "onset": 1.0, "density": 1.0, "female": 0.5,
          "estradiol": 45.0}  # fmt: skip
    at = {name: jnp.asarray(value) for name, value in at.items()}
    gradient = jax.jit(jax.grad(final))(at)
    for name, value in at.items():
        h = 1e-4 * float(value)
        numeric = float(final({**at, name: value + h}) - final({**at, name: value - h})) / (2 * h)
        np.testing.assert_allclose(gradient[name], numeric, rtol=1e-5, atol=1e-10, err_msg=name)
