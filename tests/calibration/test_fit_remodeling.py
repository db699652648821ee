"""Biological parameters from simulated observations: what was put in comes out."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import calibration
import remodeling

FITTED = ("osteoclast_lag", "estradiol_balance", "estradiol_resorption")
DENSITY_SD_PERCENT = 0.5
INDEX_SD_PERCENT = 3.0
MONTH_DAYS = 30.4
FEEDBACK = 3.0  # log stimulus lost per log bone fraction gained: the surrogate of the elastic feedback


def observe(fitted, hormones):
    """Percent gain of trabecular and cortical density and the resorption index, each month for two years."""
    baseline, treated = hormones
    parameters = replace(remodeling.default_parameters(), **fitted)
    start = remodeling.steady_state(jnp.array([0.12, 0.85]), baseline, parameters)

    def month(state, _):
        stimulus = -FEEDBACK * jnp.log(state.bone_fraction / start.bone_fraction)
        drives = remodeling.cell_drives(treated, baseline, stimulus, parameters)
        state, flux = remodeling.bone_step(state, drives, parameters, MONTH_DAYS)
        return state, (remodeling.vbmd(state, parameters.mineral_maximum), flux.resorbed)

    _, (density, resorbed) = jax.lax.scan(month, start, length=24)
    first = remodeling.vbmd(start, parameters.mineral_maximum)
    rate = remodeling.surface_rate(start.bone_fraction, parameters, 1.0) * start.osteoclasts * MONTH_DAYS
    return 100 * (density / first - 1), calibration.turnover_index(resorbed, rate)


def residuals(fitted, data):
    """(simulated - observed) / sd."""
    gain, index = observe(fitted, data["hormones"])
    return (gain - data["gain"]) / DENSITY_SD_PERCENT, (index - data["index"]) / INDEX_SD_PERCENT


@pytest.fixture
def hormones():
    """A hypogonadal man before and at full replacement levels."""
    baseline = remodeling.make_hormone_levels(testosterone_ng_dl=200.0, estradiol_pg_ml=15.0)
    return baseline, remodeling.make_hormone_levels(testosterone_ng_dl=600.0, estradiol_pg_ml=32.0)


@pytest.mark.slow
def test_parameters_of_the_remodeling_model_are_recovered_from_its_own_observations(hormones):
    """Without noise the fit finds lag, balance and resorption sensitivity from a start 30 % off."""
    default = remodeling.default_parameters()
    truth = {name: 1.15 * getattr(default, name) for name in FITTED}
    gain, index = jax.jit(observe)(truth, hormones)
    start = {name: factor * truth[name] for name, factor in zip(FITTED, (0.7, 1.3, 0.75), strict=True)}
    data = {"hormones": hormones, "gain": gain, "index": index}
    found, info = calibration.fit(residuals, start, data=data, steps=60, gradient_tolerance=1e-5)
    assert info.converged
    for name in FITTED:
        np.testing.assert_allclose(found[name], truth[name], rtol=1e-3, err_msg=name)
    assert info.loss < 1e-6
