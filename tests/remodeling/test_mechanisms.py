"""Contributions to the drives of bone cells: their sum is the law, each answers to its own level."""

from dataclasses import fields, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r

BASE = r.make_hormone_levels(testosterone_ng_dl=250.0, estradiol_pg_ml=14.0, igf1_ng_ml=120.0)
NOW = r.make_hormone_levels(
    testosterone_ng_dl=600.0, estradiol_pg_ml=33.0, igf1_ng_ml=210.0, progestogen=80.0, thyroid_index=0.4,
    insulin_index=-0.3, aromatase=0.6, drug_resorption=-0.5, drug_balance=0.1,
)  # fmt: skip


def hill(x, half, n):
    return x**n / (x**n + half**n)


def logarithmic(x, scale):
    return np.log1p(x / scale) / np.log1p(100.0 / scale)


def terms_of(contributions):
    return {f.name: float(getattr(contributions, f.name)) for f in fields(contributions)}


def test_sums_of_the_mechanisms_are_the_published_law():
    """The drives written out by hand, as one formula, in numpy: to 1e-12."""
    p = r.make_parameters(
        age_imbalance=0.02, estradiol_mechanics=0.3, intracrine_estradiol=0.015, testosterone_resorption=0.1
    )
    v = {f.name: float(getattr(p, f.name)) for f in fields(p)}
    z = 0.3

    def e(levels):
        return float(
            levels.estradiol_pg_ml + v["intracrine_estradiol"] * levels.aromatase * levels.testosterone_ng_dl
        )

    def h(levels):
        return (
            logarithmic(e(levels), v["estradiol_scale"]),
            hill(float(levels.testosterone_ng_dl), v["testosterone_half"], v["testosterone_hill"]),
            hill(float(levels.igf1_ng_ml), v["igf1_half"], v["igf1_hill"]),
        )

    (he, ht, hi), (be, bt, bi) = h(NOW), h(BASE)
    ref = (
        logarithmic(v["reference_estradiol"], v["estradiol_scale"]),
        hill(v["reference_testosterone"], v["testosterone_half"], v["testosterone_hill"]),
        hill(v["reference_igf1"], v["igf1_half"], v["igf1_hill"]),
    )

    def answer(lazy):
        return np.tanh(z * (z**2 + 0.05**2) / (z**2 + lazy**2 + 0.05**2))

    def positive(x):
        return 0.5 * (x + np.sqrt(x**2 + 0.02**2) - 0.02)

    zr, zf = answer(v["resorption_lazy_width"]), answer(v["formation_lazy_width"])
    resorption = (
        -v["estradiol_resorption"] * (he - ref[0])
        - v["testosterone_resorption"] * (ht - ref[1])
        + v["igf1_resorption"] * (hi - ref[2])
        + v["thyroid_turnover"] * 0.4
        - 0.5
        + v["disuse_resorption"] * (positive(zr) - zr)
        - v["overload_resorption"] * positive(zr)
    )
    permitted = hill(e(NOW), v["progestogen_estradiol_half"], v["progestogen_estradiol_hill"])
    balance = (
        v["estradiol_balance"] * (he - be)
        + v["testosterone_balance"] * (ht - bt)
        + v["igf1_balance"] * (hi - bi)
        + v["progestogen_balance"] * 80.0 / 110.0 * permitted
        - v["thyroid_balance"] * positive(0.4)
        - v["insulin_balance"] * 0.3
        + 0.1
        - 0.02
        + v["overload_balance"] * (1 + 0.3 * (he - ref[0])) * positive(zf)
        - v["disuse_balance"] * (positive(zf) - zf)
    )
    drives = r.cell_drives(NOW, BASE, z, p)
    np.testing.assert_allclose(drives.log_resorption, 3 * np.tanh(resorption / 3), rtol=1e-12)
    np.testing.assert_allclose(drives.log_balance, 0.7 * np.tanh(balance / 0.7), rtol=1e-12)


@pytest.mark.parametrize(
    ("level", "resorption", "balance"),
    [
        ("estradiol_pg_ml", {"estrogen_lifespan", "estrogen_rankl", "bone_aromatase"},
         {"estrogen_receptor", "bone_aromatase"}),
        ("testosterone_ng_dl", {"androgen_receptor", "bone_aromatase"},
         {"androgen_receptor", "bone_aromatase"}),
        ("aromatase", {"bone_aromatase"}, {"bone_aromatase"}),
        ("progestogen", set(), {"progestogen"}),
        ("igf1_ng_ml", {"igf1"}, {"igf1"}),
        ("thyroid_index", {"thyroid"}, {"thyroid"}),
        ("insulin_index", set(), {"insulin"}),
        ("drug_resorption", {"drugs"}, set()),
        ("drug_balance", set(), {"drugs"}),
    ],
)  # fmt: skip
def test_each_level_moves_its_own_mechanisms_and_no_other(level, resorption, balance):
    """From one person, one level changed by a tenth (or from 0 to 0.5)."""
    p = r.make_parameters(intracrine_estradiol=0.015, testosterone_resorption=0.1)
    before = getattr(BASE, level)
    changed = replace(BASE, **{level: 1.1 * before if float(before) else jnp.asarray(0.5)})
    one, two = (r.bone_mechanisms(levels, BASE, 0.0, p) for levels in (BASE, changed))
    for side, expected in (("resorption", resorption), ("balance", balance)):
        a, b = terms_of(getattr(one, side)), terms_of(getattr(two, side))
        assert {name for name in a if a[name] != b[name]} == expected


def test_sex_chooses_the_answers_to_igf1_and_to_testosterone():
    """thFI of men or of women; with wT = 1 every other contribution is the same."""
    p = r.make_parameters(testosterone_women=1.0)
    man, woman = (terms_of(r.bone_mechanisms(NOW, BASE, 0.1, p, female=s).balance) for s in (0.0, 1.0))
    ratio = woman["igf1"] / man["igf1"]
    np.testing.assert_allclose(ratio, float(p.igf1_balance_female / p.igf1_balance), rtol=1e-12)
    assert {name for name in man if man[name] != woman[name]} == {"igf1"}


def test_a_change_of_testosterone_does_not_act_on_the_bone_of_a_woman_by_default():
    """wT = 0: no term moves; wT = 0.5 is half of the change."""
    more = replace(BASE, testosterone_ng_dl=BASE.testosterone_ng_dl + 60.0)
    half = replace(BASE, testosterone_ng_dl=BASE.testosterone_ng_dl + 30.0)

    def terms(levels, share, female=1.0):
        p = r.make_parameters(testosterone_women=share)
        answer = r.bone_mechanisms(levels, BASE, 0.0, p, female=female)
        return [terms_of(getattr(answer, side)) for side in ("resorption", "balance")]

    assert terms(more, 0.0) == terms(BASE, 0.0)
    assert terms(more, 0.5) == terms(half, 1.0)
    assert terms(more, 0.5) != terms(BASE, 0.5)
    assert terms(more, 0.0, female=0.0) == terms(more, 1.0, female=0.0)


def test_bone_gets_used_to_igf1_and_forms_late():
    """Constant IGF-1: adapted 1 - e^(-t/tau_a) and followed 1 - e^(-t/tau_l) of the change, as step means."""
    p = r.make_parameters(igf1_half=145.0)
    course = r.make_hormone_course(BASE, steps=30, step_days=40.0, igf1_ng_ml=250.0)
    change = hill(250.0, 145.0, 2.0) - hill(120.0, 145.0, 2.0)
    mean, end = r.igf1_memory(course, p)
    edges = 40.0 * np.arange(31)
    for name, tau in (("adapted", 730.0), ("followed", 120.0)):
        integral = edges + tau * np.exp(-edges / tau)
        np.testing.assert_allclose(getattr(mean, name), change * np.diff(integral) / 40.0, rtol=1e-9)
        np.testing.assert_allclose(getattr(end, name), change * (1 - np.exp(-edges[-1] / tau)), rtol=1e-9)
    half = r.make_hormone_course(BASE, steps=15, step_days=40.0, igf1_ng_ml=250.0)
    _, middle = r.igf1_memory(half, p)
    _, again = r.igf1_memory(half, p, middle)
    np.testing.assert_allclose(jax.tree.leaves(again), jax.tree.leaves(end), rtol=1e-12)


def test_modeling_and_mineralization_act_as_their_drives_say():
    """phi rises by G k_s Sv M; the mineral deficit is lost e^K times as fast."""
    p = r.default_parameters()
    state = r.steady_state(jnp.asarray(0.2), BASE, p)
    rest = r.Drives(jnp.asarray(0.0), jnp.asarray(0.0))
    base = r.bone_rates(state, rest, p)
    built = r.bone_rates(state, replace(rest, modeling=0.5), p)
    free = float(r.room(state))
    gate = free / np.hypot(free, 0.01)
    np.testing.assert_allclose(
        built.bone_fraction - base.bone_fraction,
        0.5 * gate * r.surface_rate(state.bone_fraction, p, 1.0),
        rtol=1e-9,
    )
    fast = r.bone_rates(state, replace(rest, log_mineralization=np.log(2.0)), p)
    np.testing.assert_allclose(
        base.mineral_deficit - fast.mineral_deficit, p.mineralization_rate * state.mineral_deficit, rtol=1e-9
    )
