"""All axes together: exact baselines, one program for all people and arms, derivatives."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r
from tests.axis_runs import daily, exposure, for_days

PEOPLE = {
    "eugonadal man": {"testosterone_ng_dl": 600.0, "estradiol_pg_ml": 28.0},
    "secondary": {"testosterone_ng_dl": 200.0, "estradiol_pg_ml": 15.0, "axis": "secondary"},
    "primary": {"testosterone_ng_dl": 230.0, "estradiol_pg_ml": 20.0, "lh_iu_l": 12.0, "igf1_ng_ml": 110.0},
    "woman of 35": {"sex": "female", "age_years": 35.0, "insulin_sensitivity": 0.6},
    "woman of 60": {"sex": "female", "years_since_menopause": 15.0, "igf1_ng_ml": 90.0, "free_t4_ng_dl": 0.7},
    "without ovaries": {"sex": "female", "age_years": 50.0, "menopause": "surgical", "lh_iu_l": 60.0},
    "hypothalamic": {"sex": "female", "age_years": 25.0, "lh_iu_l": 1.0, "estradiol_pg_ml": 20.0},
    "toxic": {"thyrotoxicosis": r.Thyrotoxicosis()},
    "without insulin": {"insulin_deficiency": r.InsulinDeficiency()},
}
GIVEN = {
    "testosterone_ng_dl": 150.0,
    "estradiol_pg_ml": 20.0,
    "oral_estrogen": 1.0,
    "progestogen": 100.0,
    "aromatase_inhibition": 0.4,
    "gonadorelin_mg_per_day": 0.05,
    "gnrh_agonist": 0.3,
    "gnrh_antagonist": 0.4,
    "hcg_lh_iu_l": 2.0,
    "gh_ng_ml": 0.3,
    "ghrh_drive": 0.3,
    "ghs_drive": 0.2,
    "thyroxine_ug_per_day": 60.0,
    "insulin_index": 0.4,
}


@pytest.mark.parametrize("name", PEOPLE)
def test_without_treatment_every_level_stays_at_the_measured_one(name):
    """Nothing given, no menopause in sight: all levels of the course equal the baseline to 1e-9."""
    person = r.make_person(**PEOPLE[name])
    course = r.course_of_exposure(person, r.no_exposure(120), step_days=30.0, per_step=30)
    for field in dataclasses.fields(r.HormoneLevels):
        levels, start = (getattr(x, field.name) for x in (course.levels, course.baseline))
        np.testing.assert_allclose(levels, jnp.broadcast_to(start, (4,)), rtol=1e-9, atol=1e-12)
    for field in ("testosterone_ng_dl", "estradiol_pg_ml", "shbg_nmol_l", "igf1_ng_ml"):
        np.testing.assert_allclose(
            getattr(course.baseline, field), getattr(person, field), rtol=1e-9, err_msg=field
        )
    if "lh_iu_l" in PEOPLE[name]:
        np.testing.assert_allclose(course.lh_iu_l, PEOPLE[name]["lh_iu_l"], rtol=1e-9)


def test_people_and_arms_run_in_one_compilation():
    """vmap over men and women and over arms: one trace, and each result is that of the single run."""
    people = r.stack_people([r.make_person(**given) for given in PEOPLE.values()])
    arms = [
        exposure(60),
        exposure(60, testosterone_ng_dl=300.0),
        exposure(60, gnrh_agonist=10.0),
        exposure(60, **GIVEN),
    ]
    traces = []

    def course(person, arm):
        traces.append(1)
        return r.course_of_exposure(person, arm, step_days=30.0, per_step=30)

    both = jax.jit(jax.vmap(jax.vmap(course, in_axes=(None, 0)), in_axes=(0, None)))
    result = both(people, jax.tree.map(lambda *x: jnp.stack(x), *arms))
    other = both(people, jax.tree.map(lambda *x: 1.1 * jnp.stack(x), *arms))
    assert len(traces) == 1
    assert result.estradiol_pg_ml.shape == (len(PEOPLE), 4, 2)
    assert not np.allclose(result.estradiol_pg_ml, other.estradiol_pg_ml)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result))
    for row, name in ((2, "primary"), (4, "woman of 60")):
        alone = r.course_of_exposure(r.make_person(**PEOPLE[name]), arms[3], step_days=30.0, per_step=30)
        for field in dataclasses.fields(r.HormoneLevels):
            np.testing.assert_allclose(
                getattr(result.levels, field.name)[row, 3], getattr(alone.levels, field.name), rtol=1e-9
            )


DAYS = 40


@jax.jit
def _summary(given: r.Exposure, person: r.Person, constants: r.AxisParameters) -> jax.Array:
    """One number in which every level takes part, each with a weight of its own."""
    levels = r.hormone_levels(person, given, jnp.arange(DAYS + 1.0), constants)
    values = [jnp.mean(getattr(levels, field.name)) for field in dataclasses.fields(r.HormoneLevels)]
    return jnp.asarray(sum((i + 1.0) * jnp.log(2.0 + v) for i, v in enumerate(values)))


_gradients = jax.jit(jax.grad(_summary, argnums=(0, 1, 2)))


def _check(arguments, gradients, which: int, field: str, step):
    """d f(x + s v) / ds at 0 by reverse mode = central difference, v = `step` in one field of one input."""
    h = 1e-5

    def at(s):
        moved = getattr(arguments[which], field) + s * step
        changed = dataclasses.replace(arguments[which], **{field: moved})
        return float(_summary(*arguments[:which], changed, *arguments[which + 1 :]))

    slope = float(jnp.vdot(getattr(gradients[which], field), step))
    expected = (at(h) - at(-h)) / (2 * h)
    np.testing.assert_allclose(slope, expected, rtol=2e-5, atol=1e-8, err_msg=field)


@pytest.mark.parametrize("name", ["secondary", "woman of 60"])
def test_derivatives_by_exposure_person_and_constants_are_those_of_differences(name):
    """Reverse mode against central differences, along each drug, each number of the person, each constant."""
    given = exposure(DAYS, **{k: v * (0.5 + for_days(0.5, 20, DAYS)) for k, v in GIVEN.items()})
    arguments = (given, r.make_person(**PEOPLE[name]), r.make_axis_parameters())
    gradients = _gradients(*arguments)
    for field in GIVEN:
        _check(arguments, gradients, 0, field, getattr(given, field))
    chosen = {"age_years", "female", "axis", "surgical", "lh_iu_l"}
    for field in set(vars(arguments[1])) - chosen:
        if not field.endswith("_day"):
            _check(arguments, gradients, 1, field, getattr(arguments[1], field))
    for field in vars(arguments[2]):
        _check(arguments, gradients, 2, field, 0.1 + getattr(arguments[2], field))


@pytest.mark.parametrize("name", ["secondary", "woman of 35", "woman of 60"])
def test_derivatives_are_finite_where_nothing_is_given(name):
    """The untreated person is a point of no NaN and no infinite slope, for any drug, number and constant."""
    gradients = _gradients(r.no_exposure(DAYS), r.make_person(**PEOPLE[name]), r.make_axis_parameters())
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    assert float(jnp.abs(gradients[0].testosterone_ng_dl).sum()) > 0


def test_dates_of_menopause_and_of_conditions_can_be_differentiated():
    """d f / d (date) by reverse mode = central difference, dates inside a day."""
    person = r.make_person(
        sex="female",
        age_years=45.0,
        menopause="surgical",
        years_since_menopause=-10.4 / 365.25,
        thyrotoxicosis=r.Thyrotoxicosis(start_day=5.3, end_day=12.6),
        insulin_deficiency=r.InsulinDeficiency(start_day=3.2, end_day=14.7),
    )
    arguments = (r.no_exposure(DAYS), person, r.make_axis_parameters())
    gradients = _gradients(*arguments)
    _check(arguments, gradients, 1, "years_since_menopause", jnp.asarray(0.01))
    for field in ("toxic_start_day", "toxic_end_day", "insulin_start_day", "insulin_end_day"):
        _check(arguments, gradients, 1, field, jnp.asarray(1.0))


def test_single_precision_agrees_with_double():
    """float32 levels within 1e-4 of float64, same dtype out as in."""
    person = r.make_person(**PEOPLE["secondary"], dtype=jnp.float32)
    given = jax.tree.map(lambda x: x.astype(jnp.float32), exposure(60, **GIVEN))
    constants = r.make_axis_parameters(dtype=jnp.float32)
    single = jax.jit(r.hormone_levels)(person, given, jnp.arange(61, dtype=jnp.float32), constants)
    double = daily(r.make_person(**PEOPLE["secondary"]), 60, None, **GIVEN)
    for field in dataclasses.fields(r.HormoneLevels):
        value = getattr(single, field.name)
        assert value.dtype == jnp.float32, field.name
        np.testing.assert_allclose(value, getattr(double, field.name), rtol=1e-4, atol=1e-4)


def test_steps_are_means_of_the_fine_grid_and_finer_grids_agree():
    """A month is the mean of its 30 days; half-days change the levels on testosterone by 1 % or less."""
    person = r.make_person(**PEOPLE["eugonadal man"])
    protocol = r.make_protocol(
        [r.Dose("testosterone-cypionate", 100.0, every_days=7.0, stop_day=120.0)], duration_days=240.0
    )
    run = jax.jit(r.hormone_course, static_argnames=("steps", "step_days", "per_step"))
    coarse, fine = (run(person, protocol, steps=8, step_days=30.0, per_step=n) for n in (30, 60))
    edges = jnp.arange(241.0)
    given = r.protocol_exposure(protocol, person.weight_kg, edges)
    days = daily(person, 240, testosterone_ng_dl=given.testosterone_ng_dl)
    np.testing.assert_allclose(coarse.lh_iu_l, days.lh_iu_l.reshape(8, 30).mean(axis=1), rtol=1e-9)
    np.testing.assert_allclose(fine.testosterone_ng_dl, coarse.testosterone_ng_dl, rtol=0.01)
    np.testing.assert_allclose(fine.estradiol_pg_ml, coarse.estradiol_pg_ml, rtol=0.01)


def test_grids_that_do_not_fit_are_refused():
    """Intervals must divide into steps; a traced step length needs the number of intervals."""
    person = r.make_person(**PEOPLE["secondary"])
    with pytest.raises(ValueError, match="multiple of `per_step` 30, got 50"):
        r.course_of_exposure(person, r.no_exposure(50), step_days=30.0, per_step=30)
    protocol = r.make_protocol([], duration_days=60.0)
    with pytest.raises(ValueError, match="`per_step` must be given"):
        jax.jit(lambda days: r.hormone_course(person, protocol, steps=2, step_days=days))(30.0)
    with pytest.raises(ValueError, match="`per_step` must be at least 1"):
        r.hormone_course(person, protocol, steps=2, step_days=30.0, per_step=0)


def test_every_constant_has_status_and_source_and_a_field():
    """AXIS_PARAMETERS is in the order of the fields; each row says measured, fitted or assumed."""
    names = [field.name for field in dataclasses.fields(r.AxisParameters)]
    assert [row.name for row in r.AXIS_PARAMETERS] == names
    for row in r.AXIS_PARAMETERS:
        assert row.status in {"measured", "fitted", "assumed"}, row.name
        assert row.source, row.name
        assert row.meaning, row.name
    with pytest.raises(ValueError, match="AXIS_PARAMETERS"):
        r.make_axis_parameters(leptin=1.0)
    with pytest.raises(ValueError, match="`tachyphylaxis_days`"):
        r.make_axis_parameters(tachyphylaxis_days=0.0)
