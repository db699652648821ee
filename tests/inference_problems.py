"""Problems for the inference tools whose answers are known."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

import calibration

TIMES = np.linspace(1.0, 24.0, 12)


@dataclass(frozen=True)
class LinearProblem:
    """ln y observed as A ln p with sd s: the posterior of ln p is normal, in closed form."""

    design: np.ndarray
    """A, shape (m, n)"""
    observed: np.ndarray
    """ln y, shape (m,)"""
    prior: calibration.LogNormalPrior
    """of the parameters {"a": (), "b": (2,)}"""
    sd: float = 0.2
    """s"""

    @property
    def data(self):
        """Argument of the residuals."""
        return {"design": self.design, "observed": self.observed, "sd": self.sd}

    @property
    def prior_log(self):
        """ln median and log_sd as vectors."""
        flat = [np.r_[tree["a"], tree["b"]] for tree in (self.prior.median, self.prior.log_sd)]
        return np.log(flat[0]), flat[1]

    @property
    def covariance(self):
        """(A^T A / s^2 + diag(1 / t^2))^-1."""
        return np.linalg.inv(self.design.T @ self.design / self.sd**2 + np.diag(self.prior_log[1] ** -2))

    @property
    def log_mode(self):
        """C (A^T ln y / s^2 + ln m / t^2)."""
        median, spread = self.prior_log
        return self.covariance @ (self.design.T @ self.observed / self.sd**2 + median / spread**2)

    @property
    def mode(self):
        """Parameters at the mode."""
        values = np.exp(self.log_mode)
        return {"a": values[0], "b": values[1:]}


def linear_residuals(parameters, data):
    """(A ln p - ln y) / s."""
    logs = jnp.concatenate([jnp.log(parameters["a"])[None], jnp.log(parameters["b"])])
    return (data["design"] @ logs - data["observed"]) / data["sd"]


def linear_problem():
    """Three parameters, five observations, a correlated posterior."""
    design = np.array([[1.0, 0.5, 0.0], [0.2, 1.0, 0.3], [1.0, 0.0, 1.0], [0.0, 0.4, 0.8], [1.0, 1.0, 1.0]])
    prior = calibration.make_prior(
        {"a": 2.0, "b": np.array([0.5, 1.5])}, {"a": 0.4, "b": np.array([0.5, 0.3])}
    )
    return LinearProblem(design=design, observed=np.array([0.7, -0.3, 1.2, 0.1, 0.9]), prior=prior)


def saturating_gain(parameters, times):
    """g (1 - exp(-k t))."""
    return parameters["gain"] * (1 - jnp.exp(-parameters["rate"] * times))


def gain_residuals(parameters, data):
    """(model - observed) / sd."""
    return (saturating_gain(parameters, data["times"]) - data["observed"]) / data["sd"]


GAIN_TRUTH = {"gain": 7.0, "rate": 0.12}


def exact_gain_data(sd=0.2):
    """Observations without error: the mode is the truth, the loss zero."""
    return {"times": jnp.asarray(TIMES), "observed": saturating_gain(GAIN_TRUTH, TIMES), "sd": sd}


def product_residuals(parameters, data):
    """Only p q is seen; r on its own."""
    return jnp.array(
        [(parameters["p"] * parameters["q"] - data[0]) / 0.01, (jnp.log(parameters["r"]) - data[1]) / 0.1]
    )


PRODUCT_DATA = np.array([6.0, 0.0])
PRODUCT_MODE = {"p": 2.0, "q": 3.0, "r": 1.0}
