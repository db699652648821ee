"""Pools of cells and the RANKL/OPG ratio against a published model of bone cells."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from scipy.integrate import solve_ivp

import remodeling as r
from tests import lemaire

ESTROGEN_LOSS = 6.0
"""Estradiol after menopause, pg/mL."""


def deficient_terms(p):
    before, after = r.make_hormone_levels(), r.make_hormone_levels(estradiol_pg_ml=ESTROGEN_LOSS)
    return tuple(r.bone_mechanisms(levels, before, 0.0, p).resorption for levels in (before, after))


def test_the_oracle_rests_at_its_published_steady_state():
    """R 0.7734e-3, B 0.7282e-3, C 0.9127e-3 pM (Lemaire 2004 as coded by bone-models), to 1e-3."""
    np.testing.assert_allclose(lemaire.steady_state(), lemaire.PUBLISHED, rtol=1e-3)


def test_the_oracle_agrees_with_the_package_bone_models():
    """The same rates as bone-models 0.1.0 at states around rest, to 1e-9."""
    module = pytest.importorskip("bone_models.models.lemaire_model")
    cases = pytest.importorskip("bone_models.load_cases.lemaire_load_cases")
    model = module.Lemaire_Model(cases.Lemaire_Load_Case_1())
    for factor in ([1.0, 1.0, 1.0], [1.2, 0.8, 1.5]):
        state = lemaire.PUBLISHED * np.array(factor)
        theirs = np.array(model.bone_cell_population_model(state))
        np.testing.assert_allclose(lemaire.rates(state), theirs, rtol=1e-9, atol=1e-15)


def test_osteoblasts_follow_osteoclasts_as_in_the_published_model():
    """At rest more osteoclasts come with more osteoblasts: d ln B / d ln C is 1 here, 0.63 in Lemaire."""
    rest, driven = lemaire.steady_state(), lemaire.steady_state(opg_production=0.5)
    published = np.log(driven[1] / rest[1]) / np.log(driven[2] / rest[2])
    np.testing.assert_allclose(published, 0.633, atol=5e-3)
    p = r.default_parameters()
    before, after = r.make_hormone_levels(), r.make_hormone_levels(estradiol_pg_ml=ESTROGEN_LOSS)
    pools = [r.cell_pools(r.steady_state(jnp.asarray(0.12), h, p), p) for h in (before, after)]
    ours = np.log(pools[1].osteoblasts / pools[0].osteoblasts) / np.log(
        pools[1].osteoclasts / pools[0].osteoclasts
    )
    np.testing.assert_allclose(ours, 1.0, rtol=1e-9)
    assert 0.5 < published / ours < 1.0


def test_osteoclasts_answer_to_rankl_over_opg_as_in_the_published_model():
    """d ln C / d ln(RANKL/OPG): 1 here by construction; 0.5 to 1 in Lemaire, where TGF-beta brakes."""
    rest, driven = lemaire.steady_state(), lemaire.steady_state(opg_production=0.5)
    ratios = []
    for state, production in ((rest, 1.0), (driven, 0.5)):
        ligand, decoy = lemaire.ligands(state, production)
        ratios.append(ligand / decoy)
    published = np.log(driven[2] / rest[2]) / np.log(ratios[1] / ratios[0])
    assert 0.5 < published < 1.0
    p = r.make_parameters(estradiol_lifespan_share=0.0)
    before, after = deficient_terms(p)
    ours = np.log(r.rankl_over_opg(after, p) / r.rankl_over_opg(before, p))
    drives = [
        r.cell_drives(h, r.make_hormone_levels(), 0.0, p).log_resorption
        for h in (r.make_hormone_levels(), r.make_hormone_levels(estradiol_pg_ml=ESTROGEN_LOSS))
    ]
    np.testing.assert_allclose(ours, drives[1] - drives[0], rtol=0.02)


def test_osteoclasts_lead_osteoblasts_as_in_the_published_model():
    """After a step of RANKL/OPG the osteoclasts are half way first, in both models."""
    rest, driven = lemaire.steady_state(), lemaire.steady_state(opg_production=0.6)
    run = solve_ivp(
        lambda _, y: lemaire.rates(y, opg_production=0.6), (0, 400), rest, method="LSODA", rtol=1e-8,
        atol=1e-14, t_eval=np.arange(401.0),
    )  # fmt: skip
    assert run.success
    published = [int(np.argmax((run.y[k] - rest[k]) / (driven[k] - rest[k]) > 0.5)) for k in (2, 1)]
    p = r.default_parameters()
    before, after = r.make_hormone_levels(), r.make_hormone_levels(estradiol_pg_ml=ESTROGEN_LOSS)
    drives = r.cell_drives(after, after, jnp.asarray(0.0), p)

    def day(state, _):
        state, _ = r.bone_step(state, drives, p, 1.0)
        return state, r.cell_pools(state, p)

    start = r.steady_state(jnp.asarray(0.12), before, p)
    _, pools = jax.jit(lambda s: lax.scan(day, s, None, length=800))(start)
    ours = []
    for name in ("osteoclasts", "preosteoblasts", "osteoblasts"):
        course = np.asarray(getattr(pools, name))
        first = float(getattr(r.cell_pools(start, p), name))
        ours.append(int(np.argmax((course - first) / (course.max() - first) > 0.5)))
    assert published[0] < published[1]
    assert ours[0] < ours[1] < ours[2]


def test_the_routes_of_estrogen_multiply_to_its_whole_effect():
    """lifespan x RANKL/OPG = exp of the estrogen terms, whatever the share of each."""
    for share in (0.0, 0.3, 1.0):
        p = r.make_parameters(estradiol_lifespan_share=share)
        before, after = deficient_terms(p)
        change = np.log(r.osteoclast_lifespan(after, p) / r.osteoclast_lifespan(before, p)) + np.log(
            r.rankl_over_opg(after, p) / r.rankl_over_opg(before, p)
        )
        whole = r.make_parameters(estradiol_lifespan_share=1.0)
        b, a = deficient_terms(whole)
        np.testing.assert_allclose(
            change, np.log(r.osteoclast_lifespan(a, whole) / r.osteoclast_lifespan(b, whole)), rtol=1e-12
        )


def test_pools_of_a_trajectory_are_those_of_its_states():
    """Start and end of a run: % of the start, surfaces summed over the compartment."""
    p = r.default_parameters()
    base = r.make_hormone_levels(estradiol_pg_ml=15.0)
    course = r.make_hormone_course(base, steps=12, step_days=30.0, estradiol_pg_ml=40.0, drug_modeling=0.2)
    density = r.vbmd(r.steady_state(jnp.array([0.1, 0.2, 0.8]), base, p), p.mineral_maximum)
    trajectory, _ = r.simulate_checked(
        density, r.make_surrogate(), course, p, compartments=np.array([0, 0, 1]),
        options=r.make_options(compartments=2),
    )  # fmt: skip
    first = r.cell_pools(trajectory.start, p)
    last = r.cell_pools(trajectory.end, p, modeling=0.2)
    for name in ("osteoclasts", "preosteoblasts", "osteoblasts", "osteocytes"):
        pool = np.asarray(getattr(trajectory.cells, name))
        np.testing.assert_allclose(pool[0], 100.0)
        expected = np.asarray(getattr(last, name)), np.asarray(getattr(first, name))
        np.testing.assert_allclose(
            pool[-1, 0], 100 * expected[0][:2].sum() / expected[1][:2].sum(), rtol=1e-12
        )
        np.testing.assert_allclose(pool[-1, 1], 100 * expected[0][2] / expected[1][2], rtol=1e-12)
    assert (np.asarray(trajectory.rankl_over_opg) > 0).all()


def test_mechanisms_of_a_trajectory_are_those_of_its_levels():
    """The recorded contributions of a step are `bone_mechanisms` of its hormones, and explain its drive."""
    p = replace(r.default_parameters(), igf1_adaptation=jnp.asarray(0.0))
    base = r.make_hormone_levels(testosterone_ng_dl=200.0, estradiol_pg_ml=15.0)
    course = r.make_hormone_course(base, steps=6, step_days=30.0, testosterone_ng_dl=600.0, progestogen=100.0)
    density = r.vbmd(r.steady_state(jnp.array([0.1]), base, p), p.mineral_maximum)
    trajectory, _ = r.simulate_checked(density, r.make_surrogate(), course, p, options=r.make_options())
    now = jax.tree.map(lambda level: level[-1], course.levels)
    z = trajectory.log_stimulus[-1]
    terms = r.bone_mechanisms(now, base, z, p)
    got = jax.tree.map(lambda term: term[-1], trajectory.mechanisms)
    for mine, recorded in zip(jax.tree.leaves(terms), jax.tree.leaves(got), strict=True):
        np.testing.assert_allclose(recorded, np.broadcast_to(mine, (1,)), atol=1e-12)
