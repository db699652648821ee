"""Derivatives of hormone levels by drugs, person, dates and constants."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r
from tests.axis_runs import GIVEN, PEOPLE, exposure, for_days

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
