"""Blood levels of drugs: closed forms, superposition, mass balance, published courses."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import remodeling as r

CHAINS = {
    f"{drug.name}-{number}": phase.rates_per_day
    for drug in r.DRUGS.values()
    for number, phase in enumerate(drug.phases)
}
"Every chain of first-order steps of the registry."


def rates_of(name):
    """Rates of the one chain of a drug."""
    (phase,) = r.DRUGS[name].phases
    return phase.rates_per_day


def chain_by_ode(rates, doses, times):
    """Amounts of the last compartment by integrating the chain between doses."""
    n = len(rates)

    def rhs(_, y):
        out = -np.asarray(rates) * y
        out[1:] += np.asarray(rates)[:-1] * y[:-1]
        return out

    breaks = sorted({0.0, *(t for t, _ in doses), times[-1]})
    y, values = np.zeros(n), {}
    for start, stop in itertools.pairwise(breaks):
        y[0] += sum(x for t, x in doses if t == start)
        inside = [t for t in times if start <= t < stop or t == times[-1] == stop]
        run = solve_ivp(
            rhs,
            (start, stop),
            y,
            method="LSODA",
            t_eval=[*inside, stop] if stop not in inside else inside,
            rtol=1e-12,
            atol=1e-13,
        )
        for t, v in zip(run.t, run.y[-1], strict=True):
            values[t] = v
        y = run.y[:, -1].copy()
    return np.array([values[t] for t in times])


@pytest.mark.parametrize("name", sorted(CHAINS))
def test_levels_equal_the_integrated_chain(name):
    """Bateman's closed form against LSODA, several doses."""
    rates = CHAINS[name]
    doses = [(0.0, 100.0), (7.0, 50.0), (14.5, 80.0)]
    times = [0.5, 1.0, 3.0, 6.9, 8.0, 15.0, 20.0, 40.0]
    got = r.amount_in_blood(
        jnp.array(times),
        jnp.array([t for t, _ in doses]),
        jnp.array([x for _, x in doses]),
        rates,
    )
    np.testing.assert_allclose(got, chain_by_ode(rates, doses, times), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", sorted(CHAINS))
def test_the_mean_is_the_integral_of_the_level(name):
    """Mean over an interval = Gauss quadrature of the level, also where a dose falls inside it."""
    rates = CHAINS[name]
    day, dose = jnp.array([0.0, 10.0]), jnp.array([100.0, 60.0])
    edges = jnp.array([0.0, 10.0, 30.0])
    got = r.mean_amount_in_blood(edges, day, dose, rates)
    x, w = np.polynomial.legendre.leggauss(40)
    for i, (a, b) in enumerate(((0.0, 10.0), (10.0, 30.0))):
        # Panels shrink towards the dose, where fast drugs change within minutes.
        ends = a + (b - a) * np.concatenate([[0.0], np.geomspace(1e-6, 1.0, 60)])
        total = 0.0
        for lo, hi in itertools.pairwise(ends):
            t = jnp.asarray(0.5 * (hi - lo) * x + 0.5 * (hi + lo))
            total += 0.5 * (hi - lo) * float(w @ r.amount_in_blood(t, day, dose, rates))
        np.testing.assert_allclose(got[i], total / (b - a), rtol=1e-8)


@pytest.mark.parametrize("name", sorted(CHAINS))
def test_mass_is_balanced(name):
    """All that is given is eliminated: k_e int amount dt = dose."""
    rates = CHAINS[name]
    mean = r.mean_amount_in_blood(
        jnp.array([0.0, 40.0 / min(rates)]), jnp.array([0.0]), jnp.array([7.0]), rates
    )
    np.testing.assert_allclose(mean[0] * 40.0 / min(rates) * rates[-1], 7.0, rtol=1e-10)


def test_weekly_doses_reach_the_closed_steady_state():
    """Mean over an interval at steady state = dose / (tau k_e)."""
    rates = rates_of("testosterone-cypionate")
    day = jnp.arange(0.0, 364.0, 7.0)
    got = r.mean_amount_in_blood(jnp.array([350.0, 357.0]), day, jnp.full(day.shape, 100.0), rates)
    np.testing.assert_allclose(got[0], 100.0 / (7.0 * rates[-1]), rtol=1e-8)


def test_a_depot_outlasts_its_stop():
    """Pellets: three months after the last implant about 39 % of the release goes on; gel is gone in a
    week.
    """
    left = {}
    for name in ("testosterone-pellets", "testosterone-gel"):
        rates = rates_of(name)
        level = r.amount_in_blood(jnp.array([1.0, 92.0]), jnp.array([0.0]), jnp.array([800.0]), rates)
        left[name] = float(level[1] / level[0])
    assert 0.3 < left["testosterone-pellets"] < 0.5
    assert left["testosterone-gel"] < 1e-6


def test_pellets_release_what_was_measured():
    """1.34 mg/day (95 % interval 1.30 to 1.37) per 200 mg over the first three months (Kelleher et al.)."""
    rates = rates_of("testosterone-pellets")
    mean = r.mean_amount_in_blood(jnp.array([0.0, 91.3]), jnp.array([0.0]), jnp.array([200.0]), rates)
    assert 1.30 < float(mean[0]) * rates[-1] < 1.37


def test_gel_gives_the_levels_of_finkelstein():
    """147 and 293 ng/dL above no gel for 12.5 and 25 mg/day with suppressed gonads (44, 191, 337 ng/dL)."""
    man = r.make_person(testosterone_ng_dl=44.0, estradiol_pg_ml=4.0, lh_iu_l=0.1)
    for amount, expected in ((12.5, 191.0), (25.0, 337.0)):
        protocol = r.make_protocol([r.Dose("testosterone-gel", amount, every_days=1.0)], duration_days=112.0)
        course = r.hormone_course(man, protocol, steps=4, step_days=28.0)
        # The remaining gonadal testosterone is suppressed a little further by the feedback.
        np.testing.assert_allclose(course.testosterone_ng_dl[-1], expected, rtol=0.15)


def test_one_injection_of_cypionate_follows_nankin():
    """200 mg in a hypogonadal man: about threefold testosterone at days 2-5, threefold estradiol, basal by
    day 14.
    """
    man = r.make_person(testosterone_ng_dl=350.0, estradiol_pg_ml=20.0, axis="primary")
    protocol = r.make_protocol([r.Dose("testosterone-cypionate", 200.0)], duration_days=28.0)
    course = r.hormone_course(man, protocol, steps=28, step_days=1.0)
    rise = np.asarray(course.testosterone_ng_dl) / 350.0
    assert 2 <= np.argmax(rise) + 0.5 <= 5
    assert 2.5 < rise.max() < 3.7
    assert rise[13] < 1.4
    assert 2.3 < np.asarray(course.estradiol_pg_ml).max() / 20.0 < 3.5
    free = np.asarray(course.free_testosterone_ng_dl) / float(course.baseline.free_testosterone_ng_dl)
    assert 3.5 < free.max() < 5.0


def test_levels_are_differentiable_in_the_amounts():
    """d level / d dose by AD = finite difference; amounts superpose linearly before the axis."""
    man = r.make_person(testosterone_ng_dl=200.0, estradiol_pg_ml=15.0, axis="secondary")
    protocol = r.make_protocol([r.Dose("testosterone-cypionate", 100.0, every_days=7.0)], duration_days=90.0)

    def last(scale):
        scaled = r.Protocol(protocol.dose_day, tuple(scale * a for a in protocol.dose_mg), protocol.drugs)
        return r.hormone_course(man, scaled, steps=3, step_days=30.0).estradiol_pg_ml[-1]

    last = jax.jit(last)
    h = 1e-4
    np.testing.assert_allclose(jax.grad(last)(1.0), (last(1 + h) - last(1 - h)) / (2 * h), rtol=1e-7)


def test_missed_and_stopped_doses_are_not_given():
    """Doses at 0, 7, 14, ... before the stop, less the missed ones."""
    protocol = r.make_protocol(
        [r.Dose("testosterone-cypionate", 100.0, every_days=7.0, stop_day=35.0)],
        duration_days=100.0,
        missed_days=[14.0],
    )
    np.testing.assert_array_equal(protocol.dose_day[0], [0.0, 7.0, 21.0, 28.0])


@pytest.mark.parametrize(
    ("dose", "text"),
    [
        (r.Dose("testosteron", 100.0), "`drug`"),
        (r.Dose("testosterone-gel", 100.0, route="oral"), "`route`"),
        (r.Dose("testosterone-cypionate", 100000.0), "`amount_mg`"),
        (r.Dose("testosterone-cypionate", 100.0, every_days=0.0), "`every_days`"),
        (r.Dose("testosterone-cypionate", 100.0, start_day=10.0, stop_day=5.0), "`stop_day`"),
        (r.Dose("testosterone-cypionate", 100.0, start_day=400.0), "`start_day`"),
    ],
)
def test_wrong_prescriptions_are_named(dose, text):
    """The error names the field and the line."""
    with pytest.raises(ValueError, match=text):
        r.make_protocol([dose], duration_days=365.0)
