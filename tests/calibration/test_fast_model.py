"""The fast model against simulations made by hand: predictions, their derivatives, the objective."""

import functools
from dataclasses import fields, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import calibration
import remodeling
from calibration._predictions import arm_curves, changes_of
from tests.calibration_arms import ARMS, MONTHS, as_float32, batch, observations, table, trials, vertebra

LEARNED = ("resorption_rate", "estradiol_resorption", "testosterone_balance", "igf1_resorption")
TRACES: list[int] = []


def _posterior(*arguments):
    TRACES.append(1)
    return calibration.negative_log_posterior(*arguments)


_compiled = jax.jit(jax.value_and_grad(_posterior))


def _value_and_gradient(log_values, prior, mask):
    fixed = remodeling.default_parameters()
    return _compiled(log_values, prior, fixed, batch(), vertebra(), table(), mask)


@functools.cache
def _prior() -> calibration.LogNormalPrior:
    return calibration.make_parameter_prior(LEARNED)


def _start() -> dict[str, jax.Array]:
    fixed = remodeling.default_parameters()
    return {name: jnp.log(getattr(fixed, name, value)) for name, value in _prior().median.items()}


def _all() -> jax.Array:
    return jnp.ones(len(observations()))


_compiled_curves = jax.jit(arm_curves)


@functools.cache
def _curves() -> np.ndarray:
    return np.asarray(_compiled_curves(remodeling.default_parameters(), batch(), vertebra()))


@functools.cache
def _predictions() -> np.ndarray:
    run = jax.jit(calibration.predict)
    return np.asarray(run(remodeling.default_parameters(), batch(), vertebra(), table()))


def _prediction(arm: str, observable: str, end: float) -> float:
    """Prediction of the first observation of an arm, observable and end."""
    for place, seen in enumerate(observations()):
        if (seen.arm, seen.observable, seen.end_month) == (arm, observable, end):
            return float(_predictions()[place])
    raise LookupError(f"{arm} {observable} {end}")


@functools.cache
def _by_hand(load: float = 1.0) -> remodeling.Trajectory:
    """Smith 2001 by `remodeling.simulate` from the steady state: typical man, then 20 ng/dL and 4 pg/mL."""
    p, bone = remodeling.default_parameters(), vertebra()
    person = remodeling.make_person(sex="male", age_years=60.0)
    before = remodeling.untreated_levels(person, remodeling.make_axis_parameters())
    levels = {}
    for name, level in (("testosterone_ng_dl", 20.0), ("estradiol_pg_ml", 4.0)):
        start = float(getattr(before, name))
        levels[name] = np.array([(start + level) / 2, *[level] * (MONTHS - 1)])
    course = remodeling.make_hormone_course(before, steps=MONTHS, step_days=365.25 / 12, **levels)
    trajectory, _ = jax.jit(remodeling.simulate, static_argnames="options")(
        bone.density,
        remodeling.make_surrogate(),
        course,
        p,
        compartments=jnp.arange(3),
        compact=calibration.compact_classes(bone),
        load_factor=jnp.full(MONTHS, load),
        options=remodeling.make_options(solve_every=1, report_every=1, compartments=3),
    )
    return trajectory


def _read(trabecular: np.ndarray) -> np.ndarray:
    """Trabecular density of Smith 2001 as QCT reads it, % of month 0: fat of the marrow by its formula."""
    p = remodeling.default_parameters()
    person = remodeling.make_person(sex="male", age_years=60.0)
    before = remodeling.untreated_levels(person, remodeling.make_axis_parameters())
    start = float(before.estradiol_pg_ml)
    estradiol = np.array([start, (start + 4.0) / 2, *[4.0] * (MONTHS - 1)])
    scale = float(p.estradiol_scale)
    effect = np.log1p(estradiol / scale) / np.log1p(100.0 / scale)
    fat = float(p.marrow_fat) - float(p.marrow_fat_estradiol) * (effect - effect[0])
    fat += float(p.marrow_fat_aging) * np.arange(MONTHS + 1) / 12
    read = np.asarray(calibration.single_energy_density(jnp.asarray(1000 * trabecular), jnp.asarray(fat)))
    return 100 * read / read[0]


@pytest.mark.slow
def test_load_of_a_person_is_that_of_a_simulation_by_hand():
    """Smith 2001 lying down, half the load: his trabecular curve, and nobody else's, falls further."""
    row = batch().arms.index("smith-2001-leuprolide")
    load = jnp.ones_like(batch().load_factor).at[row].set(0.5)
    lying = replace(batch(), load_factor=load)
    curves = np.asarray(_compiled_curves(remodeling.default_parameters(), lying, vertebra()))
    trabecular = np.asarray(_by_hand(0.5).density_mean)[:, 0]
    np.testing.assert_allclose(
        curves[row, calibration.QUANTITIES.index("trabecular")], _read(trabecular), rtol=1e-6
    )
    assert np.all(curves[row, 0, 1:] < _curves()[row, 0, 1:])
    others = np.arange(len(curves)) != row
    np.testing.assert_array_equal(curves[others], _curves()[others])


def test_a_prediction_is_that_of_a_simulation_by_hand():
    """Trabecular and areal change of Smith 2001 at 11 months."""
    bone = vertebra()
    density = np.asarray(_by_hand().density_mean)[[0, 11]]
    body = density[:, :2] @ np.asarray(bone.weight)[:2]
    spine = calibration.spine_dxa_percent(jnp.asarray(body), jnp.asarray(density[:, 2]))
    np.testing.assert_allclose(
        _prediction("smith-2001-leuprolide", "spine_trabecular_vbmd", 11.0),
        _read(np.asarray(_by_hand().density_mean)[:, 0])[11] - 100,
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        _prediction("smith-2001-leuprolide", "spine_areal_bmd", 11.0), float(spine[1]) - 100, rtol=1e-6
    )


@pytest.mark.slow
def test_turnover_is_that_of_the_skeleton_of_the_same_simulation():
    """Resorbed volume per bone volume, one fifth trabecular and four fifths cortical, means of a month."""
    trajectory, p = _by_hand(), remodeling.default_parameters()
    start, fraction = trajectory.start, np.asarray(trajectory.bone_fraction)[:, :2]
    surface = remodeling.surface_rate(start.bone_fraction, p, 1.0, calibration.compact_classes(vertebra()))
    untreated = np.asarray(surface * start.osteoclasts)[:2]
    share = np.array([0.2, 0.8])
    index = np.asarray(trajectory.resorption_index)[:, :2]
    expected = index * untreated / fraction @ share / (untreated / fraction[0] @ share)
    row = batch().arms.index("smith-2001-leuprolide")
    found = _curves()[row, calibration.QUANTITIES.index("resorption")]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[6] > 120.0


def test_untreated_people_without_a_history_stay_as_they_are():
    """Placebo of the T Trials: nothing moves, to 1e-6 %, but what QCT reads of marrow that grows fat."""
    row = batch().arms.index("ttrials-2017-placebo")
    read = [calibration.QUANTITIES.index(name) for name in ("trabecular", "integral")]
    np.testing.assert_allclose(np.delete(_curves()[row], read, axis=0), 100.0, atol=1e-6)
    years = np.arange(MONTHS + 1) / 12
    for place, least in zip(read, (0.4, 0.2), strict=True):
        slope = np.diff(_curves()[row, place]) / np.diff(years)
        np.testing.assert_allclose(slope, slope[0], rtol=1e-4)
        assert -1.0 < slope[0] < -least


def test_women_after_menopause_lose_and_estradiol_stops_it():
    """Density falls without treatment and rises with 45 pg/mL, trabecular bone more than areal density."""
    place = {name: calibration.QUANTITIES.index(name) for name in ("areal", "trabecular")}
    for arm, sign in (("tts-1989-untreated", -1.0), ("tts-1989-patch", 1.0)):
        change = sign * (_curves()[batch().arms.index(arm), :, 24] - 100.0)
        assert change[place["trabecular"]] > change[place["areal"]] > 0.5


def test_the_batch_equals_people_one_by_one():
    """vmapped against the single program, every curve of every person, to 1e-9 %."""

    @jax.jit
    def one(course, history, female, p, vertebra):
        compact = calibration.compact_classes(vertebra)
        past = remodeling.start_from_history(vertebra.density, history, p, female=female, compact=compact)
        return calibration.person_curves(course, past, female, p, vertebra)

    history = jax.tree.map(lambda leaf: leaf[batch().history_of], batch().history)
    p, everyone = remodeling.default_parameters(), (batch().course, history, batch().female)
    for row in range(len(batch().arms)):
        person = jax.tree.map(lambda leaf, row=row: leaf[row], everyone)
        np.testing.assert_allclose(one(*person, p, vertebra()), _curves()[row], rtol=1e-11)


def test_kinds_and_months_are_those_of_the_observation():
    """Difference less reference, rate over the years, g/cm2, months between rows, the mean of both sexes."""
    areal = calibration.QUANTITIES.index("areal")

    def curve(name: str) -> np.ndarray:
        rows = [row for row, arm in enumerate(batch().arms) if arm == name]
        return _curves()[rows, areal].mean(axis=0)

    def change(name: str, start: float, end: float) -> float:
        a, b = np.interp([start, end], np.arange(MONTHS + 1), curve(name))
        return 100 * (b / a - 1)

    seen = next(item for item in observations() if item.arm == "tts-1989-patch")
    cases = [
        (replace(seen, start_month=2.5, end_month=20.25), change(seen.arm, 2.5, 20.25)),
        (replace(seen, kind="annual_rate", unit="%/year"), change(seen.arm, 0, 24) / 2),
        (
            replace(seen, kind="difference", unit="% difference"),
            change(seen.arm, 0, 24) - change("tts-1989-untreated", 0, 24),
        ),
        (
            replace(seen, kind="rate_difference", unit="%/year"),
            (change(seen.arm, 0, 24) - change("tts-1989-untreated", 0, 24)) / 2,
        ),
        (
            replace(seen, kind="absolute", unit="g/cm2 change"),
            change(seen.arm, 0, 24) / 100 * calibration.BASELINE_AREAL_DENSITY,
        ),
        (replace(seen, kind="change", arm="gh-1996-placebo", end_month=12.0), 0.0),
    ]
    rows = calibration.make_observation_table(trials(), [item for item, _ in cases], batch())
    found = _of_curves(rows)
    np.testing.assert_allclose(found, [value for _, value in cases], rtol=1e-9, atol=1e-7)


def _of_curves(rows: calibration.ObservationTable) -> np.ndarray:
    """`predict` after its curves: scale (change - that of the reference)."""
    own = changes_of(jnp.asarray(_curves()), rows.person, rows) * rows.person_share
    other = changes_of(jnp.asarray(_curves()), rows.reference, rows) * rows.reference_share
    return np.asarray(rows.scale * jnp.sum(own - other, axis=1))


@pytest.mark.slow
def test_one_program_serves_all_parameters_and_folds():
    """Changed values and masks trace nothing again."""
    first, _ = _value_and_gradient(_start(), _prior(), _all())
    count = len(TRACES)
    moved = {name: value + 0.1 for name, value in _start().items()}
    fold = calibration.fold_mask(trials(), observations(), without="tts-1989")
    second, _ = _value_and_gradient(moved, _prior(), fold)
    assert len(TRACES) == count
    assert float(first) != float(second)


@pytest.mark.slow
def test_the_gradient_of_the_objective_equals_finite_differences():
    """d(-ln posterior) / d ln p, reverse mode against central differences of the value, to 1e-5."""
    start = _start()
    _, gradient = _value_and_gradient(start, _prior(), _all())
    for name in start:
        step = 1e-4
        ends = [
            float(_value_and_gradient({**start, name: start[name] + sign * step}, _prior(), _all())[0])
            for sign in (1, -1)
        ]
        np.testing.assert_allclose(gradient[name], (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_single_precision_follows():
    """float32 in, float32 out, within 0.01 % points of float64."""
    single = as_float32((remodeling.default_parameters(), batch(), vertebra(), table()))
    found = jax.jit(calibration.predict)(*single)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, _predictions(), rtol=1e-3, atol=0.01)


def test_classes_keep_the_mean_of_each_compartment(rng):
    """Weights sum to 1 and give back the mean densities of both compartments, whatever the classes."""
    density, codes = rng.uniform(0.05, 0.4, 101), rng.choice([1, 2], 101)
    made = calibration.make_fast_vertebra(density, codes, trabecular_classes=4, cortical_classes=3)
    np.testing.assert_allclose(made.weight.sum(), 1.0)
    for code in (calibration.TRABECULAR, calibration.CORTICAL):
        part = np.asarray(made.weight) * (np.asarray(made.compartments) == code)
        np.testing.assert_allclose(
            part @ np.asarray(made.density) / part.sum(), density[codes == code].mean(), rtol=1e-12
        )
        np.testing.assert_allclose(part.sum(), (codes == code).mean(), rtol=1e-12)
    assert float(made.density[-1]) == calibration.POSTERIOR_DENSITY


def test_a_difference_does_not_count_beside_the_changes_it_repeats():
    """T Trials: both changes count, their difference does not; alone it does."""
    seen = [item for item in observations() if item.arm.startswith("ttrials")]
    mask = np.asarray(calibration.fold_mask(trials(), seen))
    assert [bool(value) for value in mask] == [item.kind != "difference" for item in seen]
    alone = [item for item in seen if item.kind == "difference"]
    assert np.asarray(calibration.fold_mask(trials(), alone)).tolist() == [1.0]


def test_a_fold_leaves_out_one_group_and_other_roles():
    """Leave one group out; validation groups never count unless asked for."""
    seen = observations()
    groups = np.array([trials().arms[item.arm].group for item in seen])
    roles = np.array([trials().groups[group].role for group in groups])
    every = np.asarray(calibration.fold_mask(trials(), seen)) > 0
    fold = np.asarray(calibration.fold_mask(trials(), seen, without="smith-2001")) > 0
    assert set(roles[every]) == {"calibration"}
    assert set(groups[every]) - set(groups[fold]) == {"smith-2001"}
    held = np.asarray(calibration.fold_mask(trials(), seen, roles=["validation"])) > 0
    assert set(roles[held]) == {"validation"}


def test_every_observation_is_answered_or_has_a_reason():
    """The two lists share the tables, and every arm of the answered ones can be told to the model."""
    answered = calibration.answered(trials())
    left = calibration.unanswered(trials())
    assert len(answered) + len(left) == len(trials().observations)
    assert all(item.reason for item in left)
    assert all(arm.levels_source is not None for arm in calibration.arms_of(trials(), answered))


def test_wrong_inputs_are_named():
    """The message has the argument, the value and what to do."""
    seen = observations()[0]
    with pytest.raises(ValueError, match=r"`observations` must hold"):
        calibration.make_observation_table(trials(), [], batch())
    with pytest.raises(ValueError, match=r"`observations` must be ones.*hip"):
        calibration.make_observation_table(
            trials(), [replace(seen, observable="total_hip_areal_bmd")], batch()
        )
    with pytest.raises(ValueError, match=rf"within the {MONTHS} months"):
        calibration.make_observation_table(trials(), [replace(seen, end_month=60.0)], batch())
    with pytest.raises(ValueError, match=r"`batch` needs the arm"):
        calibration.make_observation_table(trials(), [replace(seen, arm="pepi-placebo")], batch())
    with pytest.raises(ValueError, match=r"`names`.*'mineral_maximum'"):
        calibration.make_parameter_prior(["mineral_maximum"])
    with pytest.raises(ValueError, match=r"`without`.*'nobody'"):
        calibration.fold_mask(trials(), observations(), without="nobody")
    with pytest.raises(ValueError, match=r"`trabecular_classes`"):
        calibration.make_fast_vertebra([0.1, 0.2], [1, 2], trabecular_classes=2, cortical_classes=1)
    with pytest.raises(ValueError, match=r"`density` must be finite"):
        calibration.make_fast_vertebra([0.1, -0.2], [1, 2], trabecular_classes=1, cortical_classes=1)


def test_learned_values_replace_the_fixed_ones():
    """exp of the given logarithms; everything else stays."""
    fixed = remodeling.default_parameters()
    made, between = calibration.with_learned({**_start(), "igf1_resorption": jnp.log(2.0)}, fixed)
    assert float(made.igf1_resorption) == pytest.approx(2.0)
    np.testing.assert_allclose(between, [1.0, 15.0, 0.15])
    for field in fields(remodeling.BoneParameters):
        if field.name not in LEARNED:
            assert float(getattr(made, field.name)) == float(getattr(fixed, field.name))
    assert len(ARMS) < len(batch().arms)
