"""Functions of `remodeling`, for the table of `kernels`."""

import dataclasses
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

import remodeling
from tests.kernel_body import (
    BOTH,
    SINGLE,
    Kernel,
    bending_load,
    body_count,
    body_density,
    body_mask,
    body_plan,
    vector,
)


def _daily(dtype) -> remodeling.DailyLoading:
    cases = [
        remodeling.DailyCase("standing", {"axial": -500.0}, 1000.0),
        remodeling.DailyCase("flexion", {"axial": -800.0, "bending-x": 900.0}, 100.0),
    ]
    return remodeling.make_daily_loading(body_plan(), [body_plan().load, bending_load()], cases, dtype=dtype)


def _parameters(dtype):
    return remodeling.default_parameters(dtype=dtype)


def _levels(dtype):
    return remodeling.make_hormone_levels(dtype=dtype, testosterone_ng_dl=250.0, estradiol_pg_ml=15.0)


def _state(dtype):
    fraction = vector(dtype, 0.1, 0.8)
    return remodeling.steady_state(fraction, _levels(dtype), _parameters(dtype))


def _drives(dtype):
    treated = remodeling.make_hormone_levels(dtype=dtype)
    return remodeling.cell_drives(treated, _levels(dtype), vector(dtype, -0.2, 0.2), _parameters(dtype))


def _person(dtype):
    return remodeling.make_person(testosterone_ng_dl=250.0, estradiol_pg_ml=15.0, axis="primary", dtype=dtype)


def _axis(dtype):
    constants = remodeling.make_axis_parameters(dtype=dtype)
    return _person(dtype), remodeling.match_axis(_person(dtype), constants), constants


def _protocol(dtype):
    weekly = remodeling.Dose("testosterone-cypionate", 100.0, every_days=7.0)
    return remodeling.make_protocol([weekly], duration_days=120.0, dtype=dtype)


def _woman(dtype):
    return remodeling.make_person(sex="female", age_years=49.0, years_since_menopause=-1.0, dtype=dtype)


def _exposure(dtype, intervals=24):
    """Something of every drug that the axes answer to, and a start at which each slope is finite."""
    given = {
        "testosterone_ng_dl": 20.0,
        "estradiol_pg_ml": 30.0,
        "oral_estrogen": 1.0,
        "aromatase_inhibition_men": 0.3,
        "aromatase_inhibition_women": 0.5,
        "gonadorelin_mg_per_day": 0.1,
        "gnrh_agonist": 0.5,
        "gnrh_antagonist": 0.5,
        "hcg_lh_iu_l": 1.0,
        "gh_ng_ml": 0.3,
        "ghrh_drive": 0.3,
        "ghs_drive": 0.3,
        "thyroxine_ug_per_day": 80.0,
        "insulin_index": 0.3,
    }
    nothing = remodeling.no_exposure(intervals, dtype)
    levels = {name: jnp.full(intervals, value, dtype) for name, value in given.items()}
    return dataclasses.replace(nothing, **levels)


def _drug_doses(dtype):
    """One drug of every kind of kinetics and action."""
    lines = [
        remodeling.Dose("testosterone-cypionate", 100.0, every_days=7.0),
        remodeling.Dose("estradiol-patch-weekly", 0.05, every_days=7.0),
        remodeling.Dose("anastrozole", 1.0, every_days=1.0),
        remodeling.Dose("insulin", 30.0, every_days=1.0),
        remodeling.Dose("ipamorelin", 0.2, every_days=0.5),
        remodeling.Dose("denosumab", 60.0),
    ]
    return remodeling.make_protocol(lines, duration_days=20.0, dtype=dtype)


def _course(dtype):
    return remodeling.hormone_course(_person(dtype), _protocol(dtype), steps=4, step_days=30.0)


def _mechanics(dtype):
    modulus = np.linspace(200.0, 900.0, body_count())
    return remodeling.make_finite_element_mechanics(body_plan(), modulus, body_mask(), rtol=1e-5, dtype=dtype)


def _simulate(density, mechanics, course, parameters, past=None):
    options = remodeling.make_options(substeps=2, solve_every=2, report_every=4)
    history = None if past is None else remodeling.start_from_history(density, past, parameters, female=1.0)
    return remodeling.simulate(
        density, mechanics, course, parameters, female=1.0, history=history, options=options
    )


def _full_exposure(dtype):
    ones = vector(dtype, 0.2, 3.0, 8)
    return replace(
        remodeling.no_exposure(8, dtype),
        bisphosphonate=ones,
        denosumab=ones,
        teriparatide=ones,
        romosozumab=ones,
    )


def _past(dtype):
    return remodeling.history_course(
        remodeling.make_hormone_levels(dtype=dtype, estradiol_pg_ml=80.0), _levels(dtype), years=1.0, steps=12
    )


def _mechanisms(dtype):
    treated = remodeling.make_hormone_levels(dtype=dtype, progestogen=100.0, igf1_ng_ml=220.0)
    return remodeling.bone_mechanisms(
        treated, _levels(dtype), vector(dtype, -0.2, 0.2), _parameters(dtype), female=1.0
    )


REMODELING = [
    Kernel(
        "remodeling.estradiol_from_testosterone",
        remodeling.estradiol_from_testosterone,
        lambda dtype: (
            vector(dtype, 100.0, 900.0, 5),
            jnp.asarray(440.0, dtype),
            jnp.asarray(25.0, dtype),
            jnp.asarray(40.0, dtype),
            jnp.asarray(43.0, dtype),
            remodeling.make_axis_parameters(dtype=dtype),
        ),
    ),
    Kernel(
        "remodeling.free_testosterone_nmol_l",
        remodeling.free_testosterone_nmol_l,
        lambda dtype: (
            vector(dtype, 100.0, 900.0, 5),
            jnp.asarray(40.0, dtype),
            jnp.asarray(43.0, dtype),
            remodeling.make_axis_parameters(dtype=dtype),
        ),
    ),
    Kernel(
        "remodeling.match_axis",
        lambda constants, person: remodeling.match_axis(person, constants),
        lambda dtype: (remodeling.make_axis_parameters(dtype=dtype), _person(dtype)),
    ),
    Kernel(
        "remodeling.solve_axis",
        lambda exogenous, person, matched, constants: remodeling.solve_axis(
            person,
            matched,
            constants,
            exogenous_testosterone_ng_dl=exogenous,
            aromatase=jnp.ones_like(exogenous),
            gnrh_share=jnp.zeros_like(exogenous),
        ),
        lambda dtype: (vector(dtype, 0.0, 600.0, 4), *_axis(dtype)),
    ),
    Kernel(
        "remodeling.free_estradiol_pg_ml",
        remodeling.free_estradiol_pg_ml,
        lambda dtype: (
            vector(dtype, 5.0, 100.0, 5),
            vector(dtype, 0.1, 0.5, 5),
            jnp.asarray(40.0, dtype),
            jnp.asarray(43.0, dtype),
            remodeling.make_axis_parameters(dtype=dtype),
        ),
    ),
    Kernel(
        "remodeling.ovaries_over_time",
        lambda edges, person, constants: remodeling.ovaries_over_time(person, edges, constants),
        lambda dtype: (
            jnp.linspace(0.0, 700.0, 8, dtype=dtype),
            _woman(dtype),
            remodeling.make_axis_parameters(dtype=dtype),
        ),
    ),
    Kernel(
        "remodeling.untreated_levels",
        lambda constants, person: remodeling.untreated_levels(person, constants),
        lambda dtype: (remodeling.make_axis_parameters(dtype=dtype), _woman(dtype)),
    ),
    Kernel(
        "remodeling.hormone_levels",
        lambda exposure, person, edges, constants: remodeling.hormone_levels(
            person, exposure, edges, constants
        ),
        lambda dtype: (
            _exposure(dtype),
            _person(dtype),
            jnp.arange(25, dtype=dtype),
            remodeling.make_axis_parameters(dtype=dtype),
        ),
    ),
    Kernel(
        "remodeling.course_of_exposure",
        lambda person, exposure: remodeling.course_of_exposure(person, exposure, step_days=6.0, per_step=6),
        lambda dtype: (_woman(dtype), _exposure(dtype)),
    ),
    Kernel(
        "remodeling.hormone_course",
        lambda constants, person, protocol: remodeling.hormone_course(
            person, protocol, steps=4, step_days=30.0, axis_parameters=constants
        ),
        lambda dtype: (remodeling.make_axis_parameters(dtype=dtype), _person(dtype), _protocol(dtype)),
    ),
    *(
        Kernel(f"remodeling.{name}", getattr(remodeling, name), lambda dtype: (vector(dtype, 5.0, 900.0, 6),))
        for name in (
            "estradiol_pg_ml_from_pmol_l",
            "estradiol_pmol_l",
            "testosterone_ng_dl_from_nmol_l",
            "testosterone_nmol_l",
        )
    ),
    Kernel(
        "remodeling.exposure",
        lambda protocol, weight, edges: remodeling.exposure(protocol, weight, edges),
        lambda dtype: (
            _drug_doses(dtype),
            jnp.asarray(70.0, dtype),
            jnp.linspace(0.0, 20.0, 21, dtype=dtype),
        ),
    ),
    Kernel(
        "remodeling.repeated_dose",
        lambda amount, every, start, stop: remodeling.repeated_dose(
            "alendronate",
            amount,
            every_days=every,
            doses=6,
            start_day=start,
            stop_day=stop,
            dtype=amount.dtype,
        ),
        lambda dtype: tuple(jnp.asarray(value, dtype) for value in (70.0, 7.0, 2.0, 33.0)),
    ),
    Kernel(
        "remodeling.join_protocols",
        lambda first, second: remodeling.join_protocols([first, second]),
        lambda dtype: (_protocol(dtype), _drug_doses(dtype)),
    ),
    Kernel(
        "remodeling.stack_protocols",
        lambda first, second: remodeling.stack_protocols([first, second]),
        lambda dtype: (_protocol(dtype), _drug_doses(dtype)),
    ),
    Kernel(
        "remodeling.mean_concentration",
        lambda dose, day, edges: remodeling.mean_concentration(
            remodeling.DRUGS["degarelix"], day, dose, 70.0, edges
        ),
        lambda dtype: (
            jnp.asarray([240.0, 80.0], dtype),
            jnp.asarray([0.0, 28.0], dtype),
            jnp.linspace(0.0, 60.0, 7, dtype=dtype),
        ),
    ),
    *(
        Kernel(
            f"remodeling.{name}",
            lambda dose, time, day, name=name: getattr(remodeling, name)(time, day, dose, (0.1, 5.0)),
            lambda dtype: (
                jnp.asarray([100.0, 50.0], dtype),
                jnp.linspace(0.0, 30.0, 6, dtype=dtype),
                jnp.asarray([0.0, 7.0], dtype),
            ),
        )
        for name in ("amount_in_blood", "mean_amount_in_blood")
    ),
    *(
        Kernel(
            f"remodeling.{name}",
            getattr(remodeling, name),
            lambda dtype: (body_density(dtype), _levels(dtype), _parameters(dtype)),
        )
        for name in ("baseline_state", "bone_fraction_from_vbmd", "remodeling_voxels", "steady_state")
    ),
    *(
        Kernel(
            f"remodeling.{name}{'[compact]' * (len(rest) == 3)}",
            lambda parameters, state, drives, rest, name=name: getattr(remodeling, name)(
                state, drives, parameters, *rest
            ),
            lambda dtype, rest=rest: (_parameters(dtype), _state(dtype), _drives(dtype), rest),
        )
        for name, rest in (("bone_rates", ()), ("bone_step", (15.0,)), ("bone_step", (15.0, 1.0, 0.5)))
    ),
    Kernel(
        "remodeling.surface_rate",
        remodeling.surface_rate,
        lambda dtype: (vector(dtype, 0.05, 0.9), _parameters(dtype), 1.0),
    ),
    Kernel(
        "remodeling.specific_surface",
        remodeling.specific_surface,
        lambda dtype: (vector(dtype, 0.05, 0.9), *(jnp.asarray(v, dtype) for v in (10.0, 0.7, 0.9))),
    ),
    Kernel(
        "remodeling.compact_surface",
        remodeling.compact_surface,
        lambda dtype: (vector(dtype, 0.05, 0.9), jnp.asarray(4.0, dtype)),
    ),
    Kernel("remodeling.ash_fraction", remodeling.ash_fraction, lambda dtype: (vector(dtype, 0.6, 1.0),)),
    Kernel(
        "remodeling.modulus_ratio",
        lambda fraction, state: remodeling.modulus_ratio(fraction, state.mineral_deficit, state),
        lambda dtype: (vector(dtype, 0.1, 0.8), _state(dtype)),
    ),
    Kernel(
        "remodeling.cell_drives",
        lambda z, parameters, levels, baseline: remodeling.cell_drives(levels, baseline, z, parameters),
        lambda dtype: (
            vector(dtype, -0.4, 0.4),
            _parameters(dtype),
            remodeling.make_hormone_levels(dtype=dtype),
            _levels(dtype),
        ),
    ),
    *(
        Kernel(
            f"remodeling.{name}",
            lambda levels, parameters, name=name: getattr(remodeling, name)(levels, parameters),
            lambda dtype: (_levels(dtype), _parameters(dtype)),
        )
        for name in ("hormone_balance_level", "hormone_resorption_drive")
    ),
    Kernel(
        "remodeling.hill",
        remodeling.hill,
        lambda dtype: (vector(dtype, 0.0, 50.0, 6), jnp.asarray(20.0, dtype), jnp.asarray(2.0, dtype)),
    ),
    Kernel(
        "remodeling.bone_mechanisms",
        lambda z, parameters, levels, baseline: remodeling.bone_mechanisms(
            levels, baseline, z, parameters, female=1.0
        ),
        lambda dtype: (
            vector(dtype, -0.4, 0.4),
            _parameters(dtype),
            remodeling.make_hormone_levels(dtype=dtype),
            _levels(dtype),
        ),
    ),
    *(
        Kernel(
            f"remodeling.{name}",
            lambda parameters, terms, name=name: getattr(remodeling, name)(terms.resorption, parameters),
            lambda dtype: (_parameters(dtype), _mechanisms(dtype)),
        )
        for name in ("rankl_over_opg", "osteoclast_lifespan")
    ),
    Kernel(
        "remodeling.cell_pools",
        lambda parameters, state: remodeling.cell_pools(state, parameters, 1.0, 0.3),
        lambda dtype: (_parameters(dtype), _state(dtype)),
    ),
    Kernel(
        "remodeling.igf1_memory",
        lambda parameters, course: remodeling.igf1_memory(course, parameters),
        lambda dtype: (_parameters(dtype), _past(dtype)),
    ),
    Kernel(
        "remodeling.marrow_fat",
        lambda parameters, course: remodeling.marrow_fat(course, parameters),
        lambda dtype: (_parameters(dtype), _past(dtype)),
    ),
    Kernel(
        "remodeling.drug_signals",
        lambda parameters, exposure: remodeling.drug_signals(exposure, 1.0, parameters),
        lambda dtype: (remodeling.make_drug_effect_parameters(dtype=dtype), _full_exposure(dtype)),
    ),
    Kernel(
        "remodeling.no_exposure",
        lambda value: value * remodeling.no_exposure(3, value.dtype).denosumab,
        lambda dtype: (jnp.asarray(1.0, dtype),),
    ),
    Kernel(
        "remodeling.history_course",
        lambda years, levels: remodeling.history_course(
            levels, levels, years=years, onset_years=0.2, steps=6
        ),
        lambda dtype: (jnp.asarray(3.0, dtype), _levels(dtype)),
    ),
    Kernel(
        "remodeling.start_from_history",
        lambda density, course, parameters: remodeling.start_from_history(density, course, parameters),
        lambda dtype: (body_density(dtype), _past(dtype), _parameters(dtype)),
        slow=SINGLE,
    ),
    Kernel(
        "remodeling.simulate[history]",
        lambda density, mechanics, course, parameters, past: _simulate(
            density, mechanics, course, parameters, past
        ),
        lambda dtype: (
            body_density(dtype),
            remodeling.make_surrogate(dtype=dtype),
            _course(dtype),
            _parameters(dtype),
            _past(dtype),
        ),
        slow=BOTH,
    ),
    Kernel("remodeling.room", remodeling.room, lambda dtype: (_state(dtype),)),
    Kernel("remodeling.vbmd", remodeling.vbmd, lambda dtype: (_state(dtype), jnp.asarray(1.2, dtype))),
    Kernel(
        "remodeling.helmholtz_filter",
        lambda values, neighbours, length: remodeling.helmholtz_filter(
            values, neighbours, length, iterations=20
        ),
        lambda dtype: (
            vector(dtype, 0.1, 1.0),
            jnp.asarray(remodeling.neighbour_table(body_mask())),
            jnp.asarray(1.0, dtype),
        ),
    ),
    Kernel(
        "remodeling.daily_energy",
        lambda modulus, plan, daily: (
            remodeling.daily_energy(modulus, plan, daily, rtol=1e-5, max_iterations=100).energy
        ),
        lambda dtype: (vector(dtype, 500.0, 5000.0), body_plan(), _daily(dtype)),
    ),
    Kernel(
        "remodeling.activity_energies",
        lambda modulus, displacement, plan, daily: (
            remodeling.activity_energies(displacement, modulus, plan, daily).energy
        ),
        lambda dtype: (
            vector(dtype, 500.0, 5000.0),
            1e-3
            * jnp.cos(jnp.arange(2.0 * body_plan().nodes.size, dtype=dtype)).reshape(
                2, *body_plan().nodes.shape
            ),
            body_plan(),
            _daily(dtype),
        ),
    ),
    Kernel(
        "remodeling.energy_of_day",
        remodeling.energy_of_day,
        lambda dtype: (
            jnp.stack([vector(dtype, 0.001, 0.02), vector(dtype, 0.02, 0.005)]),
            _daily(dtype),
        ),
    ),
    Kernel(
        "remodeling.simulate[surrogate]",
        _simulate,
        lambda dtype: (
            body_density(dtype),
            remodeling.make_surrogate(dtype=dtype),
            _course(dtype),
            _parameters(dtype),
        ),
        slow=SINGLE,
    ),
    Kernel(
        "remodeling.simulate[finite elements]",
        _simulate,
        lambda dtype: (body_density(dtype), _mechanics(dtype), _course(dtype), _parameters(dtype)),
        slow=SINGLE,
    ),
]
