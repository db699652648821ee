"""What the data tell, on problems where it is known which data tell what."""

import jax.numpy as jnp
import numpy as np
import pytest

import calibration
from tests.inference_problems import (
    PRODUCT_DATA,
    PRODUCT_MODE,
    linear_problem,
    linear_residuals,
    product_residuals,
)

SD = {"density": 0.1, "marker": 0.3}


def grouped_residuals(parameters, data):
    """density sees ln p (twice), marker sees ln p and ln q, nothing sees ln idle."""
    p, q = jnp.log(parameters["p"]), jnp.log(parameters["q"])
    return {
        "density": jnp.stack([p - data[0], p - data[1]]) / SD["density"],
        "marker": jnp.stack([p - data[2], q - data[3]]) / SD["marker"],
    }


MODE = {"idle": 1.0, "p": 1.0, "q": 1.0}
PRIOR = calibration.LogNormalPrior(MODE, dict.fromkeys(MODE, 0.5))
DATA = np.zeros(4)


def test_what_each_group_adds_is_the_ratio_of_closed_form_spreads():
    """Independent parameters: precision 1 / 0.5^2 + sum of 1 / sd^2 over the observations."""
    found = calibration.identifiability(grouped_residuals, MODE, data=DATA, prior=PRIOR)
    prior, density, marker = 4.0, 200.0, 1 / 0.09
    p_all, q_all = prior + density + marker, prior + marker
    assert found.names == ("idle", "p", "q")
    assert found.groups == ("density", "marker")
    np.testing.assert_allclose(found.log_sd, [0.5, p_all**-0.5, q_all**-0.5], rtol=1e-12)
    np.testing.assert_allclose(found.shrinkage, [0, 1 - prior / p_all, 1 - prior / q_all], atol=1e-12)
    expected = [
        [1, np.sqrt(p_all / (prior + marker)), 1],
        [1, np.sqrt(p_all / (prior + density)), np.sqrt(q_all / prior)],
    ]
    np.testing.assert_allclose(found.growth, expected, rtol=1e-12)
    assert found.flat == ("idle",)
    assert found.correlated == ()
    said = " ".join(found.sentences())
    assert "idle is known to a factor of 2.66 (95 %), shrinkage 0, by its prior" in said
    assert "most from density, without which its sd grows 3.77-fold" in said
    assert "most from marker" in said


def test_labels_group_a_bare_vector_of_residuals():
    """The same problem as one vector with a label per entry."""

    def bare(parameters, data):
        parts = grouped_residuals(parameters, data)
        return jnp.concatenate([parts["density"], parts["marker"]])

    labels = ["density", "density", "marker", "marker"]
    grouped = calibration.identifiability(grouped_residuals, MODE, data=DATA, prior=PRIOR)
    labeled = calibration.identifiability(bare, MODE, data=DATA, prior=PRIOR, labels=labels)
    assert labeled.groups == grouped.groups
    np.testing.assert_array_equal(labeled.growth, grouped.growth)
    assert calibration.identifiability(bare, MODE, data=DATA, prior=PRIOR).groups == ("data",)
    with pytest.raises(ValueError, match="group of each of the 4 residuals, came 3"):
        calibration.identifiability(bare, MODE, data=DATA, prior=PRIOR, labels=labels[:3])


def test_a_parameter_that_one_group_alone_sees_is_lost_without_it():
    """Without a prior the sd of q is infinite without the marker, and that of idle anyway."""
    found = calibration.identifiability(grouped_residuals, MODE, data=DATA)
    assert found.log_sd[0] == np.inf
    assert found.growth[1, 2] == np.inf
    assert found.flat == ("idle",)
    said = " ".join(found.sentences())
    assert "Neither data nor prior fix the direction 1 ln idle." in said
    assert "only marker informs it" in said


def test_a_flat_direction_is_named_and_what_is_told_is_not_lost():
    """p q seen, r seen: p and q are unbounded, r has its own sd."""
    found = calibration.identifiability(product_residuals, PRODUCT_MODE, data=PRODUCT_DATA)
    np.testing.assert_array_equal(np.isinf(found.log_sd), [True, True, False])
    np.testing.assert_allclose(found.log_sd[2], 0.1, rtol=1e-10)
    assert found.flat == ("p", "q")
    assert found.flat_directions[0] in ("1 ln p - 1 ln q", "1 ln q - 1 ln p")


def test_a_product_known_better_than_its_factors_shows_as_a_correlation():
    """p q seen to 0.01 / 6 with priors of 0.5: correlation -(1 - e), by the closed form of two parameters."""
    prior = calibration.make_prior(PRODUCT_MODE, 0.5)
    found = calibration.identifiability(product_residuals, PRODUCT_MODE, data=PRODUCT_DATA, prior=prior)
    told, known = (6 / 0.01) ** 2, 4.0
    covariance = np.linalg.inv(np.array([[told + known, told], [told, told + known]]))
    ((first, second, value),) = found.correlated
    assert (first, second) == ("p", "q")
    np.testing.assert_allclose(value, covariance[0, 1] / covariance[0, 0], rtol=1e-9)
    np.testing.assert_allclose(found.log_sd[:2], np.sqrt(np.diag(covariance)), rtol=1e-6)
    assert any("the data tell their product best" in sentence for sentence in found.sentences())


def test_the_spreads_are_those_of_the_laplace_approximation():
    """Two routes to one covariance, on the linear problem."""
    problem = linear_problem()
    found = calibration.identifiability(
        linear_residuals, problem.mode, data=problem.data, prior=problem.prior
    )
    np.testing.assert_allclose(found.log_sd, np.sqrt(np.diag(problem.covariance)), rtol=1e-10)


def test_open_profiles_are_said():
    """Sides as the profile's record has them."""

    def record(below, above):
        return calibration.ProfileInfo(
            open_below=jnp.asarray(below),
            open_above=jnp.asarray(above),
            settled=jnp.ones(3, bool),
            improvement=jnp.asarray(0.0),
        )

    profiles = {"p": record(True, True), "q": record(False, True), "idle": record(False, False)}
    found = calibration.identifiability(
        grouped_residuals, MODE, data=DATA, prior=PRIOR, profiles=profiles, flat_below=0.2
    )
    assert found.open_profiles == (("p", "on both sides"), ("q", "above"))
    assert "The profile of q is open above: its interval has no end there." in found.sentences()
    with pytest.raises(ValueError, match=r"`profiles` must name parameters \(idle, p, q\), came lag"):
        calibration.identifiability(
            grouped_residuals, MODE, data=DATA, prior=PRIOR, profiles={"lag": record(True, True)}
        )
    with pytest.raises(ValueError, match="`flat_below` must lie between 0 and 1, came 10"):
        calibration.identifiability(grouped_residuals, MODE, data=DATA, prior=PRIOR, flat_below=10)


def test_changed_data_do_not_trace_again():
    """The Jacobian is one program."""
    traces = []

    def residuals(parameters, data):
        traces.append(1)
        return product_residuals(parameters, data)

    calibration.identifiability(residuals, PRODUCT_MODE, data=PRODUCT_DATA)
    first = len(traces)
    calibration.identifiability(residuals, PRODUCT_MODE, data=2 * PRODUCT_DATA)
    assert len(traces) == first
