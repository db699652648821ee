"""Parameters of load are learned through finite elements: true gradients, known parameters come back."""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

import calibration
import fem
import remodeling
from benchmarks import _load_study as study
from benchmarks import fe_calibration
from benchmarks._load_fit import ARM, Problem

STEP = 1e-3


@pytest.fixture(scope="module")
def block() -> SimpleNamespace:
    """A block of 36 voxels with a dense side under overload, then disuse; its exact scans, loss and slope."""
    shape = (3, 3, 4)
    density = 0.15 * np.exp(0.3 * np.random.default_rng(5).normal(size=shape))
    density[0] = 0.6
    mask = np.ones(shape, bool)
    plan = fem.make_plan(mask, 3.0, fem.load_case("axial", strain=-0.01))
    mechanics = remodeling.make_finite_element_mechanics(
        plan, 50.0 + 3230.0 * density[mask], mask, rtol=1e-10
    )
    body = study.body_of(density[mask], density[mask] > 0.5, mechanics)
    scans = study.simulated_scans(
        fe_calibration.TRUTH, body, fe_calibration.RECOVERY_LOAD, standard_error=fe_calibration.RECOVERY_ERROR
    )
    problem = Problem()
    names = list(study.LOADED)

    @jax.jit
    def compiled(vector, data, prior):
        def of_logs(logs):
            return study.loss(dict(zip(names, jnp.exp(logs), strict=True)), data, prior)

        return jax.value_and_grad(of_logs)(vector)

    def judge(vector, prior):
        value, slope = compiled(jnp.asarray(vector), (body, scans), prior)
        return float(value), np.asarray(slope)

    def logs(values):
        return np.log([float(values[name]) for name in names])

    return SimpleNamespace(judge=judge, logs=logs, problem=problem, scans=scans)


@pytest.mark.slow
def test_the_gradient_through_the_solves_equals_differences(block):
    """d loss / d ln p in reverse mode = central differences, of all four parameters of load"""
    start = block.logs(block.problem.start)
    _, slope = block.judge(start, block.problem.prior)
    assert (np.abs(slope) > 1e-2).all()
    for place, step in enumerate(STEP * np.eye(len(start))):
        ends = [block.judge(start + sign * step, block.problem.prior)[0] for sign in (1, -1)]
        np.testing.assert_allclose(slope[place], (ends[0] - ends[1]) / (2 * STEP), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_known_parameters_come_back(block):
    """exact scans, no prior: the loss falls to 0 and ln p to the truth"""
    start = block.logs(block.problem.start)
    first, _ = block.judge(start, block.problem.no_prior)
    found = minimize(
        block.judge, start, args=(block.problem.no_prior,), jac=True, method="BFGS", options={"gtol": 1e-6}
    )
    assert first > 1.0
    assert found.fun < 1e-8 * first
    np.testing.assert_allclose(found.x, block.logs(fe_calibration.TRUTH), atol=1e-3)


def test_overload_builds_and_disuse_takes(block):
    """the simulated scans rise through the overloaded months and fall in the others"""
    trabecular = np.asarray(block.scans.change)[:, 0]
    assert (np.diff(trabecular[:3]) > 0).all()
    assert (np.diff(trabecular[2:]) < 0).all()


def test_the_densities_of_the_flight_are_what_is_fitted():
    """both densities of the table at 7.1 months with its standard errors, nothing else"""
    scans = study.scans_of_trial(calibration.read_trials(), ARM)
    seen = np.isfinite(np.asarray(scans.standard_error))
    assert seen.sum() == 2
    assert seen[0].all()
    assert float(scans.month[0]) == 7.1
    np.testing.assert_array_equal(scans.change[0], [-9.8, -4.9])
    np.testing.assert_array_equal(scans.standard_error[0], [4.0, 1.8])


def test_scans_that_do_not_fit_are_refused():
    """more months than places, or a load that is not one for each month"""
    row = (1.0, "spine_integral_vbmd", 0.0, 1.0)
    with pytest.raises(ValueError, match="`load` needs 12"):
        study.make_scans([1.0], [row])
    with pytest.raises(ValueError, match="`rows` may have 6"):
        study.make_scans([1.0] * 12, [(float(month), *row[1:]) for month in range(1, 8)])


@pytest.mark.slow
def test_a_coarse_vertebra_is_calibrated_end_to_end(tmp_path):
    """voxels of 4 mm: fits converge, start and shrinkage agree with data, known parameters come back"""
    path = tmp_path / "report.json"
    assert fe_calibration.main(["--voxel-mm", "4", "--out", str(path)]) == 0
    report = json.loads(path.read_text())
    for case in report["cost"]["gradient_check"].values():
        assert case["largest_error_over_largest_derivative"] < 1e-4
    trial = report["trial"]
    for record in (*trial["fit"].values(), trial["from_defaults"]):
        assert record["converged"]
        assert record["loss"] < record["loss_at_start"]
        assert record["values_of_line_searches"] > 0
    assert trial["from_defaults"]["largest_difference_of_ln_p"] < 1e-2
    told = trial["parameters"]
    assert told["disuse_resorption"]["shrinkage"] > 0.2
    for name in ("overload_balance", "overload_resorption"):
        # a flight has no overload: data say nothing, and the value stays at its prior
        assert told[name]["shrinkage"] < 0.01
        assert told[name]["value"] == pytest.approx(told[name]["prior_median"], rel=0.02)
    for row in report["recovery"]["exact_without_prior"]["parameters"].values():
        assert row["relative_error"] == pytest.approx(0.0, abs=1e-2)
    inside = [
        row["truth_in_interval"] for row in report["recovery"]["scattered_with_prior"]["parameters"].values()
    ]
    assert sum(inside) >= 3
