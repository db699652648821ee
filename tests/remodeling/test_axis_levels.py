"""All axes together: exact baselines, one program for all people and arms, derivatives."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r
from tests.axis_runs import GIVEN, PEOPLE, daily, exposure


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


EXTREMES = {
    "testosterone_ng_dl": 5000.0,
    "estradiol_pg_ml": 2000.0,
    "oral_estrogen": 10.0,
    "aromatase_inhibition_men": 1.0,
    "aromatase_inhibition_women": 1.0,
    "gnrh_agonist": 1e3,
    "gnrh_antagonist": 1e3,
    "hcg_lh_iu_l": 500.0,
    "gh_ng_ml": 50.0,
    "ghrh_drive": 1e3,
    "ghs_drive": 1e3,
    "thyroxine_ug_per_day": 1e3,
    "insulin_index": 5.0,
}


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_levels_stay_finite_at_the_ends_of_every_range(dtype):
    """Persons at the limits of what is accepted, each drug far beyond use, alone and all together."""
    people = [
        r.make_person(
            testosterone_ng_dl=3.0, estradiol_pg_ml=1.0, lh_iu_l=0.05, igf1_ng_ml=20.0, dtype=dtype
        ),
        r.make_person(
            sex="female",
            testosterone_ng_dl=1.0,
            estradiol_pg_ml=0.5,
            lh_iu_l=100.0,
            igf1_ng_ml=600.0,
            dtype=dtype,
        ),
        r.make_person(sex="female", age_years=30.0, lh_iu_l=0.05, estradiol_pg_ml=400.0, dtype=dtype),
    ]
    arms = [exposure(60, **{name: value}) for name, value in EXTREMES.items()] + [exposure(60, **EXTREMES)]
    drugs = jax.tree.map(lambda *x: jnp.stack(x).astype(dtype), *arms)
    edges, constants = jnp.arange(61, dtype=dtype), r.make_axis_parameters(dtype=dtype)

    @jax.jit
    def run(people, drugs):
        def one(person, drug):
            return r.hormone_levels(person, drug, edges, constants)

        return jax.vmap(jax.vmap(one, in_axes=(None, 0)), in_axes=(0, None))(people, drugs)

    levels = run(r.stack_people(people), drugs)
    for field in dataclasses.fields(r.HormoneLevels):
        assert np.isfinite(getattr(levels, field.name)).all(), field.name
    assert float(levels.estradiol_pg_ml.min()) > 0


def test_steps_are_means_of_the_fine_grid_and_finer_grids_agree():
    """A step of 50 days is the mean of its days; half-days change the levels by 1 % or less."""
    person = r.make_person(**PEOPLE["eugonadal man"])
    protocol = r.make_protocol(
        [r.Dose("testosterone-cypionate", 100.0, every_days=7.0, stop_day=120.0)], duration_days=200.0
    )
    coarse, fine = (
        r.hormone_course(person, protocol, steps=4, step_days=50.0, per_step=n) for n in (50, 100)
    )
    given = r.exposure(protocol, person.weight_kg, jnp.arange(201.0))
    days = daily(person, 200, testosterone_ng_dl=given.testosterone_ng_dl)
    np.testing.assert_allclose(coarse.lh_iu_l, days.lh_iu_l.reshape(4, 50).mean(axis=1), rtol=1e-9)
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
