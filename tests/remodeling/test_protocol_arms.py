"""Prescriptions as arrays: traced times of doses, and arms padded to one shape."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import remodeling as r

EDGES = jnp.arange(0.0, 121.0)
ARMS = {
    "nothing": [],
    "gel": [r.Dose("testosterone-gel", 50.0, every_days=1.0, start_day=3.0)],
    "gel, a pause, and an inhibitor": [
        r.Dose("testosterone-gel", 50.0, every_days=1.0, stop_day=30.0),
        r.Dose("testosterone-gel", 25.0, every_days=1.0, start_day=60.0),
        r.Dose("anastrozole", 1.0, every_days=3.5),
    ],
    "agonist": [r.Dose("triptorelin-depot", 3.75, every_days=28.0, stop_day=80.0)],
    "patch, then antibody": [
        r.Dose("estradiol-patch-twice-weekly", 0.05, every_days=3.5, stop_day=50.0),
        r.Dose("denosumab", 60.0, start_day=50.0),
    ],
    "before the start": [r.Dose("denosumab", 60.0, start_day=-100.0)],
    "teriparatide": [r.Dose("teriparatide", 0.02, every_days=1.0)],
}
exposure = jax.jit(r.exposure)


def protocol(lines) -> r.Protocol:
    return r.make_protocol(lines, duration_days=120.0)


@pytest.mark.slow
def test_an_arm_of_a_batch_gets_what_it_gets_alone():
    """Exposure of each row of the stacked prescription = that of the arm, in one traced program."""
    traces = []

    def one(given):
        traces.append(1)
        return r.exposure(given, 70.0, EDGES)

    stacked = r.stack_protocols([protocol(lines) for lines in ARMS.values()])
    together = jax.jit(jax.vmap(one))(stacked)
    assert len(traces) == 1
    for row, (name, lines) in enumerate(ARMS.items()):
        alone = exposure(protocol(lines), 70.0, EDGES)
        for field, value in vars(alone).items():
            got = getattr(together, field)[row]
            scale = float(jnp.abs(value).max())
            np.testing.assert_allclose(got, value, rtol=1e-8, atol=1e-8 * scale, err_msg=f"{name} {field}")


def test_a_repeated_dose_is_the_line_of_a_prescription():
    """Days and amounts of `make_protocol` where the stop is a whole number of intervals away; then zeros."""
    line = r.Dose("alendronate", 70.0, every_days=7.0, start_day=4.0, stop_day=4.0 + 70.0)
    made = protocol([line])
    repeated = r.repeated_dose("alendronate", 70.0, every_days=7.0, doses=14, start_day=4.0, stop_day=74.0)
    np.testing.assert_allclose(repeated.dose_day[0][:10], made.dose_day[0], rtol=1e-12)
    np.testing.assert_allclose(repeated.dose_mg[0][:10], made.dose_mg[0], rtol=1e-12)
    np.testing.assert_array_equal(repeated.dose_mg[0][10:], 0.0)


def test_the_last_dose_has_its_share_of_the_interval():
    """Amount in all = amount per interval times intervals before the stop, continuous across a dose."""
    for intervals in (2.0, 2.4, 2.999999, 3.000001):
        given = r.repeated_dose("denosumab", 60.0, every_days=180.0, doses=5, stop_day=180.0 * intervals)
        np.testing.assert_allclose(given.dose_mg[0].sum(), 60.0 * intervals, rtol=1e-9)


def test_doses_are_missed_by_an_amount_of_zero():
    """An array of amounts, one a dose."""
    amounts = jnp.array([1.0, 0.0, 1.0])
    given = r.repeated_dose("estradiol-oral", amounts, every_days=1.0, doses=3, start_day=2.0)
    np.testing.assert_array_equal(given.dose_day[0], [2.0, 3.0, 4.0])
    np.testing.assert_array_equal(given.dose_mg[0], amounts)


def test_joined_lines_act_together():
    """Exposure of two prescriptions in one = that of one prescription with both lines."""
    lines = ARMS["gel, a pause, and an inhibitor"]
    joined = r.join_protocols([protocol(lines[:1]), protocol(lines[1:])])
    for got, expected in zip(
        jax.tree.leaves(exposure(joined, 70.0, EDGES)),
        jax.tree.leaves(exposure(protocol(lines), 70.0, EDGES)),
        strict=True,
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_a_batch_keeps_the_precision_of_its_arms():
    """float32 prescriptions give a float32 batch."""
    single = [r.make_protocol(lines, duration_days=120.0, dtype=jnp.float32) for lines in ARMS.values()]
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(r.stack_protocols(single)))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: r.repeated_dose("aspirin", 1.0, every_days=1.0, doses=1), "`drug`"),
        (lambda: r.repeated_dose("denosumab", 60.0, every_days=180.0, doses=0), "`doses`"),
        (lambda: r.stack_protocols([]), "`protocols`"),
    ],
)
def test_wrong_prescriptions_are_named(call, text):
    """The error names the argument."""
    with pytest.raises(ValueError, match=text):
        call()


def test_arms_without_any_dose_stack_to_no_treatment():
    """Nobody is given anything: a prescription without lines."""
    none = r.make_protocol([], duration_days=30.0)
    stacked = r.stack_protocols([none, none])
    assert (stacked.drugs, stacked.dose_day, stacked.dose_mg) == ((), (), ())
