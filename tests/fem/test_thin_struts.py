"""Bone one or two voxels thick, as at low bone volume fraction: iterations stay few on every grid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fem
import meshes
from benchmarks._cases import read_case, thinned

MOST_ITERATIONS = 60


def solved(mask, rtol=1e-6):
    """Record of a solve under axial compression, one modulus."""
    plan = fem.make_plan(mask, 0.05, fem.load_case("axial", strain=-0.01))
    return jax.jit(lambda m, p: fem.solve(m, p, rtol=rtol)[1])(jnp.full(int(mask.sum()), 1e4), plan)


def coarsened(mask):
    """Half the resolution: voxels that are at least half bone."""
    size = np.array(mask.shape) // 2
    whole = mask[: 2 * size[0], : 2 * size[1], : 2 * size[2]]
    return whole.reshape(size[0], 2, size[1], 2, size[2], 2).mean(axis=(1, 3, 5)) >= 0.5


def read(shared_data, size):
    return read_case(f"lhdl_{size}", shared_data)[0]


@pytest.mark.parametrize(
    ("kind", "n", "bv_tv"),
    [("rods", 32, 0.12), ("rods", 48, 0.08), ("plates", 32, 0.12), ("plates", 48, 0.1)],
)
def test_synthetic_struts_take_few_iterations(kind, n, bv_tv):
    """Residual 1e-6 within 60 iterations"""
    info = solved(meshes.make_trabecular_cube(n, bv_tv=bv_tv, kind=kind))
    assert bool(info.converged)
    assert int(info.iterations) <= MOST_ITERATIONS


def test_eroded_bone_takes_few_iterations_and_reaches_a_small_residual(shared_data):
    """LHDL 50 less a layer: BV/TV 0.066, nearly every voxel at the surface; 1e-6 within 60, 1e-9 reached"""
    mask, _ = read_case("thin_50", shared_data)
    assert 0.05 < mask.mean() < 0.08
    info = solved(mask)
    assert bool(info.converged)
    assert int(info.iterations) <= MOST_ITERATIONS
    assert bool(solved(mask, rtol=1e-9).converged)


@pytest.mark.slow
def test_iterations_on_thin_bone_do_not_grow_with_the_grid(shared_data):
    """Rods and plates of one thickness on growing grids, and LHDL eroded until thin at 50 and at 100"""
    for kind, bv_tv in (("rods", 0.06), ("plates", 0.08)):
        counts = [
            int(solved(meshes.make_trabecular_cube(n, bv_tv=bv_tv, kind=kind)).iterations)
            for n in (64, 96, 128)
        ]
        assert max(counts) <= MOST_ITERATIONS, f"{kind}: {counts}"
    eroded = (
        thinned(read(shared_data, 50), 1),
        thinned(read(shared_data, 100), 2),
        meshes.largest_component(coarsened(thinned(read(shared_data, 200), 4))),
    )
    counts = [int(solved(mask).iterations) for mask in eroded]
    assert max(counts) <= MOST_ITERATIONS, counts
