"""The person: units, typical levels, menopausal status, batches of men and women."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r


def test_either_unit_gives_the_same_person():
    """ng/dL = 28.842 nmol/L for testosterone, pg/mL = 0.27238 pmol/L for estradiol, and so on."""
    si = r.make_person(testosterone_nmol_l=10.0, estradiol_pmol_l=90.0, igf1_nmol_l=20.0, free_t4_pmol_l=15.0)
    clinical = r.make_person(
        testosterone_ng_dl=288.42, estradiol_pg_ml=24.514, igf1_ng_ml=152.98, free_t4_ng_dl=1.1653
    )
    for name in ("testosterone_ng_dl", "estradiol_pg_ml", "igf1_ng_ml", "free_t4_ng_dl"):
        np.testing.assert_allclose(getattr(si, name), getattr(clinical, name), rtol=1e-4)


def test_typical_levels_follow_sex_age_and_menopause():
    """Travison 2017: 531 ng/dL in young men; IGF-1 falls with age (206, 147, 103 ng/mL); estradiol of women
    from a cyclic mean of 90 to 7 pg/mL.
    """
    young, old = (r.typical_levels(age_years=age) for age in (30.0, 75.0))
    assert 500 < young.testosterone_ng_dl < 560
    assert old.testosterone_ng_dl < young.testosterone_ng_dl
    assert old.shbg_nmol_l > young.shbg_nmol_l
    ages = [r.typical_levels(age_years=age).igf1_ng_ml for age in (25.0, 50.0, 65.0)]
    assert ages == sorted(ages, reverse=True)
    before = r.typical_levels(sex="female", age_years=40.0)
    after = r.typical_levels(sex="female", age_years=60.0, menopause="natural", years_since_menopause=9.0)
    assert before.estradiol_pg_ml / after.estradiol_pg_ml > 10
    operated = r.typical_levels(sex="female", menopause="surgical", years_since_menopause=9.0)
    assert operated.testosterone_ng_dl < after.testosterone_ng_dl


def test_a_mans_estradiol_follows_his_testosterone():
    """E_ad + (E_typ - E_ad) g(T) / g(T_typ): typical where T is; measured pairs within a half."""
    typical = r.typical_levels(age_years=70.0)
    whole = r.make_person(age_years=70.0)
    np.testing.assert_allclose(whole.estradiol_pg_ml, typical.estradiol_pg_ml, rtol=1e-12)
    # mean ng/dL and pg/mL before treatment: Burnett-Bowie 2009, Snyder 2017, Leder 2004 (daily arm)
    for testosterone, estradiol in ((319.0, 15.0), (229.6, 20.5), (343.0, 26.0)):
        man = r.make_person(age_years=70.0, testosterone_ng_dl=testosterone)
        assert 1 / 1.5 < float(man.estradiol_pg_ml) / estradiol < 1.5
    low = r.make_person(age_years=70.0, testosterone_ng_dl=20.0)
    constants = r.make_axis_parameters()
    assert constants.adrenal_estradiol < low.estradiol_pg_ml < constants.adrenal_estradiol + 1.5


def test_derivative_of_that_estradiol_equals_finite_differences():
    """dE / d(testosterone, SHBG), to 1e-7."""
    constants = r.make_axis_parameters()

    def estradiol(testosterone, shbg):
        return r.estradiol_from_testosterone(testosterone, 440.0, 25.0, shbg, 43.0, constants)

    at = (jnp.asarray(260.0), jnp.asarray(45.0))
    gradient = jax.grad(estradiol, argnums=(0, 1))(*at)
    for place, h in enumerate((1e-3, 1e-4)):
        moved = [[*at[:place], at[place] + s * h, *at[place + 1 :]] for s in (1, -1)]
        numeric = (estradiol(*moved[0]) - estradiol(*moved[1])) / (2 * h)
        np.testing.assert_allclose(gradient[place], numeric, rtol=1e-7)


@pytest.mark.parametrize(
    ("given", "years", "surgical"),
    [
        ({"age_years": 40.0}, -100.0, 0.0),
        ({"age_years": 61.0}, 10.0, 0.0),
        ({"age_years": 51.5}, 1.0, 0.0),
        ({"age_years": 49.0, "years_since_menopause": -2.0}, -2.0, 0.0),
        ({"age_years": 45.0, "menopause": "surgical", "years_since_menopause": 3.0}, 3.0, 1.0),
        ({"age_years": 55.0, "menopause": "premenopausal"}, -100.0, 0.0),
    ],
)
def test_menopausal_status_follows_what_is_given(given, years, surgical):
    """Final menstrual period at 51 unless told; before it none is foreseen unless told."""
    woman = r.make_person(sex="female", **given)
    assert float(woman.years_since_menopause) == years
    assert float(woman.surgical) == surgical
    assert float(woman.female) == 1.0


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"testosterone_ng_dl": 300.0, "testosterone_nmol_l": 10.0}, "two units"),
        ({"testosterone_nmol_l": 300.0}, "`testosterone_ng_dl` must be between"),
        ({"sex": "female", "estradiol_pg_ml": 900.0}, "`estradiol_pg_ml`"),
        ({"sex": "female", "testosterone_ng_dl": 400.0}, "`testosterone_ng_dl`"),
        ({"years_since_menopause": 3.0}, "for a woman"),
        ({"sex": "female", "menopause": "early"}, "`menopause` must be one of"),
        (
            {"sex": "female", "menopause": "premenopausal", "years_since_menopause": 2.0},
            "must be negative",
        ),
        ({"sex": "female", "years_since_menopause": 90.0}, "`years_since_menopause` must be between"),
        ({"sex": "female", "axis": "secondary"}, "`lh_iu_l`"),
        ({"free_t4_ng_dl": 15.0}, "`free_t4_ng_dl`"),
        ({"insulin_sensitivity": 0.0}, "`insulin_sensitivity`"),
        ({"insulin_deficiency": r.InsulinDeficiency(remaining=0.0)}, "`insulin_remaining`"),
    ],
)
def test_persons_that_cannot_be_are_refused(given, text):
    """The error names the field; a wrong unit is the usual cause."""
    with pytest.raises(ValueError, match=text):
        r.make_person(**given)


def test_men_and_women_stack_into_one_batch():
    """Every field gains the axis of the persons; no field decides the program."""
    people = [
        r.make_person(testosterone_ng_dl=300.0, estradiol_pg_ml=20.0, axis="primary"),
        r.make_person(sex="female", age_years=45.0, lh_iu_l=6.0),
    ]
    batch = r.stack_people(people)
    assert {leaf.shape for leaf in jax.tree.leaves(batch)} == {(2,)}
    assert jax.tree.structure(batch) == jax.tree.structure(people[0])
    with pytest.raises(ValueError, match="`people`"):
        r.stack_people([])


def test_precision_of_a_person_is_what_was_asked():
    """dtype of every field."""
    person = r.make_person(sex="female", dtype=jnp.float32)
    assert {leaf.dtype for leaf in jax.tree.leaves(person)} == {jnp.dtype("float32")}
