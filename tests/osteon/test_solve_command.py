"""`osteon solve`: published answers, closed forms, and bad input."""

import csv
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from osteon import main
from osteon._machine import memory_plan_gb
from tests.nifti_files import save_nifti

ROOT = Path(__file__).resolve().parents[2]


def solve(out, *arguments: str) -> dict:
    """summary.json of a solve that must succeed."""
    assert main(["solve", *arguments, "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())


@pytest.fixture
def cube(tmp_path):
    """A solid cube of 8^3 voxels."""
    np.save(tmp_path / "cube.npy", np.ones((8, 8, 8), dtype=np.uint8))
    return str(tmp_path / "cube.npy")


def test_a_solid_cube_between_smooth_platens_has_its_own_modulus(tmp_path, cube, capsys):
    """Frictionless: F = E A strain = 5000 * 4^2 * 0.02 = 1600 N, stiffness F / (0.02 * 4 mm)."""
    summary = solve(
        tmp_path / "run", cube, "--voxel-mm", "0.5", "--modulus-mpa", "5000", "--load", "uniaxial",
        "--strain", "-0.02", "--rtol", "1e-10",
    )  # fmt: skip
    assert summary["reaction_n"] == pytest.approx(1600.0, rel=1e-8)
    assert summary["stiffness_n_per_mm"] == pytest.approx(20000.0, rel=1e-8)
    assert summary["apparent_modulus_mpa"] == pytest.approx(5000.0, rel=1e-8)
    assert summary["sed_mean_mpa"] == pytest.approx(0.5 * 5000 * 0.02**2, rel=1e-8)
    assert summary["bv_tv"] == 1.0
    assert summary["dofs"] == 3 * 9**3
    assert "1600" in capsys.readouterr().out


def test_displacement_and_strain_are_two_words_for_one_load(tmp_path, cube):
    """u = strain * height: -0.01 of 8 voxels of 0.5 mm is -0.04 mm."""
    one = solve(tmp_path / "a", cube, "--voxel-mm", "0.5", "--strain", "-0.01")
    two = solve(tmp_path / "b", cube, "--voxel-mm", "0.5", "--displacement-mm", "-0.04")
    assert one["reaction_n"] == pytest.approx(two["reaction_n"], rel=1e-12)
    assert one["apparent_modulus_mpa"] == pytest.approx(two["apparent_modulus_mpa"], rel=1e-12)


def test_a_solve_is_a_row_of_a_table(tmp_path, cube):
    """cases.csv has the numbers of the summary under names that stay."""
    summary = solve(tmp_path / "run", cube, "--voxel-mm", "0.5")
    with (tmp_path / "run" / "cases.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["load"] == "axial"
    for name in ("voxel_mm", "stiffness_n_per_mm", "strength_pistoia_n", "reaction_n"):
        assert float(row[name]) == pytest.approx(summary[name], rel=1e-9)


def test_the_summary_holds_every_promised_key(tmp_path, cube):
    """The keys that scripts rely on."""
    summary = solve(tmp_path / "run", cube, "--voxel-mm", "0.5")
    promised = [
        "converged",
        "iterations",
        "relative_residual",
        "dofs",
        "elements",
        "bv_tv",
        "reaction_n",
        "stiffness_n_per_mm",
        "apparent_modulus_mpa",
        "sed_mean_mpa",
        "sed_centroid_mean_mpa",
        "sed_centroid_max_mpa",
        "strength_pistoia_n",
        "load_case",
        "solve_seconds",
        "compile_seconds",
        "peak_memory_mb",
    ]
    assert set(promised) <= set(summary)
    assert summary["converged"] is True
    assert summary["relative_residual"] <= 1.01e-6
    assert summary["load_case"]["name"] == "axial"


def test_loose_parts_are_set_aside_and_counted(tmp_path):
    """A block that touches nothing changes no number but is reported."""
    mask = np.zeros((8, 8, 8), dtype=np.uint8)
    mask[:4, :4] = 1
    np.save(tmp_path / "clean.npy", mask)
    mask[6:, 6:, 3] = 1
    np.save(tmp_path / "dirty.npy", mask)
    clean = solve(tmp_path / "a", str(tmp_path / "clean.npy"), "--voxel-mm", "1")
    dirty = solve(tmp_path / "b", str(tmp_path / "dirty.npy"), "--voxel-mm", "1")
    assert dirty["reaction_n"] == clean["reaction_n"]
    assert any("4 of 132 voxels" in note for note in dirty["notes"])
    assert clean["notes"] == []


def test_maps_lie_on_the_source_grid(tmp_path):
    """The affine of a mask with turned axes and its maps are the same, zero outside bone."""
    affine = np.array([[0, 0, 0.5, 3.0], [-0.5, 0, 0, 4.0], [0, -0.5, 0, 5.0], [0, 0, 0, 1]])
    mask = np.ones((6, 7, 8), np.uint8)
    mask[:2] = 0
    save_nifti(mask, affine, tmp_path / "mask.nii.gz")
    solve(tmp_path / "run", str(tmp_path / "mask.nii.gz"), "--maps")
    image = nibabel.Nifti1Image.from_filename(tmp_path / "run" / "maps" / "sed_mean_mpa.nii.gz")
    assert image.affine == pytest.approx(affine)
    values = image.get_fdata()
    assert values.shape == mask.shape
    assert ((values > 0) == (mask > 0)).all()
    assert (tmp_path / "run" / "maps" / "maps.vtu").stat().st_size > 0
    assert (tmp_path / "run" / "maps" / "maps.vti").stat().st_size > 0


def test_the_solved_model_is_exported_for_other_programs(tmp_path, cube):
    """8^3 voxels of 0.5 mm: one material, 9^3 nodes, three pins between smooth platens; HDF5 in GPa."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed; it comes with the extra `export`")
    summary = solve(
        tmp_path / "run", cube, "--voxel-mm", "0.5", "--modulus-mpa", "5000", "--load", "uniaxial",
        "--export", "inp", "--export", "parosol",
    )  # fmt: skip
    assert summary["export"]["pinned_components"] == 3
    assert summary["export"]["inp"]["materials"] == 1
    deck = (tmp_path / "run" / summary["export"]["inp"]["file"]).read_text()
    assert "\n729, 4.0" in deck
    assert "*ELASTIC\n5.000000000000e+03, 3.000000000000e-01\n" in deck
    with h5py.File(tmp_path / "run" / summary["export"]["parosol"]["file"]) as file:
        assert (file["Image_Data/Image"][:] == 5.0).all()


def test_morphometry_of_the_mask_joins_the_summary_when_asked(tmp_path):
    """Two plates of 3 voxels of 0.1 mm on a wall: BV/TV of the box, Tb.Th about 0.3 mm; absent by default."""
    mask = np.zeros((16, 8, 8), np.uint8)
    mask[3:6] = mask[11:14] = 1
    mask[:, 0] = 1
    np.save(tmp_path / "mask.npy", mask)
    path = str(tmp_path / "mask.npy")
    assert "morphometry" not in solve(tmp_path / "plain", path, "--voxel-mm", "0.1")
    summary = solve(tmp_path / "run", path, "--voxel-mm", "0.1", "--morphometry")
    assert summary["morphometry"]["bv_tv"] == pytest.approx(mask.mean())
    assert 0.2 < summary["morphometry"]["tb_th_mm"] < 0.35
    assert summary["morphometry"]["degree_of_anisotropy"] is None


def test_morphometry_carries_the_anisotropy_of_the_fabric(tmp_path, rng):
    """A smoothed random field stretched along z: DA above 1."""
    field = ndimage.gaussian_filter(rng.standard_normal((24, 24, 24)), (1.0, 1.0, 3.0))
    np.save(tmp_path / "mask.npy", (field > np.quantile(field, 0.6)).astype(np.uint8))
    path = str(tmp_path / "mask.npy")
    summary = solve(tmp_path / "run", path, "--voxel-mm", "0.1", "--morphometry")
    assert 1.2 < summary["morphometry"]["degree_of_anisotropy"] < 10


@pytest.fixture
def density(tmp_path):
    """A density image of 200 mg/cm3 with a label mask."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    labels = np.zeros((8, 8, 10), np.uint8)
    labels[2:6, 2:6, 2:8] = 22
    save_nifti(np.full(labels.shape, 200.0, np.float32), affine, tmp_path / "d.nii.gz")
    save_nifti(labels, affine, tmp_path / "m.nii.gz")
    return [str(tmp_path / "d.nii.gz"), "--mask", str(tmp_path / "m.nii.gz"), "--label", "22"]


def test_a_homogeneous_density_has_the_modulus_of_its_law(tmp_path, density):
    """Kopperdahl 2002 at 0.2 g/cm3: E = -34.7 + 3230 * 0.2 = 611.3 MPa, by frictionless platens."""
    summary = solve(
        tmp_path / "run", *density, "--law", "kopperdahl-2002", "--density-type", "k2hpo4",
        "--load", "uniaxial", "--rtol", "1e-9",
    )  # fmt: skip
    assert summary["apparent_modulus_mpa"] == pytest.approx(611.3, rel=1e-6)
    assert summary["elements"] == 4 * 4 * 6


def test_caps_are_no_bone(tmp_path, density):
    """With cement caps the elements grow, the mean strain energy is still that of bone alone."""
    summary = solve(
        tmp_path / "run", *density, "--law", "kopperdahl-2002", "--density-type", "k2hpo4",
        "--load", "pmma-axial",
    )  # fmt: skip
    assert summary["elements"] > 96
    assert summary["load_case"]["caps"] is True
    assert summary["sed_mean_mpa"] > 0


def refused(capsys, *arguments: str) -> str:
    """Text of a refusal with exit code 2."""
    assert main(["solve", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_missing_file_is_bad_input(tmp_path, capsys):
    """Nothing is written."""
    out = tmp_path / "run"
    assert "none.npy" in refused(capsys, str(tmp_path / "none.npy"), "--voxel-mm", "1", "--out", str(out))
    assert list(tmp_path.iterdir()) == []


def test_no_bone_at_a_loaded_face_is_bad_input(tmp_path, capsys):
    """The upper layer is empty: the sentence names the face."""
    mask = np.ones((4, 4, 6), np.uint8)
    mask[:, :, -1] = 0
    np.save(tmp_path / "mask.npy", mask)
    message = refused(capsys, str(tmp_path / "mask.npy"), "--voxel-mm", "1", "--out", str(tmp_path / "run"))
    assert "z-max" in message
    assert [path.name for path in tmp_path.iterdir()] == ["mask.npy"]


def test_nan_in_the_mask_is_bad_input(tmp_path, capsys):
    """A floating mask with one NaN."""
    mask = np.ones((4, 4, 4), np.float32)
    mask[1, 2, 3] = np.nan
    np.save(tmp_path / "mask.npy", mask)
    assert "mask.npy" in refused(capsys, str(tmp_path / "mask.npy"), "--voxel-mm", "1")


def test_a_mask_on_another_grid_is_bad_input(tmp_path, density, capsys):
    """A mask shifted by half a voxel."""
    image = nibabel.Nifti1Image.from_filename(density[2])
    affine = image.affine.copy()
    affine[0, 3] += 1.0
    save_nifti(np.asarray(image.dataobj), affine, tmp_path / "shifted.nii.gz")
    message = refused(
        capsys, density[0], "--mask", str(tmp_path / "shifted.nii.gz"), "--label", "22",
        "--law", "kopperdahl-2002", "--density-type", "k2hpo4",
    )  # fmt: skip
    assert "origin" in message or "grid" in message


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--label", "7", "--law", "kopperdahl-2002", "--density-type", "ha"], "found: 22"),
        (["--law", "koperdahl", "--density-type", "ha"], "kopperdahl-2002"),
        (["--law", "kopperdahl-2002"], "--density-type"),
        (["--modulus-mpa", "5", "--law", "kopperdahl-2002", "--density-type", "ha"], "binary masks"),
    ],
)
def test_a_density_image_needs_law_type_and_label(density, capsys, extra, words):
    """Each missing or wrong word is named."""
    assert words in refused(capsys, *density, *extra)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--load", "axail"], "axial"),
        (["--strain", "-0.01", "--displacement-mm", "-1"], "exactly one"),
        (["--strain", "0"], "not zero"),
        (["--modulus-mpa", "-3"], "positive"),
        (["--law", "kopperdahl-2002"], "--mask"),
        (["--maps"], "--out"),
        (["--export", "inp"], "--out"),
        (["--morphometry"], "--out"),
        (["--poisson", "0.7"], "poisson"),
    ],
)
def test_wrong_numbers_are_bad_input(cube, capsys, extra, words):
    """Each is one sentence."""
    assert words in refused(capsys, cube, "--voxel-mm", "1", *extra)


def test_a_file_without_voxel_size_needs_one(cube, capsys):
    """NumPy arrays state no spacing."""
    assert "voxel" in refused(capsys, cube)


def test_an_unreachable_tolerance_is_not_converged(tmp_path, cube, capsys):
    """One iteration is too few: exit code 3 and no folder."""
    code = main(
        ["solve", cube, "--voxel-mm", "1", "--rtol", "1e-12", "--max-iterations", "1",
         "--out", str(tmp_path / "run")]
    )  # fmt: skip
    assert code == 3
    assert "residual" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["cube.npy"]


def test_the_memory_plan_of_a_solve_is_right_within_a_fifth():
    """|plan / measured - 1| <= 0.2 for every measured `osteon solve` with an empty cache"""
    results = json.loads((ROOT / "benchmarks" / "results" / "solver.json").read_text())["results"]
    elements = {row["case"]: row["elements"] for row in results if row["program"] == "osteon"}
    measured = {
        row["case"]: row["empty_cache"]["peak_memory_mb"]
        for row in results
        if row["program"] == "osteon solve"
    }
    assert len(measured) >= 4
    for case, peak_mb in measured.items():
        assert 1024 * memory_plan_gb(elements[case], task="solve") == pytest.approx(peak_mb, rel=0.2), case


def test_a_model_too_large_is_refused_before_it_is_made(cube, capsys):
    """The memory plan grows with the elements; a limit below it gives code 4 with both numbers."""
    assert memory_plan_gb(10**6) > memory_plan_gb(10**3)
    assert main(["solve", cube, "--voxel-mm", "1", "--memory-gb", "0.01"]) == 4
    assert "limit is 0.01 GB" in capsys.readouterr().err


def test_published_answer_of_mask_50(tmp_path, shared_data):
    """126.28736 N, 830.2916 MPa, centroid energy mean 0.1623914 MPa (PETSc, ParOSol, CalculiX)."""
    summary = solve(tmp_path / "run", str(shared_data / "trab_human_lhdl3155_mask_50.npz"))
    assert summary["dofs"] == 155343
    assert summary["reaction_n"] == pytest.approx(126.28736, rel=1e-5)
    assert summary["apparent_modulus_mpa"] == pytest.approx(830.2916, rel=1e-5)
    assert summary["sed_centroid_mean_mpa"] == pytest.approx(0.1623914, rel=1e-4)
    assert summary["sed_centroid_max_mpa"] == pytest.approx(5.40095, rel=1e-3)


def test_a_cube_in_bending_torsion_and_shear_reports_what_does_work(tmp_path, cube, capsys):
    """summary.json: generalised force and displacement with units; no axial stiffness or strength"""
    wanted = {
        "bending-x": (["--angle-deg", "0.5"], "N mm", "rad", np.radians(0.5)),
        "shear-x": (["--strain", "0.01"], "N", "mm", 0.04),
    }
    for name, (size, unit, moved, value) in wanted.items():
        summary = solve(tmp_path / name, cube, "--voxel-mm", "0.5", "--load", name, *size)
        assert summary["load_case"]["name"] == name
        assert summary["generalised_force"]["unit"] == unit
        assert summary["generalised_force"]["value"] > 0
        assert summary["generalised_displacement"] == {"value": pytest.approx(value), "unit": moved}
        assert summary["apparent_modulus_mpa"] is None
        assert summary["strength_pistoia_n"] is None
    assert "moment N mm" in capsys.readouterr().out


def test_a_pressed_cube_answers_with_a_displacement(tmp_path, cube):
    """v = 0: shortening p L / E; reaction p A"""
    summary = solve(
        tmp_path / "run", cube, "--voxel-mm", "0.5", "--load", "pressure", "--pressure-mpa", "2",
        "--poisson", "0", "--rtol", "1e-10",
    )  # fmt: skip
    assert summary["reaction_n"] == pytest.approx(2 * 16.0)
    assert summary["generalised_displacement"]["value"] == pytest.approx(2 * 4 / 10000)


@pytest.mark.parametrize("name", ["stiffness-kubc", "stiffness-periodic"])
def test_the_stiffness_of_a_solid_cube_is_printed_and_written(tmp_path, cube, capsys, name):
    """C = E C(v); E1 = E2 = E3 = E, nu = v"""
    summary = solve(tmp_path / "run", cube, "--voxel-mm", "0.5", "--load", name, "--modulus-mpa", "1000")
    axial = 1000 * 0.7 / (1.3 * 0.4)
    assert summary["stiffness_mpa"][0][0] == pytest.approx(axial, rel=1e-6)
    assert summary["stiffness_mpa"][3][3] == pytest.approx(1000 / 2.6, rel=1e-6)
    assert summary["orthotropic"]["young_mpa"] == pytest.approx([1000] * 3, rel=1e-6)
    assert summary["orthotropic"]["poisson"]["13"] == pytest.approx(0.3, rel=1e-6)
    assert summary["fabric"] is None
    assert "E3 1000 MPa" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--load", "bending"], "it must be one of axial, uniaxial"),
        (["--load", "bending-x", "--strain", "0.01"], "--load bending-x takes --angle-deg, got --strain"),
        (["--load", "force"], "--load force needs --force-n"),
        (["--load", "periodic"], "takes --strain-tensor XX YY ZZ YZ XZ XY"),
        (["--load", "axial", "--strain-tensor", *"000001"], "is for kinematic-uniform and periodic"),
        (["--load", "stiffness-kubc", "--strain", "0.1"], "takes no size"),
        (["--load", "torsion", "--angle-deg", "90"], "must be below 1 rad"),
        (["--load", "axial", "--angle-deg", "1"], "takes --strain or --displacement-mm, got --angle-deg"),
    ],
)
def test_a_load_or_size_that_makes_no_sense_is_a_sentence(cube, capsys, arguments, sentence):
    """exit code 2"""
    assert main(["solve", cube, "--voxel-mm", "0.5", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_a_cube_pushed_beyond_yield_has_the_strength_of_its_material(tmp_path, cube, capsys):
    """Frictionless: offset yield where E (e - 0.002) = E (0.0081 + 0.05 (e - 0.0081)), F = A s; a figure"""
    summary = solve(
        tmp_path / "run", cube, "--voxel-mm", "0.5", "--modulus-mpa", "5000", "--load", "uniaxial",
        "--strength", "nonlinear", "--strength-steps", "10", "--strength-strain", "0.02",
    )  # fmt: skip
    read = summary["nonlinear"]
    strain = (0.0081 * 0.95 + 0.002) / 0.95
    assert read["yield_strain"] == pytest.approx(strain, rel=2e-3)
    assert read["yield_force_n"] == pytest.approx(5000 * (strain - 0.002) * 16, rel=2e-3)
    assert read["force_at_stated_strain_n"] == pytest.approx(5000 * (0.0081 + 0.05 * 0.0109) * 16, rel=1e-4)
    assert read["yielded_share_at_yield"] == pytest.approx(1.0)
    assert read["greatest_force_is_a_maximum"] is False
    assert read["surface"]["name"] == "bone-tissue"
    assert len(read["curve"]["force_n"]) == 10
    assert summary["strength_pistoia_energy"] == "centroid"
    assert summary["strength_pistoia_mean_energy_n"] == pytest.approx(summary["strength_pistoia_n"], rel=1e-5)
    assert (tmp_path / "run" / "figures" / "strength.png").read_bytes()[:4] == b"\x89PNG"
    assert "N at 1.9 %" in capsys.readouterr().out


@pytest.mark.slow
def test_the_nonlinear_strength_of_a_density_image_is_that_of_its_law(tmp_path, density):
    """0.2 g/cm3: y = -0.75 + 24.9 * 0.2 = 4.23 MPa over 8 x 8 mm; caps do not yield"""
    words = ["--law", "kopperdahl-2002", "--density-type", "k2hpo4", "--strength", "nonlinear"]
    words += ["--strength-steps", "8"]
    summary = solve(tmp_path / "run", *density, *words, "--load", "uniaxial")
    assert summary["nonlinear"]["yield_force_n"] == pytest.approx(4.23 * 64, rel=0.05)
    capped = solve(tmp_path / "caps", *density, *words, "--load", "pmma-axial")
    assert capped["nonlinear"]["height_mm"] == 12.0
    assert 0 < capped["nonlinear"]["yielded_share_at_yield"] <= 1


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--law", "morgan-2003", "--density-type", "apparent"], "kopperdahl-2002"),
        (["--law", "kopperdahl-2002", "--density-type", "ha", "--strength-strain", "3"], "--strength-strain"),
        (["--law", "kopperdahl-2002", "--density-type", "ha", "--strength-steps", "1"], "--strength-steps"),
    ],
)
def test_a_nonlinear_strength_that_cannot_be_is_bad_input(density, capsys, extra, words):
    """a law without yield stress, a strain of 300 %, a single increment"""
    assert words in refused(capsys, *density, *extra, "--strength", "nonlinear")
