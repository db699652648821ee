"""Functions of `calibration`, for the table of `kernels`."""

from dataclasses import replace

import jax
import jax.numpy as jnp

import calibration
import remodeling
from tests.kernel_body import BOTH, Kernel, body_compartments, body_density, body_elements, vector


def _fit_residuals(parameters, data):
    return (parameters["gain"] * (1 - jnp.exp(-parameters["rate"] * data["time"])) - data["observed"]) / 0.1


def _fit(optimiser):
    def run(start, data, prior):
        return calibration.fit_traced(_fit_residuals, start, data, prior, steps=5, optimiser=optimiser)

    return run


def _fit_arguments(dtype):
    start = {"gain": jnp.asarray(2.0, dtype), "rate": jnp.asarray(0.5, dtype)}
    time = jnp.linspace(0.0, 24.0, 7, dtype=dtype)
    prior = calibration.LogNormalPrior(start, jax.tree.map(lambda _: jnp.asarray(0.5, dtype), start))
    return start, {"time": time, "observed": 6.0 * (1 - jnp.exp(-0.1 * time))}, prior


def _arms(dtype):
    """Two people over three months, and what is observed of them."""
    levels = remodeling.make_hormone_levels(estradiol_pg_ml=8.0, dtype=dtype)
    young = remodeling.make_hormone_levels(estradiol_pg_ml=90.0, dtype=dtype)
    course = remodeling.make_hormone_course(levels, steps=3, step_days=30.0, estradiol_pg_ml=40.0)
    history = remodeling.history_course(young, levels, years=jnp.asarray(0.5, dtype), steps=4)
    course, history = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), (course, history))
    female = jnp.asarray([1.0, 0.0], dtype)
    return calibration.ArmBatch(
        course=course,
        history=history,
        history_of=jnp.asarray([0, 1]),
        history_female=female,
        female=female,
        load_factor=jnp.asarray([[1.0, 1.0, 1.0], [1.0, 0.5, 0.5]], dtype),
        arms=("a", "b"),
        months=3,
    )


def _person_curves(density, vertebra, arms, parameters):
    course, history, female, load = jax.tree.map(
        lambda leaf: leaf[1], (arms.course, arms.history, arms.female, arms.load_factor)
    )
    compact = calibration.compact_classes(vertebra)
    past = remodeling.start_from_history(density, history, parameters, female=female, compact=compact)
    return calibration.person_curves(
        course, past, female, parameters, replace(vertebra, density=density), load
    )


def _problem(dtype):
    prior = calibration.make_parameter_prior(("estradiol_balance", "testosterone_balance"))
    return calibration.TrialProblem(
        prior=jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), prior),
        fixed=_parameters(dtype),
        batch=_arms(dtype),
        vertebra=_vertebra(dtype),
        table=_table(dtype),
        mask=jnp.ones(3, dtype),
        names=tuple(sorted(prior.median)),
    )


def _state(slopes):
    """A fit at x = 0 with given slopes, (observations, 5)."""
    zero = jnp.zeros((), slopes.dtype)
    return calibration.TrialFit(
        x=jnp.zeros_like(slopes[0]),
        prediction=jnp.zeros_like(slopes[:, 0]),
        slopes=slopes,
        loss=zero,
        gradient=jnp.zeros_like(slopes[0]),
        damping=zero,
        evaluations=jnp.asarray(1),
        converged=jnp.asarray(True),
    )


def _vertebra(dtype):
    return calibration.make_fast_vertebra(
        [0.1, 0.3, 0.2, 0.4], [1, 2, 1, 2], trabecular_classes=1, cortical_classes=1, dtype=dtype
    )


def _table(dtype):
    """A density and two markers, one of them an interval."""
    return calibration.ObservationTable(
        person=jnp.asarray([[0, 1], [0, 0], [1, 1]]),
        person_share=jnp.full((3, 2), 0.5, dtype),
        reference=jnp.asarray([[1, 1], [0, 0], [0, 0]]),
        reference_share=jnp.asarray([[0.5, 0.5], [0.0, 0.0], [0.0, 0.0]], dtype),
        quantity=jnp.asarray([1, 4, 5]),
        row=jnp.asarray([[0, 2], [0, 2], [0, 1]]),
        way=jnp.asarray([[0.0, 0.5], [0.0, 1.0], [0.0, 0.0]], dtype),
        scale=jnp.asarray([4.0, 1.0, 1.0], dtype),
        value=jnp.asarray([3.0, -20.0, 0.0], dtype),
        low=jnp.asarray([-jnp.inf, -jnp.inf, -10.0], dtype),
        high=jnp.full(3, jnp.inf, dtype),
        standard_error=jnp.asarray([1.0, 5.0, 5.0], dtype),
        interval=jnp.asarray([0.0, 0.0, 1.0], dtype),
        marker=jnp.asarray([0, 1, 1]),
        block=jnp.asarray([0, 1, 1]),
        blocks=2,
    )


def _log_values(dtype):
    names = ("resorption_rate", "estradiol_resorption", *calibration.BETWEEN_TRIALS)
    values = (3.7e-5, 0.98, 1.0, 15.0, 0.1)
    return {name: jnp.log(jnp.asarray(value, dtype)) for name, value in zip(names, values, strict=True)}


def _parameter_prior(dtype):
    prior = calibration.make_parameter_prior(["resorption_rate", "estradiol_resorption"])
    return jax.tree.map(lambda leaf: leaf.astype(dtype), prior)


def _parameters(dtype):
    return remodeling.default_parameters(dtype=dtype)


def _posterior_arguments(dtype):
    return (
        _log_values(dtype),
        _parameter_prior(dtype),
        _parameters(dtype),
        _arms(dtype),
        _vertebra(dtype),
        _table(dtype),
        jnp.ones(3, dtype),
    )


def _knots(dtype):
    return calibration.make_density_knots([0.1, 0.3, 0.2, 0.6], [0, 0, 1, 1], count=2, dtype=dtype)


def _course(dtype):
    levels = remodeling.make_hormone_levels(estradiol_pg_ml=8.0, dtype=dtype)
    return remodeling.make_hormone_course(levels, steps=4, step_days=15.0, estradiol_pg_ml=40.0)


def _history(dtype):
    young, now = (remodeling.make_hormone_levels(estradiol_pg_ml=e, dtype=dtype) for e in (90.0, 8.0))
    return remodeling.history_course(young, now, years=jnp.asarray(0.5, dtype), steps=4)


def _deviations(dtype):
    return {"estradiol_resorption": vector(dtype, -0.1, 0.1, 2), "testosterone_balance": jnp.zeros(2, dtype)}


def _draw(covariance, log_values):
    posterior = calibration.TrialPosterior(log_values, covariance)
    return calibration.posterior_deviations(posterior, jax.random.key(0), 4, held=("resorption_rate",))


def _cohort(dtype):
    """A man with two arms over two months."""
    weekly = remodeling.Dose("testosterone-cypionate", 100.0, 7.0)
    spread = calibration.make_spread
    return calibration.Cohort(
        seed=jnp.asarray(0),
        person=remodeling.make_person(testosterone_ng_dl=200.0, axis="primary", dtype=dtype),
        spreads={
            "testosterone_ng_dl": spread(200.0, 50.0, high=300.0, dtype=dtype),
            "trabecular_density": spread(1.0, 0.2, dtype=dtype),
        },
        response_log_sd=jnp.asarray(0.2, dtype),
        doses_taken=jnp.asarray(0.8, dtype),
        protocols=remodeling.stack_protocols(
            [remodeling.make_protocol(doses, duration_days=60.9, dtype=dtype) for doses in ([], [weekly])]
        ),
        vertebra=_vertebra(dtype),
        parameters=_parameters(dtype),
        before=None,
        history_years=jnp.asarray(1.0, dtype),
        onset_years=jnp.asarray(0.0, dtype),
        varied=("resorption_rate", "testosterone_balance"),
        own_igf1=False,
        months=2,
        history_steps=12,
    )


def _cohort_outcomes(parameters, cohort):
    """Two people of the cohort with other parameters."""
    cohort = replace(cohort, parameters=parameters)
    return calibration.cohort_outcomes(calibration.draw_people(jnp.arange(2), cohort), cohort)


CALIBRATION = [
    Kernel(
        "calibration.draw_people",
        lambda mean, cohort: calibration.draw_people(
            jnp.arange(3), replace(cohort, person=replace(cohort.person, weight_kg=mean))
        ),
        lambda dtype: (jnp.asarray(80.0, dtype), _cohort(dtype)),
    ),
    Kernel(
        "calibration.cohort_outcomes",
        _cohort_outcomes,
        lambda dtype: (_parameters(dtype), _cohort(dtype)),
        slow=BOTH,
    ),
    Kernel(
        "calibration.posterior_deviations",
        _draw,
        lambda dtype: (0.1 * jnp.eye(5, dtype=dtype), _log_values(dtype)),
    ),
    Kernel(
        "calibration.past_draws",
        calibration.past_draws,
        lambda dtype: (
            _deviations(dtype),
            _parameters(dtype),
            _knots(dtype),
            jnp.asarray(1.0, dtype),
            _history(dtype),
        ),
        slow=BOTH,
    ),
    Kernel(
        "calibration.density_draws",
        lambda *given: calibration.density_draws(*given, steps_per_month=2),
        lambda dtype: (
            _deviations(dtype),
            _parameters(dtype),
            _knots(dtype),
            jnp.asarray(1.0, dtype),
            _course(dtype),
        ),
        slow=BOTH,
    ),
    Kernel(
        "calibration.marrow_fat_draws",
        lambda *given: calibration.marrow_fat_draws(*given, steps_per_month=2),
        lambda dtype: (_deviations(dtype), _parameters(dtype), _course(dtype)),
    ),
    Kernel(
        "calibration.interpolate_knots",
        calibration.interpolate_knots,
        lambda dtype: (
            vector(dtype, 0.0, 1.0, 5),
            _knots(dtype),
            vector(dtype, 0.1, 0.6, 4),
            jnp.asarray([0, 0, 1, 1], dtype),
        ),
    ),
    Kernel(
        "calibration.knot_weights",
        calibration.knot_weights,
        lambda dtype: (
            vector(dtype, 0.0, 1.0, 4),
            _knots(dtype),
            vector(dtype, 0.1, 0.6, 4),
            jnp.asarray([0, 0, 1, 1], dtype),
        ),
    ),
    Kernel(
        "calibration.new_trial_half_width",
        calibration.new_trial_half_width,
        lambda dtype: (vector(dtype, 1.0, 2.0, 3), jnp.ones(3, dtype)),
    ),
    Kernel(
        "calibration.compartment_density",
        calibration.compartment_density,
        lambda dtype: (body_density(dtype), body_compartments()),
    ),
    Kernel(
        "calibration.bone_mineral_content",
        calibration.bone_mineral_content,
        lambda dtype: (body_density(dtype), 1.5),
    ),
    Kernel(
        "calibration.densitometry",
        calibration.densitometry,
        lambda dtype: (body_density(dtype), body_elements(), body_compartments(), 1.5),
    ),
    Kernel(
        "calibration.projected_abmd",
        calibration.projected_abmd,
        lambda dtype: (body_density(dtype), body_elements(), 1.5),
    ),
    Kernel(
        "calibration.projected_area",
        lambda voxel_mm, elements: calibration.projected_area(elements, voxel_mm),
        lambda dtype: (jnp.asarray(1.5, dtype), body_elements()),
    ),
    Kernel(
        "calibration.areal_density_map",
        lambda density, elements: calibration.areal_density_map(density, elements, 1.5, grid=(5, 4, 6)),
        lambda dtype: (body_density(dtype), body_elements()),
    ),
    Kernel(
        "calibration.turnover_index",
        calibration.turnover_index,
        lambda dtype: (vector(dtype, 1e-4, 2e-4), vector(dtype, 1e-4, 1e-3)),
    ),
    Kernel(
        "calibration.skeletal_turnover_index",
        calibration.skeletal_turnover_index,
        lambda dtype: (
            vector(dtype, 1e-4, 2e-4),
            vector(dtype, 0.1, 0.8),
            vector(dtype, 1e-4, 1e-3),
            vector(dtype, 0.2, 0.7),
            body_compartments(),
        ),
    ),
    Kernel(
        "calibration.single_energy_density",
        calibration.single_energy_density,
        lambda dtype: (vector(dtype, 50.0, 300.0, 4), vector(dtype, 0.4, 0.5, 4)),
    ),
    Kernel(
        "calibration.spine_qct_percent",
        calibration.spine_qct_percent,
        lambda dtype: (
            vector(dtype, 200.0, 210.0, 4),
            vector(dtype, 110.0, 120.0, 4),
            jnp.asarray(0.85, dtype),
            vector(dtype, 0.4, 0.5, 4),
        ),
    ),
    Kernel(
        "calibration.prior_penalty",
        calibration.prior_penalty,
        lambda dtype: (_fit_arguments(dtype)[0], _fit_arguments(dtype)[2]),
    ),
    Kernel("calibration.fit_traced[LBFGS]", _fit(calibration.LBFGS()), _fit_arguments, differentiable=False),
    Kernel(
        "calibration.fit_traced[BacktrackingLBFGS]",
        _fit(calibration.BacktrackingLBFGS()),
        _fit_arguments,
        differentiable=False,
    ),
    Kernel("calibration.fit_traced[Adam]", _fit(calibration.Adam()), _fit_arguments, differentiable=False),
    Kernel(
        "calibration.spine_dxa_percent",
        calibration.spine_dxa_percent,
        lambda dtype: (vector(dtype, 200.0, 210.0, 4), vector(dtype, 0.94, 0.96, 4)),
    ),
    Kernel(
        "calibration.compact_classes",
        calibration.compact_classes,
        lambda dtype: (_vertebra(dtype),),
        differentiable=False,
    ),
    Kernel(
        "calibration.person_curves",
        _person_curves,
        lambda dtype: (_vertebra(dtype).density, _vertebra(dtype), _arms(dtype), _parameters(dtype)),
        slow=BOTH,
    ),
    Kernel(
        "calibration.predict",
        calibration.predict,
        lambda dtype: (_parameters(dtype), _arms(dtype), _vertebra(dtype), _table(dtype)),
        slow=BOTH,
    ),
    Kernel(
        "calibration.negative_log_posterior",
        calibration.negative_log_posterior,
        _posterior_arguments,
        slow=BOTH,
    ),
    Kernel(
        "calibration.with_learned",
        calibration.with_learned,
        lambda dtype: (_log_values(dtype), _parameters(dtype)),
    ),
    Kernel(
        "calibration.log_likelihood",
        calibration.log_likelihood,
        lambda dtype: (
            jnp.zeros(3, dtype),
            _table(dtype),
            jnp.ones(3, dtype),
            jnp.asarray([1.0, 15.0, 0.1], dtype),
        ),
    ),
    Kernel(
        "calibration.interval_log_probability",
        calibration.interval_log_probability,
        lambda dtype: (jnp.zeros(3, dtype), _table(dtype), jnp.asarray([1.0, 15.0, 0.1], dtype)),
    ),
    Kernel(
        "calibration.error_of_prediction",
        lambda prediction, between_trials, table: calibration.error_of_prediction(
            prediction, table, between_trials
        ),
        lambda dtype: (jnp.ones(3, dtype), jnp.asarray([1.0, 15.0, 0.1], dtype), _table(dtype)),
    ),
    Kernel(
        "calibration.deviation_between_trials",
        calibration.deviation_between_trials,
        lambda dtype: (vector(dtype, -2.0, 3.0, 3), jnp.asarray([1.0, 15.0, 0.1], dtype)),
    ),
    Kernel(
        "calibration.simulate_observations",
        lambda prediction, between_trials, table: (
            calibration.simulate_observations(jax.random.key(0), prediction, table, between_trials).value
        ),
        lambda dtype: (jnp.zeros(3, dtype), jnp.asarray([1.0, 15.0, 0.1], dtype), _table(dtype)),
    ),
    Kernel(
        "calibration.predict_with_slopes",
        lambda x, problem: calibration.predict_with_slopes(x, problem),
        lambda dtype: (jnp.zeros(5, dtype), _problem(dtype)),
        slow=BOTH,
    ),
    Kernel(
        "calibration.objective_of",
        lambda prediction, x, problem: calibration.objective_of(prediction, x, problem.mask, problem),
        lambda dtype: (jnp.zeros(3, dtype), jnp.zeros(5, dtype), _problem(dtype)),
    ),
    Kernel(
        "calibration.log_values",
        calibration.log_values,
        lambda dtype: (jnp.zeros(5, dtype), _problem(dtype)),
    ),
    Kernel(
        "calibration.vector_of",
        calibration.vector_of,
        lambda dtype: ({"estradiol_balance": jnp.asarray(0.2, dtype)}, _problem(dtype)),
    ),
    Kernel(
        "calibration.fit_hessian",
        lambda slopes, problem: calibration.fit_hessian(_state(slopes), problem.mask, problem),
        lambda dtype: (jnp.ones((3, 5), dtype), _problem(dtype)),
    ),
    Kernel(
        "calibration.predictive_half_width",
        calibration.predictive_half_width,
        lambda dtype: (jnp.ones((3, 4), dtype), jnp.eye(4, dtype=dtype), jnp.ones(3, dtype)),
    ),
]
