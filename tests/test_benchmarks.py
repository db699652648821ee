"""The scripts beside other programs set the problem that this project's solver solves, and judge it alike."""

import argparse
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import fem
import meshes
from benchmarks import cycles
from benchmarks.__main__ import _other
from benchmarks._cases import MODULUS_MPA, POISSON, STRAIN
from benchmarks.others import PROGRAMS, _common, pyamg

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def problem(monkeypatch):
    """A holed block as the scripts see it, its plan, and its displacement by this project's solver."""
    mask = np.ones((6, 5, 7), bool)
    mask[2:4, 2, 2:5] = False
    monkeypatch.setattr(_common, "read_case", lambda name, data: (mask, 0.05))
    plan = fem.make_plan(mask, 0.05, fem.load_case("axial", strain=STRAIN), material=fem.isotropic(POISSON))
    displacement, info = fem.solve_checked(jnp.full(int(mask.sum()), MODULUS_MPA), plan, rtol=1e-9)
    return _common.read_body("block", ROOT), plan, np.asarray(displacement), info


def test_the_scripts_set_the_same_problem(problem):
    """nodes, connectivity, prescribed displacements, element stiffness"""
    body, plan, _, _ = problem
    np.testing.assert_array_equal(body.nodes, plan.nodes)
    np.testing.assert_array_equal(body.elements, plan.connectivity)
    np.testing.assert_allclose(body.value, plan.prescribed, rtol=1e-14)
    unit = fem.element_stiffness(fem.isotropic(POISSON)) * MODULUS_MPA * 0.05
    np.testing.assert_allclose(_common.element_stiffness(0.05), unit, rtol=1e-10, atol=1e-10 * unit.max())


def test_the_scripts_judge_as_the_solver_does(problem):
    """relative residual and force of a converged and of a disturbed displacement"""
    body, plan, displacement, info = problem
    residual, force = _common.judge(body, displacement)
    assert residual <= 1.01e-9
    assert force == pytest.approx(float(info.force_top_n), rel=1e-9)
    disturbed = displacement + 1e-6 * ~body.held[:, None]
    internal = np.asarray(
        fem.nodal_forces(jnp.asarray(disturbed), jnp.full(len(body.elements), MODULUS_MPA), plan)
    )
    start = np.asarray(fem.nodal_forces(plan.prescribed, jnp.full(len(body.elements), MODULUS_MPA), plan))
    free = ~body.held
    wanted = np.linalg.norm(internal[free]) / np.linalg.norm(start[free])
    assert _common.judge(body, disturbed)[0] == pytest.approx(wanted, rel=1e-9)
    with pytest.raises(SystemExit, match="missed"):
        _common.judge(body, disturbed + 1e-3)


def test_the_assembled_stiffness_is_the_operator(problem, rng):
    """K v of the free nodes for any v that vanishes on the held ones"""
    body, *_ = problem
    free = ~body.held
    vector = rng.standard_normal(body.nodes.shape) * free[:, None]
    product = pyamg.assemble(body, free) @ vector[free].ravel()
    np.testing.assert_allclose(
        product, _common.internal_force(body, vector)[free].ravel(), rtol=1e-9, atol=1e-9
    )


def test_rigid_modes_cost_no_force(problem):
    """K r = 0"""
    body, *_ = problem
    for mode in _common.rigid_modes(body.nodes.astype(float)).T.reshape(6, -1, 3):
        assert np.abs(_common.internal_force(body, mode)).max() < 1e-9 * MODULUS_MPA


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_has_its_script(program):
    """a module that can be run, which imports its program only when it solves"""
    path = ROOT / (PROGRAMS[program].replace(".", "/") + ".py")
    assert f'run("{program}", "{program}", solve)' in path.read_text()


def test_a_program_is_named_with_its_interpreter():
    """NAME=PYTHON, this interpreter by default, unknown names refused"""
    assert _other("pyamg") == ("pyamg", Path(sys.executable))
    assert _other("tatva=/opt/python") == ("tatva", Path("/opt/python"))
    with pytest.raises(argparse.ArgumentTypeError, match="none of pyamg"):
        _other("abaqus")


def test_krylov_steps_on_coarse_levels_save_iterations():
    """rods of BV/TV 0.12: K below W below V, on the same hierarchy"""
    mask = meshes.make_trabecular_cube(24, bv_tv=0.12, kind="rods")
    matrix, right, prolongations, _ = cycles.assemble(mask)
    levels = cycles.build(matrix, prolongations)
    assert len(levels) >= 3
    counts = [cycles.iterations(levels, right, cycles.CYCLES[name]) for name in ("K", "W", "V")]
    assert counts == sorted(counts)
    assert counts[0] < counts[2]
