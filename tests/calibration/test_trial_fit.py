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
from calibration import _trial_fit, _trial_problem
from tests.trial_problems import NAMES, SIZE, SLOPES, problem


@jax.jit
def curved(x, problem):
    """A model that is not linear: 2 A x + sin(A x)."""

    def run(x):
        a = jnp.asarray(SLOPES) @ x
        return 2.0 * a + jnp.sin(a)

    return run(x), jax.jacfwd(run)(x)


@pytest.fixture(autouse=True)
def simple_model(monkeypatch):
    monkeypatch.setattr(_trial_fit, "_evaluate", curved)


def start(**choices):
    return calibration.begin_fit(np.zeros(4), problem(), **choices)


def objective(x):
    p = problem()
    x = jnp.asarray(x)
    return float(calibration.objective_of(curved(x, p)[0], x, p.mask, p))


@pytest.mark.slow
def test_the_end_is_the_minimum_that_another_method_finds():
    """Against Nelder and Mead (1965) on the same objective, to 1e-3 in every x; few evaluations."""
    found = calibration.fit_trials(start(), problem(), gradient_tolerance=1e-7)
    other = scipy.optimize.minimize(
        objective, np.zeros(4), method="Nelder-Mead",
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
        h = np.zeros(4)
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
        calibration.fit_trials(calibration.begin_fit(np.zeros(4), one, mask=mask), one, mask=mask)
        for one in (p, moved)
    ]
    np.testing.assert_array_equal(ends[0].x, ends[1].x)


def test_a_start_without_a_finite_objective_is_refused():
    """One sentence that says what to do."""
    with pytest.raises(ValueError, match="finite objective"):
        calibration.begin_fit(np.full(4, np.nan), problem())


def test_the_posterior_narrows_as_data_grow():
    """Standard errors a tenth of ten times the printed: standard deviations of what the data tell are
    smaller, and below the prior's. (Below the printed ones the deviation between trials is what is left.)
    """
    found = []
    for factor in (10.0, 1.0):
        p = problem()
        p = replace(p, table=replace(p.table, standard_error=factor * p.table.standard_error))
        state = calibration.fit_trials(calibration.begin_fit(np.zeros(4), p), p, gradient_tolerance=1e-6)
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
        ({"values": [1.0, -1.0, 1.0, 1.0]}, "positive values"),
        ({"log_covariance": [[1.0, 0.0], [0.0, 1.0]]}, "covariance"),
        ({"log_covariance": (-np.eye(4)).tolist()}, "covariance"),
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
