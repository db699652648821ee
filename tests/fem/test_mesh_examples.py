"""The examples of unstructured meshes run; the L3 body as tetrahedra agrees with its voxels."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from meshes import cut_surface, read_mesh, read_surface, tetrahedralize, to_quadratic, write_mesh

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def example(name):
    """An example script as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    return module


def test_a_mesh_file_is_solved_and_written_with_its_fields(tmp_path, capsys):
    """The force lies between Reuss and Voigt with lateral hold; the stress of VTU integrates to the force."""
    script = example("mesh_solve")
    write_mesh(tmp_path / "in.vtu", script.built_in())
    force = script.main(
        [str(tmp_path / "in.vtu"), "--modulus", "modulus", "--out", str(tmp_path / "out.vtu")]
    )
    assert "iterations, true residual" in capsys.readouterr().out
    series = 300.0 * 0.01 / np.mean(1.0 / (1000.0 * (1.0 + (np.arange(1000) + 0.5) / 1000.0)))
    assert 1.0 < -force / series < 1.15
    mesh = read_mesh(tmp_path / "out.vtu", scale_mm=1.0)
    corner = mesh.points[mesh.cells["tet10"][:, :4]]
    volume = np.linalg.det(corner[:, 1:] - corner[:, :1]) / 6.0
    # int s_zz dV = F h for a body loaded on its two ends alone
    assert volume @ mesh.fields["stress_mpa"][:, 2] == pytest.approx(force * 30.0, rel=5e-3)


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("wildmeshing", "pyamg")),
    reason="wildmeshing or PyAMG is not installed (extras `mesher`, `unstructured`)",
)
def test_the_l3_body_is_as_stiff_in_tetrahedra_as_in_voxels(shared_data):
    """Stiffness of tet10 of 4 mm within 1 % of voxels of 1 mm; tet4 is stiffer than tet10."""
    script = example("l3_unstructured")
    surface = read_surface(shared_data / "l3_visiblehuman_artisynth_body.stl", scale_mm=1.0)
    surface = cut_surface(*surface, 97.0, 115.0)
    density = script.rim_density(surface[0].min(axis=0), surface[0].max(axis=0))
    voxels = script.voxel_stiffness(surface, density, 1.0)
    mesh = tetrahedralize(*surface, 4.0, flat_ends=True)
    linear = script.mesh_stiffness(mesh, density)
    quadratic = script.mesh_stiffness(to_quadratic(mesh), density)
    assert quadratic["volume"] == pytest.approx(voxels["volume"], rel=0.01)
    assert quadratic["stiffness"] == pytest.approx(voxels["stiffness"], rel=0.01)
    assert quadratic["stiffness"] < linear["stiffness"] < 1.05 * quadratic["stiffness"]
