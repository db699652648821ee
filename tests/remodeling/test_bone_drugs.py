"""Drugs that act on bone directly: brakes, rebound, anabolic windows, and what trials saw of them."""

import functools
from dataclasses import fields, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r
from tests.bone_arms import COMPACT, CYCLING, DENSITY, MONTH, POSTMENOPAUSE, Curves, curves_of

MONTHS, PER_MONTH = 120, 10
AT_TRIAL_DOSE = {
    "calcium": 5.0,
    "bisphosphonate": 4.0,
    "denosumab": 1.6,
    "teriparatide": 1.0,
    "romosozumab": 4.4,
}
"""Constant exposures of the same mean occupancy as the doses of the trials (assumed)."""
COURSES = {
    "calcium": ("calcium", 36),
    "alendronate": ("bisphosphonate", MONTHS),
    "alendronate, stopped": ("bisphosphonate", 36),
    "denosumab": ("denosumab", MONTHS),
    "denosumab, stopped": ("denosumab", 24),
    "teriparatide": ("teriparatide", 24),
    "romosozumab": ("romosozumab", 12),
    "nothing": ("denosumab", 0),
}


class Effects(NamedTuple):
    """What drugs add to the drives, (intervals,) each."""

    resorption: jax.Array
    balance: jax.Array
    modeling: jax.Array


def levels_of(signals: r.DrugSignals, base: r.HormoneLevels) -> r.HormoneLevels:
    """Levels that are those of `base` but for the drugs."""
    alike = jax.tree.map(lambda a: jnp.broadcast_to(a, signals.calcium.shape), base)
    return replace(alike, **{item.name: getattr(signals, item.name) for item in fields(signals)})


def added(signals: r.DrugSignals, p: r.BoneParameters) -> Effects:
    base = r.make_hormone_levels()
    levels = levels_of(signals, base)
    terms = r.bone_mechanisms(levels, base, 0.0, p)
    drives = r.cell_drives(levels, base, 0.0, p)
    return Effects(terms.resorption.drugs, terms.balance.drugs, drives.modeling)


def effects(drug, exposure, days=1.0, **values):
    given = replace(r.no_exposure(len(exposure)), **{drug: jnp.asarray(exposure, float)})
    times = {row.name: values.pop(row.name) for row in r.DRUG_EFFECTS if row.name in values}
    signals = r.drug_signals(given, days, r.make_drug_effect_parameters(**times))
    return added(signals, r.make_parameters(**values))


def treated(drug: str, months: int) -> r.HormoneCourse:
    exposure = np.where(np.arange(MONTHS * PER_MONTH) < months * PER_MONTH, AT_TRIAL_DOSE[drug], 0.0)
    if drug == "bisphosphonate":
        # what lies on bone leaves it over years, whatever the prescription
        late = np.maximum(np.arange(MONTHS * PER_MONTH) / PER_MONTH - months, 0.0)
        exposure = AT_TRIAL_DOSE[drug] * np.exp(-late / 36.0)
    given = replace(r.no_exposure(len(exposure)), **{drug: jnp.asarray(exposure)})
    signals = r.drug_signals(given, MONTH / PER_MONTH)
    base = r.make_hormone_levels(**POSTMENOPAUSE)
    levels = levels_of(jax.tree.map(lambda a: a.reshape(MONTHS, PER_MONTH).mean(1), signals), base)
    return r.HormoneCourse(levels, base, jnp.asarray(MONTH))


@functools.cache
def curves() -> dict[str, Curves]:
    """Every course of COURSES in women 15 years after menopause, one compilation."""
    p, density = r.default_parameters(), jnp.asarray(DENSITY)
    past = r.make_history(
        r.make_hormone_levels(**CYCLING), r.make_hormone_levels(**POSTMENOPAUSE), years=15.0, onset_years=1.0
    )
    options = r.make_options(compartments=2, report_every=12, solve_every=12)

    def run(courses):
        history = r.start_from_history(density, past, p, female=1.0, compact=jnp.asarray(COMPACT))

        def one(course):
            return r.simulate(
                density, r.make_surrogate(), course, p, compartments=jnp.array([0, 1]), female=1.0,
                history=history, options=options,
            )[0]  # fmt: skip

        return jax.vmap(one)(courses)

    courses = [treated(*course) for course in COURSES.values()]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *courses)
    found = jax.device_get(jax.jit(run)(stacked))
    return {name: curves_of(jax.tree.map(lambda a, k=k: a[k], found)) for k, name in enumerate(COURSES)}


def test_nothing_given_adds_nothing():
    """Zero exposure: exactly zero in every drive."""
    signals = r.drug_signals(r.no_exposure(5), 1.0)
    for leaf in jax.tree.leaves((signals, added(signals, r.default_parameters()))):
        np.testing.assert_array_equal(leaf, 0.0)


def test_brakes_follow_their_closed_forms():
    """- B x / (1 + x); for denosumab plus ln(1 + g q) with q exponential towards the blocked share."""
    brake = effects("bisphosphonate", [0.0, 1.0, 4.0], bisphosphonate_resorption=1.6)
    np.testing.assert_allclose(brake.resorption, [0.0, -0.8, -1.28], rtol=1e-12)
    days, o = 400, 0.9
    found = effects("denosumab", np.full(days, 9.0), denosumab_half=1.0, denosumab_resorption=2.4).resorption
    edges = np.arange(days + 1)
    filled = (1 - np.exp(-2.4 * o)) * (edges + 200.0 * np.exp(-edges / 200.0))
    np.testing.assert_allclose(found, -2.4 * o + np.log1p(np.diff(filled)), rtol=1e-9)


def test_bone_that_holds_a_bisphosphonate_is_overfilled_for_long():
    """log balance = Cb s with s' = (o - s) / tau_b, in closed form, during treatment and after its end."""
    on, off = 1000, 500
    found = effects(
        "bisphosphonate",
        np.r_[np.full(on, 4.0), np.zeros(off)],
        bisphosphonate_burial=700.0,
        bisphosphonate_balance=0.4,
    )
    edges = np.arange(on + off + 1)
    taken = edges + 700.0 * np.exp(-edges / 700.0)
    left = 0.8 * (1 - np.exp(-on / 700.0)) * -700.0 * np.exp(-(edges[on:] - on) / 700.0)
    expected = np.r_[0.4 * 0.8 * np.diff(taken[: on + 1]), 0.4 * np.diff(left)]
    np.testing.assert_allclose(found.balance, expected, rtol=1e-9)


def test_calcium_is_a_step_and_no_slope():
    """1000 mg/day over none: spine within the limits of Tai 2015 at 12, 24, 36 months; - Bc x / (1 + x)."""
    gain = (curves()["calcium"].areal - curves()["nothing"].areal)[[12, 24, 36]]
    assert np.all(gain > [0.8, 0.7, 0.3])
    assert np.all(gain < [1.7, 1.6, 1.6])
    brake = effects("calcium", [0.0, 1.0, 4.0], calcium_resorption=0.2).resorption
    np.testing.assert_allclose(brake, [0.0, -0.1, -0.16], rtol=1e-12)


def test_the_interval_does_not_matter():
    """Half the interval gives the same means, for an exposure constant in each: to 1e-3."""
    for drug, x in AT_TRIAL_DOSE.items():
        coarse = effects(drug, np.full(100, x), 4.0)
        fine = effects(drug, np.full(400, x), 1.0)
        for a, b in zip(jax.tree.leaves(coarse), jax.tree.leaves(fine), strict=True):
            np.testing.assert_allclose(a, np.asarray(b).reshape(100, 4).mean(1), atol=2e-3)


@pytest.mark.xfail(
    strict=True, reason="NTX -57 %: a brake as strong as the markers' gains 7 % of areal density at 18 months"
)
def test_alendronate_brakes_the_markers_as_seen():
    """NTX -72 % at 6 months (McClung 2005)."""
    np.testing.assert_allclose(curves()["alendronate"].ctx[6], 28, atol=6)


@pytest.mark.xfail(strict=True, reason="64 % of the start: the brake is too weak, and formation follows late")
def test_alendronate_brakes_formation_as_seen():
    """P1NP -67 % at 6 months (McClung 2005)."""
    assert 30 < curves()["alendronate"].p1np[6] < 60


def test_alendronate_brakes_turnover_and_outlasts_its_stop():
    """P1NP after NTX; spine +5.5 % at 18 (McClung 2005); +7.4 % over placebo at 36; +13.7 % (12.0 to 15.5) at
    120, still rising (Bone 2004).
    """
    arm, never = curves()["alendronate"], curves()["nothing"]
    assert arm.ctx[6] < 55
    assert arm.ctx[6] < arm.p1np[6] < 75
    assert arm.ctx[3] < arm.p1np[3]
    np.testing.assert_allclose(arm.areal[18], 5.5, atol=2.0)
    np.testing.assert_allclose(arm.areal[36] - never.areal[36], 7.4, atol=2.5)
    assert 12.0 < arm.areal[120] < 15.5
    assert np.all(np.diff(arm.areal[::12]) > 0.2)
    stopped = curves()["alendronate, stopped"]
    assert stopped.ctx[48] < 60
    assert stopped.areal[48] > 0.8 * stopped.areal[36]


def test_denosumab_gains_in_two_years_what_was_seen():
    """Spine +7.7 % at 24 months (FREEDOM, crossover)."""
    np.testing.assert_allclose(curves()["denosumab"].areal[24], 7.7, atol=3.2)


def test_denosumab_gains_for_eight_years():
    """Spine +7.7, +13.7, +18.4 % at 24, 60, 96 months; trabecular bone leads."""
    arm = curves()["denosumab"]
    np.testing.assert_allclose(arm.areal[[60, 96]], [13.7, 18.4], atol=3.2)
    assert arm.areal[24] < 11.5
    assert 10 < arm.ctx[6] < 30
    assert arm.trabecular[24] > arm.areal[24]


def test_denosumab_rebounds():
    """After the last effect: turnover above pretreatment within 3 months, back in 2 years, the gain lost in
    one (Tsourdi 2021, in words).
    """
    arm = curves()["denosumab, stopped"]
    assert 120 < arm.ctx[25:31].max() < 200
    assert arm.ctx[48] < 110
    assert arm.areal[36] < 0.3 * arm.areal[24]
    no_pool = effects("denosumab", np.r_[np.full(700, 9.0), np.zeros(200)], precursor_gain=0.0)
    np.testing.assert_allclose(no_pool.resorption[-1], 0.0, atol=1e-12)


def test_teriparatide_gains_in_areal_density_what_was_seen():
    """+10.3 % at 18 months (McClung 2005)."""
    np.testing.assert_allclose(curves()["teriparatide"].areal[18], 10.3, atol=1.0)


def test_teriparatide_raises_resorption_as_seen():
    """NTX +58 % at 6 months (McClung 2005)."""
    assert 130 < curves()["teriparatide"].ctx[6] < 200


def test_teriparatide_forms_first_and_resorbs_later():
    """Spine +10.3 % areal at 18 months; P1NP leads NTX and is x2 to x4 at 6 months."""
    arm = curves()["teriparatide"]
    np.testing.assert_allclose(arm.areal[18], 10.3, atol=1.5)
    assert arm.p1np[1] > 180
    assert arm.ctx[1] < 130
    assert 130 < arm.ctx[6] < arm.p1np[6]
    assert 200 < arm.p1np[6] < 400
    assert arm.areal[24] - arm.areal[18] < arm.areal[18] - arm.areal[12]


@pytest.mark.xfail(
    strict=True, reason="+21.4 % where areal density gains 10.6: 2.0 times as much, seen 1.8 times"
)
def test_teriparatide_gains_in_trabecular_bone_what_tomography_saw():
    """+19.0 % volumetric at 18 months (McClung 2005)."""
    np.testing.assert_allclose(curves()["teriparatide"].trabecular[18], 19.0, atol=2.0)


@pytest.mark.xfail(strict=True, reason="+14.5 %: learned with a center in Japan that saw +24")
def test_romosozumab_gains_in_a_year_what_was_seen():
    """Spine +13 % at 12 months (FRAME)."""
    np.testing.assert_allclose(curves()["romosozumab"].areal[12], 13.0, atol=1.0)


def test_romosozumab_builds_at_once_and_fades_within_a_year():
    """Spine +13 % at 12 months (FRAME), most in the first six; formation up at 1, below at 12 months."""
    arm = curves()["romosozumab"]
    np.testing.assert_allclose(arm.areal[12], 13.0, atol=1.5)
    assert arm.areal[6] > 0.6 * arm.areal[12]
    assert arm.p1np[1] > 160
    assert arm.p1np[12] < 100
    assert arm.ctx[6] < 70
    assert arm.areal[24] < arm.areal[12]


def test_derivatives_of_the_effects_equal_finite_differences():
    """d(sum of effects) / d(constant), d / d(exposure): reverse mode = central difference, to 1e-6."""
    wave = jnp.linspace(0.2, 3.0, 30)
    given = replace(r.no_exposure(30), **dict.fromkeys(AT_TRIAL_DOSE, wave))

    def total(p, bone, scale):
        scaled = jax.tree.map(lambda a: scale * a, given)
        found = added(r.drug_signals(scaled, 5.0, p), bone)
        return jnp.sum(found.resorption) + 2 * jnp.sum(found.balance) + 3 * jnp.sum(found.modeling)

    at = (r.make_drug_effect_parameters(), r.default_parameters(), jnp.asarray(1.0))
    gradient = jax.jit(jax.grad(total, argnums=(0, 1, 2)))(*at)
    value = jax.jit(total)
    gains = [name for entry in r.MECHANISMS if entry.name in AT_TRIAL_DOSE for name in entry.parameters]
    assert len(gains) == len(fields(at[0])) + 9
    for name in gains:
        place = int(not hasattr(at[0], name))
        start = getattr(at[place], name)

        def moved(h, name=name, place=place, start=start):
            changed = replace(at[place], **{name: start * (1 + h)})
            return value(*at[:place], changed, *at[place + 1 :])

        numeric = (moved(1e-5) - moved(-1e-5)) / (2e-5 * start)
        np.testing.assert_allclose(getattr(gradient[place], name), numeric, rtol=1e-6, err_msg=name)
    numeric = (value(*at[:2], 1.0 + 1e-5) - value(*at[:2], 1.0 - 1e-5)) / 2e-5
    np.testing.assert_allclose(gradient[2], numeric, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "text"),
    [({"denosumab": 1.0}, "DRUG_EFFECTS"), ({"precursor_gain": -1.0}, "`precursor_gain`"),
     ({"teriparatide_lag": 0.0}, "positive")],
)  # fmt: skip
def test_wrong_constants_are_named(values, text):
    """The error names the constant and the fault."""
    with pytest.raises(ValueError, match=text):
        r.make_drug_effect_parameters(**values)
