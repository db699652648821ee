"""`osteon solve` of unstructured meshes: exact answers, those of voxels, and bad input."""

import csv
import json

import numpy as np
import pytest

import meshes
from osteon import main

CONFINED = (1 - 0.3) / ((1 + 0.3) * (1 - 2 * 0.3))
"Modulus of a laterally confined body over Young's, v = 0.3."


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A box of 4 x 3 x 6 mm in every type of element, VTU and INP; the VTU holds a field of moduli, MPa."""
    folder = tmp_path_factory.mktemp("meshes")
    for kind in ("tet4", "tet10", "hex8", "hex20"):
        mesh = meshes.make_box_mesh((2, 2, 3), (4.0, 3.0, 6.0), kind)
        heights = meshes.element_centres(mesh)[:, 2]
        fields = {"E": np.where(heights < 3.0, 1000.0, 4000.0), "negative": heights - 3.0}
        meshes.write_mesh(folder / f"{kind}.vtu", mesh, element_fields=fields)
        meshes.write_mesh(folder / f"{kind}.inp", mesh)
    return folder


def answered(capsys, *arguments) -> dict:
    assert main(["solve", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("kind", ["tet4", "tet10", "hex8", "hex20"])
@pytest.mark.parametrize("suffix", ["vtu", "inp"])
def test_a_confined_box_has_its_exact_modulus(files, capsys, kind, suffix):
    """E (1 - v) / ((1 + v) (1 - 2 v)) in every type of element, from both files."""
    told = answered(capsys, files / f"{kind}.{suffix}", "--scale-mm", 1, "--load", "confined")
    assert told["apparent_modulus_mpa"] == pytest.approx(10000 * CONFINED, rel=1e-5)
    assert told["volume_mm3"] == pytest.approx(72.0)
    assert told["element_types"] == {kind: told["elements"]}


def test_units_of_the_file_scale_the_answer(files, capsys):
    """A file in metres is a thousand times as large: stiffness grows with length, the modulus stays."""
    mm = answered(capsys, files / "hex8.vtu", "--scale-mm", 1, "--modulus-mpa", 500)
    metres = answered(capsys, files / "hex8.vtu", "--scale-mm", 1000, "--modulus-mpa", 500)
    assert metres["stiffness_n_per_mm"] == pytest.approx(1000 * mm["stiffness_n_per_mm"], rel=1e-6)
    assert metres["apparent_modulus_mpa"] == pytest.approx(mm["apparent_modulus_mpa"], rel=1e-6)


@pytest.mark.parametrize("load", ["axial", "clamped-bottom", "shear-x", "shear-y"])
def test_hexahedra_answer_as_voxels_do(tmp_path, capsys, load):
    """The same cubes as a mesh and as a mask give the same force."""
    mask = np.ones((3, 4, 5), bool)
    mask[0, 0, 1:3] = False
    np.savez(tmp_path / "mask.npz", mask=mask, voxel_mm=0.5)
    hexahedra = meshes.from_meshio(meshes.voxel_mesh(mask, 0.5), scale_mm=1.0)
    meshes.write_mesh(tmp_path / "mesh.vtu", hexahedra)
    size = ("--load", load, "--displacement-mm", -0.01, "--rtol", "1e-10")
    voxels = answered(capsys, tmp_path / "mask.npz", *size)
    elements = answered(capsys, tmp_path / "mesh.vtu", "--scale-mm", 1, *size)
    force = abs(voxels["generalised_force"]["value"])
    assert elements["reaction_n"] == pytest.approx(force, rel=1e-7)


def test_moduli_come_from_a_field_and_maps_go_to_a_file(files, tmp_path, capsys):
    """Moduli are those of the field, and the energy of the map is that of the solve."""
    out = tmp_path / "out"
    command = [str(files / "tet10.vtu"), "--scale-mm", "1", "--modulus-field", "E", "--load", "confined"]
    assert main(["solve", *command, "--maps", "--out", str(out)]) == 0
    assert "stiffness N/mm" in capsys.readouterr().out
    summary = json.loads((out / "summary.json").read_text())
    mesh = meshes.read_mesh(out / "maps" / "maps.vtu", scale_mm=1.0)
    stiff = np.asarray(mesh.fields["modulus_mpa"])
    np.testing.assert_array_equal(stiff == 1000.0, meshes.element_centres(mesh)[:, 2] < 3.0)
    with (out / "cases.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert float(row["stiffness_n_per_mm"]) == pytest.approx(summary["stiffness_n_per_mm"])
    energy = np.asarray(mesh.fields["sed_mean_mpa"])
    volume = summary["volume_mm3"] / summary["elements"]
    assert energy.sum() * volume == pytest.approx(summary["strain_energy_n_mm"], rel=1e-5)
    assert {path.name for path in out.iterdir()} == {
        "summary.json", "cases.csv", "versions.json", "log.txt", "maps",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "give --scale-mm 1 for mm, 1000 for m"),
        (("--scale-mm", "-1"), "must be positive"),
        (("--scale-mm", "1", "--voxel-mm", "1"), "--voxel-mm is for images"),
        (("--scale-mm", "1", "--axis", "image"), "--axis is for images"),
        (("--scale-mm", "1", "--strength", "nonlinear"), "--strength nonlinear is for voxels"),
        (("--scale-mm", "1", "--load", "pmma-axial"), "a mesh takes axial"),
        (("--scale-mm", "1", "--load", "uniaxial"), "a mesh takes axial"),
        (("--scale-mm", "1", "--load", "stiffness-kubc"), "a mesh takes axial"),
        (("--scale-mm", "1", "--modulus-mpa", "0"), "--modulus-mpa must be positive MPa"),
        (("--scale-mm", "1", "--modulus-field", "F"), "fields of elements: E, negative"),
        (("--scale-mm", "1", "--modulus-field", "negative"), "must be positive MPa"),
        (("--scale-mm", "1", "--modulus-field", "E", "--modulus-mpa", "5"), "give one"),
        (("--scale-mm", "1", "--poisson", "0.5"), "--poisson"),
        (("--scale-mm", "1", "--maps"), "--out is missing"),
    ],
)
def test_bad_input_gets_a_sentence(files, capsys, arguments, sentence):
    """What, where, the value and a way out; exit code 2."""
    assert main(["solve", str(files / "hex8.vtu"), *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_options_of_meshes_are_not_for_images(tmp_path, capsys):
    """A mask has its size from its voxels."""
    np.savez(tmp_path / "mask.npz", mask=np.ones((3, 3, 3), bool), voxel_mm=1.0)
    assert main(["solve", str(tmp_path / "mask.npz"), "--scale-mm", "1"]) == 2
    assert "--scale-mm is for meshes" in capsys.readouterr().err


def test_a_damaged_mesh_is_bad_input(tmp_path, capsys):
    """Not a traceback."""
    (tmp_path / "mesh.vtu").write_text("nothing of a mesh")
    assert main(["solve", str(tmp_path / "mesh.vtu"), "--scale-mm", "1"]) == 2
    assert "cannot be handled as a mesh" in capsys.readouterr().err


def test_too_few_iterations_and_too_little_memory_have_their_codes(files, tmp_path, capsys):
    """3 with the true residual and 4 with the plan; no folder is left."""
    mesh = [str(files / "tet10.vtu"), "--scale-mm", "1", "--out", str(tmp_path / "out")]
    assert main(["solve", *mesh, "--modulus-field", "E", "--max-iterations", "1"]) == 3
    assert "true relative residual" in capsys.readouterr().err
    assert main(["solve", *mesh, "--memory-gb", "0.1"]) == 4
    assert "memory plan for" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_multigrid_it_says_so(files, capsys, monkeypatch):
    """The answer is the same."""
    with_it = answered(capsys, files / "hex8.vtu", "--scale-mm", 1)
    monkeypatch.setattr("osteon._solve_mesh.find_spec", lambda name: None)
    without = answered(capsys, files / "hex8.vtu", "--scale-mm", 1)
    assert without["preconditioner"] == "Jacobi"
    assert any("PyAMG is not installed" in note for note in without["notes"])
    assert without["stiffness_n_per_mm"] == pytest.approx(with_it["stiffness_n_per_mm"], rel=1e-4)
