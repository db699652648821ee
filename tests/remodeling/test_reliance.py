"""What a run relies on, by mechanism."""

from dataclasses import fields, replace

import jax.numpy as jnp
import pytest

import remodeling as r

STATUSES = ("measured", "fitted", "assumed")


def run(p, exposure=None, **levels):
    base = r.make_hormone_levels()
    course = r.make_hormone_course(base, steps=6, step_days=30.0, **levels)
    trajectory, _ = r.simulate_checked(
        jnp.array([0.1]), r.make_surrogate(), course, p, options=r.make_options()
    )
    return {row.mechanism.name: row for row in r.relied_on(trajectory, p, exposure=exposure)}


def test_every_parameter_belongs_to_one_mechanism():
    """MECHANISMS partitions the fields of BoneParameters and DrugEffectParameters, each with words."""
    named = [name for entry in r.MECHANISMS for name in entry.parameters]
    known = [f.name for kind in (r.BoneParameters, r.DrugEffectParameters) for f in fields(kind)]
    assert sorted(named) == sorted(known)
    assert all(entry.meaning and entry.evidence for entry in r.MECHANISMS)


def test_the_table_of_drug_effects_matches_the_pytree():
    """One row per field, in order, each with a unit, a status and a source."""
    assert [row.name for row in r.DRUG_EFFECTS] == [f.name for f in fields(r.DrugEffectParameters)]
    for row in r.DRUG_EFFECTS:
        assert row.status in STATUSES
        assert row.unit
        assert row.source


def test_a_run_lists_the_mechanisms_that_moved_it():
    """At the young reference nothing but remodeling; with thyroid and a drug these, with their statuses."""
    p = r.default_parameters()
    assert set(run(p)) <= {"remodeling", "bone aromatase", "estrogen"}
    exposure = replace(r.no_exposure(3), romosozumab=jnp.ones(3))
    found = run(p, exposure, thyroid_index=0.5, progestogen=100.0)
    assert {"thyroid", "progestogen", "romosozumab", "load"} <= set(found)
    assert not {"insulin", "IGF-1", "denosumab", "androgen receptor"} & set(found)
    assert found["thyroid"].statuses == {"measured": 0, "fitted": 0, "assumed": 2}
    assert found["thyroid"].largest == pytest.approx(0.375)


def test_a_changed_value_counts_as_assumed():
    """A parameter away from its default has lost its source."""
    before = run(r.default_parameters(), estradiol_pg_ml=10.0)["estrogen"].statuses
    after = run(r.make_parameters(estradiol_balance=0.2), estradiol_pg_ml=10.0)["estrogen"].statuses
    assert after["fitted"] == before["fitted"] - 1
    assert after["assumed"] == before["assumed"] + 1
