"""Exposure where it is not linear: effects of pulses, saturable elimination; gradients, one compilation."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

import remodeling as r
from tests.drug_runs import EDGES, exposed, exposure, mean_concentration


def effect_by_quadrature(name, half, day, dose, edges, weight=70.0):
    """Mean of x / (1 + x) of the superposed level, adaptive quadrature from dose to dose."""
    drug = r.DRUGS[name]
    (phase,) = drug.phases
    clearance = drug.clearance_l_per_day * (weight if drug.per_kg else 1.0)
    scale = drug.unit_ng * drug.absorbed * phase.rates_per_day[-1] / clearance / half
    rates = np.asarray(phase.rates_per_day)
    others = [np.delete(rates, i) - rate for i, rate in enumerate(rates)]
    weights = np.array([np.prod(rates[:-1]) / np.prod(gaps) for gaps in others])

    def effect(t):
        since = t - np.asarray(day)[np.asarray(day) <= t]
        x = scale * float(np.exp(-rates * since[:, None]) @ weights @ np.asarray(dose)[: since.size])
        return x / (1.0 + x)

    means = []
    for start, stop in itertools.pairwise(edges):
        ends = sorted({start, stop, *(d for d in day if start < d < stop)})
        total = sum(
            quad(effect, a, b, limit=400, epsabs=1e-9, points=a + (b - a) * np.geomspace(1e-3, 0.9, 8))[0]
            for a, b in itertools.pairwise(ends)
        )
        means.append(total / (stop - start))
    return np.array(means)


@pytest.mark.parametrize(
    ("name", "dose"),
    [("tesamorelin", 2.0), ("sermorelin", 0.5), ("ipamorelin", 10.0), ("hexarelin", 0.1), ("mk-677", 25.0)],
)
def test_short_lived_drugs_count_by_the_mean_of_their_effect(name, dose):
    """m / (1 - m), m the mean over the day of x / (1 + x); also where doses overlap and cross midnight."""
    (action,) = r.DRUGS[name].actions
    day, edges = [0.2, 0.25, 0.95, 2.6], [0.0, 1.0, 2.0, 3.0, 4.0]
    protocol = r.Protocol((jnp.array(day),), (jnp.full(4, dose),), (name,))
    got = np.asarray(getattr(exposure(protocol, 70.0, jnp.array(edges)), action.field))
    expected = effect_by_quadrature(name, 1.0 / action.factor, day, [dose] * 4, edges)
    np.testing.assert_allclose(got / (1.0 + got), expected, atol=2e-6)


def test_the_effect_of_the_mean_concentration_would_overrate_a_pulse():
    """Concave effect: mean of E(c) < E(mean of c), for tesamorelin by more than a factor of 2."""
    drug = r.DRUGS["tesamorelin"]
    drive = float(exposed(r.Dose("tesamorelin", 2.0, every_days=1.0)).ghrh_drive[-1])
    mean = mean_concentration(drug, jnp.array([30.0]), jnp.array([2.0]), 70.0, jnp.array([30.0, 31.0]))
    of_mean = float(mean[0]) * drug.actions[0].factor
    assert drive / (1 + drive) < 0.5 * of_mean / (1 + of_mean)


def test_agonists_of_one_receptor_share_it():
    """Together less than the sum of the effects, more than either; different receptors do not mix."""
    one, two = r.Dose("sermorelin", 0.5, every_days=1.0), r.Dose("tesamorelin", 2.0, every_days=1.0)
    means = [
        float(d / (1 + d)) for d in (exposed(*lines).ghrh_drive[-1] for lines in ((one,), (two,), (one, two)))
    ]
    assert max(means[:2]) < means[2] < means[0] + means[1]
    np.testing.assert_array_equal(exposed(one, two).ghs_drive, 0.0)


@pytest.mark.parametrize(("name", "dose"), [("denosumab", 60.0), ("romosozumab", 210.0)])
def test_saturable_levels_equal_the_integrated_equation(name, dose):
    """Exponential step of a day against LSODA: repeated doses, one before the start."""
    k = r.DRUGS[name].saturable
    assert k is not None
    day, edges, weight = np.array([-20.0, 10.5, 40.0]), np.arange(0.0, 121.0), 65.0

    def rhs(_, y):
        saturable = k.maximum_ng_ml_day / (k.half_ng_ml + y[1])
        inflow = k.absorption_per_day * y[0] * 1000.0 / (k.volume_l_per_kg * weight)
        return [-k.absorption_per_day * y[0], inflow - (k.elimination_per_day + saturable) * y[1], y[1]]

    y, integral = np.zeros(3), {}
    breaks = [*day, edges[-1]]
    for start, stop in itertools.pairwise(breaks):
        y = y + np.array([dose, 0.0, 0.0])
        inside = sorted({*(t for t in edges if start < t <= stop), stop})
        run = solve_ivp(rhs, (start, stop), y, method="LSODA", t_eval=inside, rtol=1e-9, atol=1e-9)
        integral.update(zip(run.t, run.y[2], strict=True))
        y = run.y[:, -1]
    expected = np.diff([integral[t] for t in edges])
    got = mean_concentration(r.DRUGS[name], jnp.asarray(day), jnp.full(3, dose), weight, jnp.asarray(edges))
    np.testing.assert_allclose(got, expected, rtol=5e-3, atol=1e-3 * expected.max())


def test_saturable_elimination_is_not_linear_in_the_dose():
    """Twice the denosumab more than doubles the area under the curve."""
    edges = jnp.arange(0.0, 400.0)
    areas = [
        float(jnp.sum(mean_concentration(r.DRUGS["denosumab"], jnp.zeros(1), jnp.array([x]), 70.0, edges)))
        for x in (30.0, 60.0)
    ]
    assert areas[1] > 2.1 * areas[0]


GRADIENTS = [
    ("testosterone-cypionate", 100.0),
    ("estradiol-patch-weekly", 0.05),
    ("anastrozole", 1.0),
    ("triptorelin-depot", 3.75),
    ("ipamorelin", 0.3),
    ("cjc-1295-dac", 4.0),
    ("denosumab", 60.0),
    ("alendronate", 70.0),
]


@pytest.mark.parametrize(("name", "dose"), GRADIENTS)
def test_exposure_is_differentiable_in_amounts_times_and_weight(name, dose):
    """AD = central difference, for doses, days and weight at once."""
    day = jnp.array([1.3, 8.4, 15.6])
    field = r.DRUGS[name].actions[0].field
    probe = jnp.cos(0.1 * jnp.arange(60.0))

    def value(days, doses, weight):
        level = getattr(r.exposure(r.Protocol((days,), (doses,), (name,)), weight, EDGES), field)
        return jnp.sum(probe * level)

    both = jax.jit(jax.value_and_grad(value, argnums=(0, 1, 2)))
    at = (day, jnp.array([1.0, 1.1, 0.9]) * dose, jnp.asarray(70.0))
    along = (jnp.array([0.3, -0.2, 0.5]), jnp.array([0.2, 0.7, -0.4]) * dose, jnp.asarray(3.0))
    got = sum(float(jnp.vdot(g, v)) for g, v in zip(both(*at)[1], along, strict=True))
    h = 1e-5
    ends = [both(*(a + s * h * v for a, v in zip(at, along, strict=True)))[0] for s in (1.0, -1.0)]
    np.testing.assert_allclose(got, (ends[0] - ends[1]) / (2 * h), rtol=2e-5, atol=1e-8)


@pytest.mark.slow
def test_arms_and_people_are_one_compilation():
    """jit of vmap traces once over changed doses, times and weights, and equals the single runs."""
    protocol = r.make_protocol(
        [
            r.Dose("testosterone-enanthate", 100.0, every_days=7.0),
            r.Dose("hexarelin", 0.1, every_days=0.5, stop_day=20.0),
            r.Dose("denosumab", 60.0),
        ],
        duration_days=60.0,
    )
    traces = []

    def run(scale, shift, weight):
        traces.append(None)
        arm = r.Protocol(
            tuple(day + shift for day in protocol.dose_day),
            tuple(scale * dose for dose in protocol.dose_mg),
            protocol.drugs,
        )
        return r.exposure(arm, weight, EDGES)

    batched = jax.jit(jax.vmap(run))
    first = batched(jnp.array([0.0, 1.0]), jnp.array([0.0, 2.2]), jnp.array([60.0, 90.0]))
    batched(jnp.array([0.5, 2.0]), jnp.array([1.0, 0.1]), jnp.array([50.0, 80.0]))
    assert len(traces) == 1
    single = run(jnp.asarray(1.0), jnp.asarray(2.2), jnp.asarray(90.0))
    for got, expected in zip(jax.tree.leaves(first), jax.tree.leaves(single), strict=True):
        np.testing.assert_allclose(got[1], expected, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(got[0], 0.0, atol=1e-12)


def test_dtype_follows_the_grid():
    """float32 in, float32 out, to 1e-3 of the float64 answer."""
    weekly = r.Dose("testosterone-cypionate", 100.0, every_days=7.0)
    lines = [weekly, r.Dose("tesamorelin", 2.0, every_days=1.0)]
    single = exposure(
        r.make_protocol(lines, duration_days=60.0, dtype=jnp.float32), 70.0, EDGES.astype(jnp.float32)
    )
    for got, expected in zip(jax.tree.leaves(single), jax.tree.leaves(exposed(*lines)), strict=True):
        assert got.dtype == jnp.float32
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)
