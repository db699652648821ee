"""Fat of the marrow: its formula, what was seen of it, its derivatives."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

import remodeling

MONTH_DAYS = 365.25 / 12


def _course(estradiol, start=20.0, step_days=MONTH_DAYS) -> remodeling.HormoneCourse:
    before = remodeling.make_hormone_levels(estradiol_pg_ml=start)
    return remodeling.make_hormone_course(
        before, steps=len(estradiol), step_days=step_days, estradiol_pg_ml=np.asarray(estradiol, float)
    )


def test_fat_is_its_formula():
    """F0 - bF [L(E) - L(E0)] + aF t at the end of every step, F0 before the first."""
    p = remodeling.make_parameters(
        marrow_fat=0.4, marrow_fat_estradiol=0.1, marrow_fat_aging=0.01, estradiol_scale=10.0
    )
    found = remodeling.marrow_fat(_course([20.0, 60.0, 5.0], step_days=365.25), p)
    effect = np.log1p(np.array([20.0, 60.0, 5.0]) / 10) / np.log(11)
    by_hand = 0.4 - 0.1 * (effect - effect[0]) + 0.01 * np.arange(1, 4)
    np.testing.assert_allclose(found, [0.4, *by_hand], rtol=1e-12)


def test_steps_of_different_length_add_up():
    """Two steps of half a year age the marrow as one of a year does."""
    p = remodeling.default_parameters()
    halves = replace(_course([20.0, 20.0]), step_days=jnp.full(2, 365.25 / 2))
    whole = remodeling.marrow_fat(_course([20.0], step_days=365.25), p)
    np.testing.assert_allclose(remodeling.marrow_fat(halves, p)[-1], whole[-1], rtol=1e-12)


def test_oral_estradiol_takes_the_fat_that_was_seen():
    """2 mg a day after menopause: -0.05 (0.01 to 0.09) in two weeks, six women (Limonard 2015)."""
    woman = remodeling.make_person(sex="female", age_years=60.0, menopause="natural")
    protocol = remodeling.make_protocol(
        [remodeling.Dose("estradiol-oral", 2.0, every_days=1.0)], duration_days=MONTH_DAYS
    )
    course = remodeling.hormone_course(woman, protocol, steps=1, step_days=MONTH_DAYS)
    fat = remodeling.marrow_fat(course, remodeling.default_parameters())
    assert 0.01 < float(fat[0] - fat[-1]) < 0.09


def test_derivatives_equal_finite_differences():
    """d(fat at the end) / d(parameters, estradiol), reverse mode against central differences, to 1e-6."""
    p, course = remodeling.default_parameters(), _course([20.0, 60.0])

    def last(estradiol, scale, brake, aging):
        levels = replace(course.levels, estradiol_pg_ml=jnp.stack([jnp.asarray(20.0), estradiol]))
        given = replace(p, estradiol_scale=scale, marrow_fat_estradiol=brake, marrow_fat_aging=aging)
        return remodeling.marrow_fat(replace(course, levels=levels), given)[-1]

    at = [jnp.asarray(value) for value in (60.0, 12.0, 0.07, 0.006)]
    gradient = jax.grad(last, argnums=(0, 1, 2, 3))(*at)
    for place, value in enumerate(at):
        step = 1e-5 * value
        ends = [last(*at[:place], value + sign * step, *at[place + 1 :]) for sign in (1, -1)]
        np.testing.assert_allclose(gradient[place], (ends[0] - ends[1]) / (2 * step), rtol=1e-6)
