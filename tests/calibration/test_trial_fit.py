"""The fit to trials finds the minimum of the negative log posterior, goes on where it stopped, and says what
is left open."""

import itertools
import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import calibration
import remodeling
from calibration import _trial_fit, _trial_posterior, _trial_problem
from tests.trial_problems import NAMES, SIZE, SLOPES, problem


def curved_with(slopes):
    """A model that is not linear: 2 A x + sin(A x)."""

    def run(x):
        a = jnp.asarray(slopes) @ x
        return 2.0 * a + jnp.sin(a)

    return jax.jit(lambda x, problem: (run(x), jax.jacfwd(run)(x)))


curved = curved_with(SLOPES)


@pytest.fixture(autouse=True)
def simple_model(monkeypatch):
    monkeypatch.setattr(_trial_fit, "_evaluate", curved)


def start(**choices):
    return calibration.begin_fit(np.zeros(5), problem(), **choices)


def objective(x):
    p = problem()
    x = jnp.asarray(x)
    return float(calibration.objective_of(curved(x, p)[0], x, p.mask, p))


@pytest.mark.slow
def test_the_end_is_the_minimum_that_another_method_finds():
    """Against Nelder and Mead (1965) on the same objective, to 1e-3 in every x; few evaluations."""
    found = calibration.fit_trials(start(), problem(), gradient_tolerance=1e-7)
    other = scipy.optimize.minimize(
        objective, np.zeros(5), method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-12, "maxiter": 5000, "maxfev": 5000},
    )  # fmt: skip
    assert bool(found.converged)
    assert int(found.evaluations) < 40
    np.testing.assert_allclose(found.x, other.x, atol=1e-3)
    assert float(found.loss) <= other.fun + 1e-9


def test_its_gradient_is_that_of_the_objective():
    """Central differences at the start, to 1e-6."""
    state = start()
    for row in range(4):
        h = np.zeros(5)
        h[row] = 1e-5
        numeric = (objective(h) - objective(-h)) / 2e-5
        np.testing.assert_allclose(state.gradient[row], numeric, rtol=1e-6, atol=1e-8)


def test_the_objective_never_rises():
    """Of the states told, every loss is at most the one before."""
    told = []
    calibration.fit_trials(start(), problem(), told=told.append)
    losses = [float(state.loss) for state in told]
    assert len(losses) > 2
    assert all(after <= before + 1e-7 for before, after in itertools.pairwise(losses))


def test_a_fit_that_was_stopped_ends_where_it_would_have():
    """Two evaluations, then on from x and damping alone: the end of the uninterrupted fit, bit for bit."""
    whole = calibration.fit_trials(start(), problem(), gradient_tolerance=1e-7)
    cut = calibration.fit_trials(start(), problem(), most_evaluations=2, gradient_tolerance=1e-7)
    assert not bool(cut.converged)
    again = calibration.begin_fit(cut.x, problem(), damping=cut.damping)
    rest = calibration.fit_trials(again, problem(), gradient_tolerance=1e-7)
    np.testing.assert_array_equal(rest.x, whole.x)


def test_a_fold_does_not_see_what_it_leaves_out():
    """With the first trial masked its values do not matter."""
    mask = jnp.asarray(np.arange(SIZE) >= 3, float)
    p = problem()
    moved = replace(p, table=replace(p.table, value=p.table.value.at[:3].add(100.0)))
    ends = [
        calibration.fit_trials(calibration.begin_fit(np.zeros(5), one, mask=mask), one, mask=mask)
        for one in (p, moved)
    ]
    np.testing.assert_array_equal(ends[0].x, ends[1].x)


curved_late = curved_with(np.where(np.outer(np.arange(SIZE) < 6, np.arange(5) == 4), 0.0, SLOPES))


@pytest.fixture
def staged(monkeypatch) -> calibration.TrialProblem:
    """The problem with its last two trials, and the parameter that only these know, in a second stage."""
    monkeypatch.setattr(_trial_problem, "DRUG_GAINS", (NAMES[1],))
    monkeypatch.setattr(_trial_fit, "_evaluate", curved_late)
    late = jnp.asarray(np.arange(SIZE) >= 6, float)
    return replace(problem(), late=late)


def test_a_second_stage_teaches_nothing_to_the_first(staged):
    """What late trials saw moves the late value alone, to the minimum over it of their own objective."""
    moved = replace(staged, table=replace(staged.table, value=staged.table.value.at[6:].add(5.0)))
    ends = [
        calibration.fit_trials(calibration.begin_fit(np.zeros(5), one), one, gradient_tolerance=1e-8)
        for one in (staged, moved)
    ]
    own = staged.names.index(NAMES[1])
    rest = [row for row in range(4) if row != own]
    assert all(bool(end.converged) for end in ends)
    np.testing.assert_array_equal(ends[0].x[jnp.asarray(rest)], ends[1].x[jnp.asarray(rest)])
    assert abs(float(ends[0].x[own] - ends[1].x[own])) > 0.1

    def late_objective(value):
        x = ends[1].x.at[own].set(float(value))
        return float(calibration.objective_of(curved_late(x, moved)[0], x, moved.late, moved))

    found = scipy.optimize.minimize_scalar(
        late_objective, bounds=(-4.0, 4.0), method="bounded", options={"xatol": 1e-9}
    )
    np.testing.assert_allclose(ends[1].x[own], found.x, atol=1e-5)
    first = calibration.fit_trials(
        calibration.begin_fit(np.zeros(5), staged), staged, gradient_tolerance=1e-8, most_stages=1
    )
    assert float(first.x[own]) == 0.0
    np.testing.assert_array_equal(np.asarray(calibration.heard(staged))[:, own], staged.late)
    np.testing.assert_array_equal(np.asarray(calibration.heard(staged))[:, rest[0]], 1.0 - staged.late)


def test_a_second_stage_stopped_ends_where_it_would_have(staged):
    """Stopped one evaluation before the end, then on from x and damping alone: bit for bit."""
    whole = calibration.fit_trials(
        calibration.begin_fit(np.zeros(5), staged), staged, gradient_tolerance=1e-7
    )
    assert bool(whole.converged)
    most = int(whole.evaluations) - 1
    cut = calibration.fit_trials(
        calibration.begin_fit(np.zeros(5), staged), staged, gradient_tolerance=1e-7, most_evaluations=most
    )
    again = calibration.begin_fit(cut.x, staged, damping=cut.damping)
    rest = calibration.fit_trials(again, staged, gradient_tolerance=1e-7)
    np.testing.assert_array_equal(rest.x, whole.x)


def test_a_fit_that_stops_between_its_stages_has_not_converged(staged):
    """With the evaluations of the first stage alone the late value is where it was, and the fit says so."""
    begun = calibration.begin_fit(np.zeros(5), staged)
    first = calibration.fit_trials(begun, staged, most_stages=1)
    assert bool(first.converged)
    cut = calibration.fit_trials(begun, staged, most_evaluations=int(first.evaluations))
    np.testing.assert_array_equal(cut.x, first.x)
    assert not bool(cut.converged)


def test_the_covariance_of_a_second_stage_holds_that_of_the_first(staged, key):
    """The late minimum follows the others as the refit with these moved does; draws have the covariance."""
    state = calibration.fit_trials(
        calibration.begin_fit(np.zeros(5), staged), staged, gradient_tolerance=1e-9
    )
    own, other = staged.names.index(NAMES[1]), staged.names.index(NAMES[0])
    first, second = (
        _trial_posterior.stage_curvature(state, staged, *stage) for stage in calibration.stages_of(staged)
    )
    assert list(second.own) == [own]
    h, ends = 1e-3, []
    for side in (-1.0, 1.0):
        x = state.x.at[other].add(side * h)
        prediction = state.prediction + state.slopes @ (x - state.x)
        end, _ = _trial_fit._step(
            replace(state, x=x, prediction=prediction, damping=jnp.asarray(0.0)),
            *calibration.stages_of(staged)[1],
            staged,
        )
        ends.append(float(end[own]))
    slope = second.follows[0, list(second.held).index(other)]
    np.testing.assert_allclose(slope, (ends[1] - ends[0]) / (2 * h), rtol=1e-4)
    covariance = calibration.posterior_of(state, staged).covariance_of(staged)
    block = covariance[jnp.ix_(second.held, second.held)]
    np.testing.assert_allclose(block, first.covariance, rtol=1e-9)
    np.testing.assert_allclose(
        covariance[own, own],
        second.covariance[0, 0] + second.follows[0] @ first.covariance @ second.follows[0],
        rtol=1e-9,
    )
    draws, info = calibration.trial_draws(key, state, staged)
    assert bool(info.usable)
    spread = np.std(np.asarray(draws), axis=0)
    np.testing.assert_allclose(spread[own], np.sqrt(covariance[own, own]), rtol=0.2)


def test_a_start_without_a_finite_objective_is_refused():
    """One sentence that says what to do."""
    with pytest.raises(ValueError, match="finite objective"):
        calibration.begin_fit(np.full(5, np.nan), problem())


def test_the_posterior_narrows_as_data_grow():
    """Standard errors a tenth of ten times the printed: standard deviations of what the data tell are
    smaller, and below the prior's. (Below the printed ones the deviation between trials is what is left.)
    """
    found = []
    for factor in (10.0, 1.0):
        p = problem()
        p = replace(p, table=replace(p.table, standard_error=factor * p.table.standard_error))
        state = calibration.fit_trials(calibration.begin_fit(np.zeros(5), p), p, gradient_tolerance=1e-6)
        found.append(np.sqrt(np.diag(calibration.posterior_of(state, p).covariance_of(p))))
    learned = [problem().names.index(name) for name in NAMES]
    assert (found[1][learned] < found[0][learned]).all()
    assert (found[1][learned] < 1.0).all()


def test_a_posterior_needs_a_fit_that_converged():
    """The sentence names the function to go on with."""
    with pytest.raises(ValueError, match="fit_trials"):
        calibration.posterior_of(start(), problem())


def test_predictive_intervals_add_parameters_and_trials():
    """sqrt((1.96 g)^2 + (2.776 s)^2) by hand; 2.776 is the quantile of Student's t of 4."""
    half = calibration.predictive_half_width(
        jnp.asarray([[3.0, 0.0], [0.0, 0.0]]), jnp.diag(jnp.asarray([4.0, 1.0])), jnp.asarray([2.0, 1.0])
    )
    quantile = scipy.stats.t.ppf(0.975, 4)
    np.testing.assert_allclose(half[0], np.hypot(scipy.stats.norm.ppf(0.975) * 6.0, quantile * 2.0))
    np.testing.assert_allclose(half[1], quantile)


def test_information_is_counted_by_group():
    """Two groups of one slope each, one observation that does not count."""
    told = calibration.information_by_group(
        [[2.0], [1.0], [9.0]], [1.0, 2.0, 1.0], [1, 1, 0], ["a", "b", "b"]
    )
    np.testing.assert_allclose(told["a"], [4.0])
    np.testing.assert_allclose(told["b"], [0.25])


def test_vectors_and_values_are_inverse():
    """The defaults as x and back; a name that is not given is the median of its prior."""
    p = problem()
    x = calibration.vector_of({"estradiol_balance": 0.2}, p)
    values = {name: float(jnp.exp(value)) for name, value in calibration.log_values(x, p).items()}
    np.testing.assert_allclose(values["estradiol_balance"], 0.2)
    np.testing.assert_allclose(values["testosterone_balance"], float(p.prior.median["testosterone_balance"]))


def _posterior():
    state = calibration.fit_trials(start(), problem())
    return calibration.posterior_of(state, problem())


def test_a_posterior_file_is_read_as_written(tmp_path):
    """Values, covariance and provenance; its parameters are those at the mode."""
    written = _posterior()
    path = tmp_path / "posterior.json"
    path.write_text(calibration.posterior_to_json(written, {"fitted_to": ["a"]}))
    read, provenance = calibration.read_posterior(path)
    assert provenance == {"fitted_to": ["a"]}
    assert read.names == written.names
    np.testing.assert_allclose(read.log_covariance, written.log_covariance, rtol=1e-12)
    learned = read.parameters(remodeling.default_parameters())
    np.testing.assert_allclose(
        learned.estradiol_balance, np.exp(float(written.log_values["estradiol_balance"])), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"format": "other/9"}, "format"),
        ({"names": ["no_parameter", "between_trials_density"]}, "known parameters"),
        ({"names": ["between_trials_density", "between_trials_marker"]}, "between_trials_share.*fit again"),
        ({"values": [1.0, -1.0, 1.0, 1.0, 1.0]}, "positive values"),
        ({"log_covariance": [[1.0, 0.0], [0.0, 1.0]]}, "covariance"),
        ({"log_covariance": (-np.eye(5)).tolist()}, "covariance"),
        ({"values": "many"}, "posterior file"),
    ],
)
def test_a_file_that_is_none_is_refused(change, text, tmp_path):
    """One sentence that names what is wrong."""
    data = json.loads(calibration.posterior_to_json(_posterior(), {})) | change
    path = tmp_path / "posterior.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=text):
        calibration.read_posterior(path)


def test_hashes_tell_tables_and_settings_apart(tmp_path):
    """A changed cell changes the hash of the tables, a changed prior that of the settings."""
    for name in ("groups.tsv", "arms.tsv", "observations.tsv"):
        (tmp_path / name).write_bytes((calibration._trial_tables.TRIALS / name).read_bytes())
    assert calibration.trial_tables_hash(tmp_path) == calibration.trial_tables_hash()
    with (tmp_path / "groups.tsv").open("a") as file:
        file.write("x\n")
    assert calibration.trial_tables_hash(tmp_path) != calibration.trial_tables_hash()
    p = problem()
    wider = replace(p, prior=replace(p.prior, log_sd={name: 2.0 * sd for name, sd in p.prior.log_sd.items()}))
    assert calibration.fit_settings_hash(p) != calibration.fit_settings_hash(wider)


def test_unknown_names_are_refused_before_anything_is_computed():
    """The sentence lists what can be learned."""
    with pytest.raises(ValueError, match="lognormal prior"):
        calibration.make_trial_problem(calibration.read_trials(), names=("insulin_balance",))
    assert set(NAMES) <= set(_trial_problem.LEARNED)
