"""Virtual people: who is drawn, and that each of them is what the fast model makes of such a person."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import calibration
import remodeling
from calibration._arm_courses import MONTH_DAYS

MONTHS = 3
WEEKLY = remodeling.Dose("testosterone-cypionate", 100.0, 7.0)
VARIED = ("resorption_rate", "testosterone_balance")


def make_cohort(person, doses=(WEEKLY,), **changes):
    """An untreated and a treated arm over three months; nobody differs from `person` but by `changes`."""
    protocols = [
        remodeling.make_protocol(lines, duration_days=MONTHS * MONTH_DAYS) for lines in ([], list(doses))
    ]
    cohort = calibration.Cohort(
        seed=jnp.asarray(3),
        person=person,
        spreads={},
        response_log_sd=jnp.asarray(0.0),
        doses_taken=jnp.asarray(1.0),
        protocols=remodeling.stack_protocols(protocols),
        vertebra=calibration.make_builtin_vertebra(voxel_mm=3.0),
        parameters=remodeling.default_parameters(),
        before=None,
        history_years=jnp.asarray(1.0),
        onset_years=jnp.asarray(0.0),
        varied=VARIED,
        own_igf1=False,
        months=MONTHS,
        history_steps=12,
    )
    return replace(cohort, **changes)


MAN = remodeling.make_person(
    age_years=60.0, testosterone_ng_dl=200.0, estradiol_pg_ml=15.0, axis="primary", weight_kg=80.0
)
draw = jax.jit(calibration.draw_people)
compiled = jax.jit(calibration.cohort_outcomes)


def outcomes(people, cohort):
    """Of 64 people; distributions play no part any more, and without them one program serves all tests."""
    return compiled(people, replace(cohort, spreads={}))


@pytest.fixture(scope="module")
def spread_cohort():
    """Men who differ in everything."""
    spread = calibration.make_spread
    return make_cohort(
        MAN,
        spreads={
            "age_years": spread(60.0, 6.0, low=50.0, high=70.0),
            "weight_kg": spread(80.0, 12.0),
            "testosterone_ng_dl": spread(200.0, 60.0),
            "estradiol_pg_ml": spread(15.0, 3.0),
            "shbg_nmol_l": spread(40.0, 14.0),
            "igf1_ng_ml": spread(180.0, 50.0),
            "trabecular_density": spread(1.0, 0.25),
            "cortical_density": spread(1.0, 0.08),
        },
        response_log_sd=jnp.asarray(0.2),
        doses_taken=jnp.asarray(0.8),
    )


@pytest.fixture(scope="module")
def people(spread_cohort):
    """Ten thousand of them."""
    return draw(jnp.arange(10_000), spread_cohort)


def test_a_number_is_the_same_person_whoever_else_is_asked_for(people, spread_cohort):
    """Which lets a cohort be computed in parts."""
    again = draw(jnp.asarray([7777, 12, 5]), spread_cohort)
    for part, whole in zip(jax.tree.leaves(again), jax.tree.leaves(people), strict=True):
        np.testing.assert_array_equal(part, np.asarray(whole)[[7777, 12, 5]])
    other = draw(jnp.arange(3), replace(spread_cohort, seed=jnp.asarray(4)))
    assert not np.any(np.asarray(other.person.weight_kg) == np.asarray(people.person.weight_kg[:3]))


@pytest.mark.parametrize(
    ("name", "mean", "sd"),
    [("weight_kg", 80.0, 12.0), ("testosterone_ng_dl", 200.0, 60.0), ("shbg_nmol_l", 40.0, 14.0)],
)
def test_properties_have_their_mean_and_standard_deviation(people, name, mean, sd):
    """To four standard errors of ten thousand people."""
    values = np.asarray(getattr(people.person, name))
    assert values.mean() == pytest.approx(mean, abs=4 * sd / 100)
    assert values.std() == pytest.approx(sd, rel=0.06)
    assert values.min() > 0


def test_limits_hold(people):
    """Ages between 50 and 70, and as many within 55 to 65 as the cut distribution has."""
    ages = np.asarray(people.person.age_years)
    assert ages.min() >= 50.0
    assert ages.max() <= 70.0
    # a lognormal of 60 and 6 is close to normal: P(|z| < 5/6) / P(|z| < 10/6)
    assert np.mean(np.abs(ages - 60.0) < 5.0) == pytest.approx(0.5953 / 0.9044, abs=0.03)


def test_a_mans_estradiol_follows_his_testosterone(people):
    """Their logarithms correlate; without any spread of its own estradiol is what his aromatase makes."""
    logs = np.log([people.person.testosterone_ng_dl, people.person.estradiol_pg_ml])
    assert 0.4 < np.corrcoef(logs)[0, 1] < 0.9
    cohort = make_cohort(MAN, spreads={"testosterone_ng_dl": calibration.make_spread(200.0, 60.0)})
    followed = draw(jnp.arange(50), cohort).person
    expected = remodeling.estradiol_from_testosterone(
        followed.testosterone_ng_dl, 200.0, 15.0, 40.0, 43.0, remodeling.make_axis_parameters()
    )
    np.testing.assert_allclose(followed.estradiol_pg_ml, expected, rtol=1e-12)


def test_years_since_menopause_move_with_age():
    """And nobody crosses it."""
    for years in (5.0, -3.0):
        woman = remodeling.make_person(
            sex="female",
            age_years=51.0 + years,
            menopause="natural" if years > 0 else "premenopausal",
            years_since_menopause=years,
        )
        spread = calibration.make_spread(51.0 + years, 4.0)
        drawn = draw(jnp.arange(2000), make_cohort(woman, spreads={"age_years": spread})).person
        moved = years + np.asarray(drawn.age_years) - (51.0 + years)
        expected = np.maximum(moved, 0.1) if years > 0 else np.minimum(moved, -0.1)
        np.testing.assert_allclose(drawn.years_since_menopause, expected, rtol=1e-9)
        assert np.any(expected != moved)


def test_doses_are_taken_in_the_share_asked_for(people, spread_cohort):
    """A beta distribution of mean 0.8 and concentration 8; of mean 1, everybody takes all."""
    share = np.asarray(people.share_taken)
    assert share.mean() == pytest.approx(0.8, abs=0.006)
    assert share.std() == pytest.approx(np.sqrt(0.8 * 0.2 / 9.0), rel=0.05)
    assert share.min() > 0.0
    assert share.max() < 1.0
    all_of_them = draw(jnp.arange(5), replace(spread_cohort, doses_taken=jnp.asarray(1.0)))
    np.testing.assert_array_equal(all_of_them.share_taken, 1.0)


def test_responses_are_independent_lognormals(people):
    """Standard deviation 0.2 of the logarithm, uncorrelated, median 1."""
    response = np.asarray(people.log_response)
    np.testing.assert_allclose(response.std(axis=0), 0.2, rtol=0.04)
    np.testing.assert_allclose(np.median(response, axis=0), 0.0, atol=0.01)
    assert abs(np.corrcoef(response.T)[0, 1]) < 0.05


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mean": 0.0, "sd": 1.0}, "`mean` must be positive"),
        ({"mean": 1.0, "sd": -1.0}, "`sd` must be finite and not negative"),
        ({"mean": 1.0, "sd": 0.1, "low": 2.0, "high": 1.0}, "`low` must be at least 0 and below `high`"),
        ({"mean": 1.0, "sd": 0.0, "low": 2.0}, "must hold the mean 1 where `sd` is 0"),
        ({"mean": 1.0, "sd": 0.1, "low": 9.0}, "must leave at least 0.0001 of the distribution"),
    ],
)
def test_spreads_that_cannot_be_drawn_from_are_refused(given, words):
    """By one sentence with the value."""
    with pytest.raises(ValueError, match=words):
        calibration.make_spread(**given)


@pytest.fixture(scope="module")
def spread_outcomes(people, spread_cohort):
    """What three months do to the first 64."""
    return outcomes(jax.tree.map(lambda leaf: leaf[:64], people), spread_cohort)


def test_an_untreated_person_in_a_steady_state_does_not_move(spread_outcomes):
    """Whoever it is; only QCT falls, less than 2 % a year, as it reads marrow that gains fat."""
    untreated = np.asarray(spread_outcomes.curves[:, 0])
    read = [calibration.QUANTITIES.index(name) for name in ("trabecular", "integral")]
    np.testing.assert_allclose(np.delete(untreated, read, axis=1), 100.0, atol=1e-6)
    years = (untreated.shape[-1] - 1) / 12
    assert np.all(untreated[:, read, -1] < 100.0)
    assert np.all(untreated[:, read, -1] > 100.0 - 2.0 * years)


def test_people_differ_in_what_treatment_does(spread_outcomes, people):
    """Everybody gains, by different amounts, and has the levels of a treated man."""
    gain = np.asarray(spread_outcomes.curves[:, 1, 1, -1]) - 100.0
    assert gain.min() > 0
    assert gain.std() > 0.1 * gain.mean()
    treated, untreated = np.asarray(spread_outcomes.testosterone_ng_dl).T[::-1]
    np.testing.assert_allclose(untreated, people.person.testosterone_ng_dl[:64], rtol=1e-9)
    assert np.all(treated > untreated)


def test_a_virtual_person_is_that_of_the_trial_model(spread_cohort):
    """The same man as the arm of a trial: `make_arm_batch`, its history and `person_curves`."""
    vertebra = spread_cohort.vertebra
    found = outcomes(draw(jnp.arange(64), make_cohort(MAN)), make_cohort(MAN)).curves[0, 1]
    protocol = remodeling.make_protocol([WEEKLY], duration_days=MONTHS * MONTH_DAYS)
    edges = jnp.arange(MONTHS * 30 + 1) * MONTH_DAYS / 30
    course = remodeling.course_of_exposure(
        MAN, remodeling.exposure(protocol, MAN.weight_kg, edges), step_days=MONTH_DAYS, per_step=30
    )
    now = course.baseline
    # a longer history in other steps of the same steady state
    history = remodeling.history_course(now, now, years=3.0, steps=40)

    @jax.jit
    def curves(course, history, parameters):
        past = remodeling.start_from_history(
            vertebra.density,
            history,
            parameters,
            female=MAN.female,
            compact=calibration.compact_classes(vertebra),
        )
        return calibration.person_curves(course, past, MAN.female, parameters, vertebra)

    expected = curves(course, history, spread_cohort.parameters)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_thin_bone_gains_more_and_a_parameter_acts():
    """Equal men but for their trabecular density; then but for their rate of resorption."""
    people = draw(jnp.arange(64), make_cohort(MAN))
    factors = jnp.asarray(np.where(np.arange(64) % 2 == 0, 0.7, 1.3))
    thin_and_dense = outcomes(replace(people, trabecular_density=factors), make_cohort(MAN))
    gain = np.asarray(thin_and_dense.curves[:2, 1, 1, -1]) - 100.0
    assert gain[0] > 1.1 * gain[1] > 0
    response = jnp.zeros((64, len(VARIED))).at[:, VARIED.index("resorption_rate")].set(jnp.log(factors))
    slow_and_fast = outcomes(replace(people, log_response=response), make_cohort(MAN))
    gain = np.asarray(slow_and_fast.curves[:2, 1, 1, -1]) - 100.0
    assert gain[1] > 1.1 * gain[0] > 0


def test_half_of_every_dose_is_half_the_prescription():
    """The share taken scales amounts."""
    people = draw(jnp.arange(64), make_cohort(MAN))
    half = replace(people, share_taken=jnp.full(64, 0.5, people.share_taken.dtype))
    of_half_doses = make_cohort(MAN, doses=[replace(WEEKLY, amount_mg=50.0)])
    found, expected = outcomes(half, make_cohort(MAN)), outcomes(people, of_half_doses)
    np.testing.assert_allclose(found.curves, expected.curves, rtol=1e-12)
    np.testing.assert_allclose(found.testosterone_ng_dl, expected.testosterone_ng_dl, rtol=1e-12)


@pytest.mark.slow
def test_the_gradient_of_the_mean_effect_equals_differences(spread_cohort, people):
    """By the resorption rate, through draw-free outcomes of four people."""
    few = jax.tree.map(lambda leaf: leaf[:4], people)

    @jax.jit
    def effect(scale):
        parameters = spread_cohort.parameters
        moved = replace(parameters, resorption_rate=scale * parameters.resorption_rate)
        curves = calibration.cohort_outcomes(few, replace(spread_cohort, parameters=moved)).curves
        return jnp.mean(curves[:, 1, 1, -1] - curves[:, 0, 1, -1])

    slope = jax.jit(jax.grad(effect))(1.0)
    step = 1e-4
    difference = (effect(1.0 + step) - effect(1.0 - step)) / (2 * step)
    assert float(slope) == pytest.approx(float(difference), rel=1e-5)
    assert abs(float(slope)) > 0.1
